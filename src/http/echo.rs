//! Shortens parts of a request that an error message repeats.

use std::borrow::Cow;

/// Characters of a name or a value that are repeated; no name of this program is as long.
const MAX_EXCERPT: usize = 64;

/// The text, shortened to 64 characters and an ellipsis if it is longer.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    excerpt_of(text, MAX_EXCERPT)
}

/// The text, shortened to `max` characters and an ellipsis if it is longer.
#[must_use]
pub fn excerpt_of(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_unchanged_and_a_long_one_is_cut() {
        assert_eq!(excerpt(""), "");
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}
