//! Mappings of a school's tables of any text.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use matricula_fuzz_service::OwnTables;

thread_local! {
    static TABLES: OwnTables = OwnTables::new();
}

fuzz_target!(|text: &str| -> Corpus {
    if TABLES.with(|tables| tables.adopt(text)) { Corpus::Keep } else { Corpus::Reject }
});
