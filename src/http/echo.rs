//! How much of a request is given back in a refusal: enough to recognize it, however long it was.

use std::borrow::Cow;

/// Characters of a name or a value that are repeated; no name of ours has as many.
const REPEATED: usize = 64;

/// The text, or its beginning and an ellipsis where it is longer than 64 characters.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    excerpt_of(text, REPEATED)
}

/// The text, or its first `most` characters and an ellipsis.
#[must_use]
pub fn excerpt_of(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_repeated_whole_and_of_the_rest_the_beginning() {
        assert_eq!(excerpt(""), "");
        assert_eq!(excerpt(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(excerpt(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}
