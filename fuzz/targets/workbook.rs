//! The parts of an XLSX workbook, which is packed here.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use matricula_fuzz::files::reading::Source;
use matricula_fuzz::{Pack, mutate_markup, read_and_check, report_panics_of_the_library, zipped};

fuzz_target!(|input: &[u8]| {
    report_panics_of_the_library();
    let pack = Pack::from_input(input);
    if let Some(bytes) = zipped(&pack.files) {
        read_and_check(&[Source { name: "a.xlsx".to_owned(), bytes }], &pack.options);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate_markup(data, size, max_size, seed)
});
