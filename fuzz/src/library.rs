//! Panics of the library that reads workbooks.

use std::panic;
use std::sync::{Mutex, Once};

/// Lets the reader of workbooks catch the panics of its library, as it does in the server: the fuzzer ends at every other
/// panic. Each place is printed once.
pub fn report_panics_of_the_library() {
    static ONCE: Once = Once::new();
    static PLACES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    ONCE.call_once(|| {
        let end = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            if !place.contains("/calamine-") {
                return end(info);
            }
            if let Ok(mut places) = PLACES.lock()
                && !places.contains(&place)
            {
                eprintln!("the library panicked: {info}");
                places.push(place);
            }
        }));
    });
}
