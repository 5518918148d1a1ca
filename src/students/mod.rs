//! Students: name and e-mail address.

pub mod api;
mod index;
mod roll;
pub mod store;

use email_address::EmailAddress;

pub use self::roll::Roll;
use crate::registrar::record_text;

/// Checks an e-mail address: an address of RFC 5322 without comments or display name.
///
/// # Errors
/// If the value is invalid: the reason, worded for the client.
pub fn email(given: &str) -> Result<String, String> {
    let email = record_text(given)?;
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&email, options) {
        Ok(_) => Ok(email),
        Err(_) => Err("must be an e-mail address like zoe@example.edu".to_owned()),
    }
}
