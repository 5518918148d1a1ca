//! Texts that look the same but have different characters.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::visible::is_unseen;

/// Whether two texts are canonically equivalent (Unicode Standard Annex 15): `é` as one character or as two.
#[must_use]
pub fn is_same(one: &str, two: &str) -> bool {
    one == two || (!(one.is_ascii() && two.is_ascii()) && one.nfc().eq(two.nfc()))
}

/// The text as people see it: composed, with each run of white space as one blank, without invisible characters. People
/// cannot distinguish texts with the same look.
#[must_use]
pub fn look(text: &str) -> Cow<'_, str> {
    let is_plain = text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes;
    let is_odd = |character: char| character != ' ' && character.is_whitespace() || is_unseen(character);
    if is_plain && !text.contains(is_odd) && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len());
    for character in text.nfc().filter(|character| !is_unseen(*character)) {
        match character {
            _ if !character.is_whitespace() => seen.push(character),
            _ if seen.ends_with(' ') => {}
            _ => seen.push(' '),
        }
    }
    Cow::Owned(seen)
}

/// Other texts with the same [`look`]: the usual ones, since there are endlessly many.
#[must_use]
pub fn spellings(text: &str) -> Vec<String> {
    if text.is_ascii() && !text.contains(' ') {
        return Vec::new();
    }
    let look = look(text);
    let mut others = vec![look.nfd().collect(), look.replace(' ', "\u{a0}"), look.clone().into_owned()];
    others.retain(|other: &String| other != text);
    others.sort_unstable();
    others.dedup();
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_the_same_have_one_look() {
        for (one, two) in [
            ("Zo\u{eb}", "Zoe\u{308}"),
            ("A 1", "A\u{a0}1"),
            ("A 1", "A \u{2003} 1"),
            ("A1", "A\u{200d}1"),
            ("A1", "A\u{fe0f}1"),
        ] {
            assert_eq!(look(one), look(two), "{one:?}");
        }
        for (one, two) in [("A1", "a1"), ("A1", "A 1"), ("01", "1"), ("\u{e9}", "e")] {
            assert_ne!(look(one), look(two), "{one:?}");
        }
        assert!(is_same("Zo\u{eb}", "Zoe\u{308}") && !is_same("A 1", "A\u{a0}1") && !is_same("a", "A"));
    }

    #[test]
    fn a_text_has_its_usual_spellings() {
        assert_eq!(spellings("0042"), [""; 0]);
        assert_eq!(spellings("A 1"), ["A\u{a0}1"]);
        assert_eq!(spellings("A\u{a0}1"), ["A 1"]);
        assert_eq!(spellings("Zo\u{eb}1"), ["Zoe\u{308}1"]);
        assert_eq!(spellings("Zoe\u{308}1"), ["Zo\u{eb}1"]);
    }
}
