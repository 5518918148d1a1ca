//! Delimited text of any bytes: one file or several.
#![no_main]

use libfuzzer_sys::fuzz_target;
use matricula_fuzz::{Pack, read_and_check};

fuzz_target!(|input: &[u8]| {
    let pack = Pack::from_input(input);
    read_and_check(&pack.files, &pack.options);
});
