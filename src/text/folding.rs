//! Texts as people search for them: whatever they type for a letter finds the letter.

use unicode_normalization::UnicodeNormalization as _;

use super::visible::is_invisible;

/// The text without the differences that people do not type: in lower case, without accents, with one shape of
/// apostrophes and hyphens, without invisible characters, and with single blanks between words. Compatible characters
/// such as full-width letters are the same. Folding a folded text changes nothing.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        for byte in text.bytes() {
            push(&mut folded, shape(char::from(byte.to_ascii_lowercase())));
        }
    } else {
        let characters = text.chars().map(|character| match character {
            // Acute accents on their own, which would become blanks with an accent.
            '\u{b4}' | '\u{1ffd}' => '\'',
            _ => character,
        });
        let visible =
            characters.nfkd().filter(|character| !is_accent(*character) && !is_invisible(*character));
        let mut lower = String::with_capacity(text.len());
        for character in visible.flat_map(char::to_lowercase).map(shape) {
            match letters(character) {
                Some(letters) => lower.push_str(letters),
                None => push(&mut lower, character),
            }
        }
        // Composes the letters of scripts whose marks are not accents, which halves the size of Korean.
        folded.extend(lower.nfc());
    }
    folded.truncate(folded.trim_end_matches(' ').len());
    folded
}

/// The words of a folded text; commas separate words too, as in "Smith, John".
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split([' ', ',', '、', '،']).filter(|word| !word.is_empty())
}

/// Appends a character; white space and control characters become one blank between words.
fn push(folded: &mut String, character: char) {
    if !character.is_whitespace() && !character.is_control() {
        folded.push(character);
    } else if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
}

/// One character for all apostrophes, and one for all hyphens and dashes.
fn shape(character: char) -> char {
    match character {
        '`' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2b9}' | '\u{2bb}' | '\u{2bc}'
        | '\u{2be}' | '\u{2bf}' | '\u{55a}' | '\u{a78c}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        _ => character,
    }
}

/// What people type for a lower-case letter that has no decomposition.
fn letters(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'ŧ' => "t",
        // At the end of a word, Greek writes it in another way.
        'ς' => "σ",
        _ => return None,
    })
}

/// Whether the character is an accent on the letter before it: in Latin, Greek and Cyrillic, and the vowel signs that
/// Hebrew and Arabic usually leave out. Not the vowels of other scripts, without which a name is another one.
fn is_accent(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{487}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}'
            | '\u{5c4}'..='\u{5c5}'
            | '\u{5c7}'
            | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_is_what_is_stored() {
        for (stored, typed) in [
            ("López", "lopez"),
            ("Jose\u{301}", "Jos\u{e9}"),
            ("JOSÉ", "jose"),
            ("İstanbul", "istanbul"),
            ("İSTANBUL", "i\u{307}stanbul"),
            ("Işık", "isik"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("O\u{2019}Brien", "O'Brien"),
            ("O\u{2bc}Brien", "o`brien"),
            ("O\u{b4}Brien", "o\u{2018}brien"),
            ("Jean\u{2011}Luc", "jean-luc"),
            ("  a   b ", "a b"),
            ("A\u{a0}\u{2003}1", "a 1"),
            ("A\u{200d}1\u{ad}", "a1"),
            ("a\tb\u{1f}c", "a b c"),
            ("Ｚｏë", "zoe"),
            ("ΟΔΟΣ", "οδος"),
            ("Νίκος", "νικοσ"),
            ("Łódź", "lodz"),
            ("Søren Æther", "soren aether"),
            ("Ёлкин", "елкин"),
            ("أحمد", "احمد"),
        ] {
            assert_eq!(folded(stored), folded(typed), "{stored:?} {typed:?}");
        }
        assert_eq!(folded("  O\u{2019}Brien,\u{a0} JOSE\u{301} "), "o'brien, jose");
        assert_eq!(folded("가각"), "가각");
        assert_eq!((folded(""), folded("\u{200b} \u{301}")), (String::new(), String::new()));
    }

    #[test]
    fn letters_that_make_another_name_stay_different() {
        for (one, other) in
            [("か", "が"), ("कि", "क"), ("가", "각"), ("a'b", "ab"), ("a-b", "ab"), ("01", "1")]
        {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn commas_and_blanks_separate_words() {
        let words = |text| words(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words("smith, john"), ["smith", "john"]);
        assert_eq!(words("smith,john a-b o'c"), ["smith", "john", "a-b", "o'c"]);
        assert_eq!((words(" , "), words("")), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn a_folded_text_is_folded(text in any::<String>()) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once.clone());
            prop_assert_eq!(once.trim(), &once);
            prop_assert!(!once.contains("  ") && !once.chars().any(char::is_control));
        }

        #[test]
        fn composed_and_decomposed_texts_are_the_same(text in any::<String>()) {
            prop_assert_eq!(folded(&text.nfc().to_string()), folded(&text.nfd().to_string()));
            prop_assert_eq!(folded(&text.nfc().to_string()), folded(&text));
        }
    }
}
