//! Validates texts for the fields of records, and for searches.

pub mod collation;
mod folding;
mod name_list;
mod spelling;
mod visible;

use email_address::EmailAddress;

pub use self::folding::{folded, words};
pub use self::name_list::{MAX_GROUP_NAME, MAX_GROUPS_OF_STUDENT, group_text, joined_names, split_names};
pub use self::spelling::{is_same, look, spellings};
pub use self::visible::{VISIBLE_TEXT, is_invisible};

/// The maximum length of a text, in characters.
pub const MAX_TEXT: usize = 255;

/// The maximum length of a reason, in characters: a sentence or two.
pub const MAX_REASON: usize = 500;

/// Validates a text for a field: trims it; it must have 1 to 255 characters, without control characters, invisible
/// characters, or characters that change the direction of the text around it.
///
/// # Errors
/// A message about what is wrong.
pub fn record_text(input: &str) -> Result<String, String> {
    let text = search_text(input)?;
    match visible::fault(text) {
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// Validates a reason: as [`record_text`], but up to 500 characters. `None` if it is blank.
///
/// # Errors
/// A message about what is wrong.
pub fn reason_text(input: &str) -> Result<Option<String>, String> {
    if input.trim().is_empty() {
        return Ok(None);
    }
    let text = trimmed_text(input, MAX_REASON)?;
    visible::fault(text).map_or_else(|| Ok(Some(text.to_owned())), Err)
}

/// What a [`record_text`] may have of a text that somebody else has written: without characters that it must not have, cut
/// to its length. May be empty.
#[must_use]
pub fn visible_text(input: &str) -> String {
    let mut text: String = visible::without_faults(input).chars().take(MAX_TEXT).collect();
    text.truncate(text.trim_end().len());
    text
}

/// Validates an e-mail address: a [`record_text`] that is an address of RFC 5322 without comments or display name.
///
/// # Errors
/// A message about what is wrong.
pub fn email_address(input: &str) -> Result<String, String> {
    let email = record_text(input)?;
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&email, options) {
        Ok(_) => Ok(email),
        Err(_) => Err("must be an e-mail address like zoe@example.edu".to_owned()),
    }
}

/// Validates a text to search for: trims it; it must have 1 to 255 characters, without control characters. Names that
/// another program wrote may have invisible characters, and must be found by them.
///
/// # Errors
/// A message about what is wrong.
pub fn search_text(input: &str) -> Result<&str, String> {
    trimmed_text(input, MAX_TEXT)
}

/// The trimmed text, if it has 1 to `max` characters and no control characters.
fn trimmed_text(input: &str, max: usize) -> Result<&str, String> {
    let text = input.trim();
    match text.chars().count() {
        0 => Err("must not be empty".to_owned()),
        length if length > max => Err(format!("must have at most {max} characters, not {length}")),
        _ if text.chars().any(char::is_control) => Err("must not have control characters".to_owned()),
        _ => Ok(text),
    }
}
