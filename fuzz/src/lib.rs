//! What the targets share: the readers themselves, inputs of several files, and what holds for every reading.

// The check names the modules as the tests do, from outside.
extern crate self as matricula;

// Only the modules that read files are compiled, so that a change is fuzzed within a minute.
#[path = "../../src/clock.rs"]
#[allow(dead_code)]
pub mod clock;
#[path = "../../src/count.rs"]
#[allow(dead_code)]
pub mod count;
#[path = "../../src/files/mod.rs"]
#[allow(dead_code)]
pub mod files;
#[path = "../../src/text/mod.rs"]
#[allow(dead_code)]
pub mod text;

/// Nobody waits for a fuzzer.
pub mod priority {
    pub fn pause_if_due() {}
}

mod check;
mod library;
mod memory;
mod mutate;
mod pack;

pub use self::check::read_and_check;
pub use self::library::report_panics_of_the_library;
pub use self::mutate::mutate_markup;
pub use self::pack::{Pack, zipped};
