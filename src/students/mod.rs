//! Students: a name and an address.

pub mod api;
mod index;
mod roll;
pub mod store;

use email_address::EmailAddress;

pub use self::roll::Roll;
use crate::registrar::record_text;

/// An address as we let it in: a text, and an address by RFC 5322 without comments or display name.
///
/// # Errors
/// What is wrong with it.
pub fn email(given: &str) -> Result<String, String> {
    let email = record_text(given)?;
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&email, options) {
        Ok(_) => Ok(email),
        Err(error) => Err(format!("must be an e-mail address: {}", error.to_string().to_lowercase())),
    }
}
