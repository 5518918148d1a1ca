//! The files of a zip archive, which is packed here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matricula_fuzz::files::reading::Source;
use matricula_fuzz::{Pack, read_and_check, report_panics_of_the_library, zipped};

fuzz_target!(|input: &[u8]| {
    report_panics_of_the_library();
    let pack = Pack::from_input(input);
    if let Some(bytes) = zipped(&pack.files) {
        read_and_check(&[Source { name: "a.zip".to_owned(), bytes }], &pack.options);
    }
});
