//! One request: JSON bodies, forms, queries, cursors, cookies, tokens and conditions of any bytes.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::{Corpus, fuzz_target};
use matricula_fuzz_service::Service;

thread_local! {
    static SERVICE: RefCell<Service> = RefCell::new(Service::new());
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let is_request = SERVICE.with(|service| service.borrow_mut().ask(input));
    if is_request { Corpus::Keep } else { Corpus::Reject }
});
