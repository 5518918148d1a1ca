//! Texts as the fields of records take them.

use super::visible;

/// The longest text that a field takes, in characters.
pub const MAX_TEXT: usize = 255;

/// A text as we let it in: trimmed, 1 to 255 characters, no control characters, nothing that cannot be seen or that turns
/// the direction of what is around it.
///
/// # Errors
/// What is wrong with it.
pub fn text(given: &str) -> Result<String, String> {
    let text = typed(given)?;
    match visible::fault(text) {
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// A text as it may be searched for: trimmed, 1 to 255 characters, no control characters. Names that another program wrote
/// may have what is not seen, and have to be found by it.
///
/// # Errors
/// What is wrong with it.
pub fn typed(given: &str) -> Result<&str, String> {
    let text = given.trim();
    match text.chars().count() {
        0 => Err("must not be empty".to_owned()),
        1..=MAX_TEXT if text.chars().any(char::is_control) => {
            Err("must not have control characters".to_owned())
        }
        1..=MAX_TEXT => Ok(text),
        length => Err(format!("must have {MAX_TEXT} characters at most, not {length}")),
    }
}
