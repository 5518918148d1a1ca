//! A zip archive or a workbook, byte by byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matricula_fuzz::files::reading::{Options, Source};
use matricula_fuzz::{read_and_check, report_panics_of_the_library};

fuzz_target!(|input: &[u8]| {
    report_panics_of_the_library();
    let file = Source { name: "a.xlsx".to_owned(), bytes: input.to_vec() };
    read_and_check(&[file], &Options::default());
});
