//! Ids of OneRoster CSV, which have 1 to 255 letters, digits and `. - _ / @`.
//!
//! A number or code with other characters, as `CS 101`, becomes an id from which it can be read again: `@CS@20101`. It
//! begins with `@`, and each other byte of UTF-8 is written as `@` and two hexadecimal digits. So does one that spreadsheets
//! make of other ids, as `12.0`, which would be refused when it is read: `@12.0`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::reading::looks_damaged;

const ESCAPE: char = '@';
/// The most characters of an id.
const MAX_ID: usize = 255;

/// The id for a number or code; `None` if it would be too long.
#[must_use]
pub fn id_of(text: &str) -> Option<Cow<'_, str>> {
    if is_id(text) && !looks_damaged(text) && escaped_text(text).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut id = String::from(ESCAPE);
    for byte in text.bytes() {
        if is_allowed(byte) && byte != b'@' {
            id.push(char::from(byte));
        } else {
            write!(id, "{ESCAPE}{byte:02x}").ok()?;
        }
    }
    is_id(&id).then_some(Cow::Owned(id))
}

/// The number or code of an id: the id itself, unless [`id_of`] has made it from another text.
#[must_use]
pub fn text_of(id: &str) -> Cow<'_, str> {
    escaped_text(id).map_or(Cow::Borrowed(id), Cow::Owned)
}

fn escaped_text(id: &str) -> Option<String> {
    let mut parts = id.strip_prefix(ESCAPE)?.split(ESCAPE);
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    // Other systems may have ids that only look like one of these.
    let text = String::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    (id_of(&text).as_deref() == Some(id)).then_some(text)
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_allowed)
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'@')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_few_characters_and_says_what_it_is_made_of() {
        for (text, id) in [
            ("0042", "0042"),
            ("MATH-101", "MATH-101"),
            ("a/b@c.d_e", "a/b@c.d_e"),
            ("@ana", "@ana"),
            ("CS 101", "@CS@20101"),
            ("12.0", "@12.0"),
            ("5-Jan", "@5-Jan"),
            ("N/A", "@N/A"),
            ("--", "@--"),
            ("Ñu", "@@c3@91u"),
            ("a@ b", "@a@40@20b"),
            ("@CS@20101", "@@40CS@4020101"),
        ] {
            assert_eq!(id_of(text).as_deref(), Some(id), "{text}");
            assert_eq!(text_of(id), text, "{id}");
        }
        assert_eq!(id_of(&"é".repeat(43)), None, "259 characters");
    }

    #[test]
    fn ids_of_other_systems_stay_as_they_are() {
        for id in ["@", "@CS@2", "@CS@zz1", "@CS@41", "@a@2B", "@x@ff", "@CS 101"] {
            assert_eq!(text_of(id), id);
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "[@ a-f0-9é.]{1,20}") {
            let id = id_of(&text).expect("it is short");
            prop_assert!(is_id(&id));
            prop_assert_eq!(text_of(&id), text.as_str());
        }
    }
}
