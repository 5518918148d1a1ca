//! What holds for every reading.

use std::panic;
use std::sync::{Mutex, Once};

use crate::files::reading::{Found, Options, Reading, Source, read};
use crate::text::record_text;

/// Reads files, and checks the reading.
pub fn read_and_check(files: &[Source], options: &Options) {
    let reading = read(files, options);
    check(&reading);
}

fn check(reading: &Reading) {
    assert!(!reading.is_refused() || reading.is_empty() && reading.refused.is_empty());
    for row in &reading.enrollments {
        assert!(!matches!(reading.person(row.student), Found::Person(person) if person.name.is_empty()));
        assert!(reading.course_keys.get(row.course).codes().all(|code| !code.is_empty()));
    }
    for row in &reading.refused {
        assert!(reading.files.len() > row.origin.file as usize && row.origin.line > 0);
        assert!(row.reason.to_string().ends_with('.'), "{}", row.reason);
    }
    for person in &reading.people {
        assert!(record_text(&person.name).is_ok_and(|name| *name == *person.name));
    }
}

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
