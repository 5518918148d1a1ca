//! Characters that a name must not have: invisible ones and those that change how other text reads. Two names that
//! look the same are the same to people; a name that changes the direction of text reorders the words around it.

/// Returns what is wrong with a trimmed text: a message about the first character that is not allowed where it is.
pub(super) fn fault(text: &str) -> Option<String> {
    let mut before = None;
    for character in text.chars() {
        if let Some(why) = rejection(character, before) {
            if text.chars().all(|character| character.is_whitespace() || is_invisible(character)) {
                return Some("must have a visible character".to_owned());
            }
            return Some(format!("must not have the character U+{:04X}, which {why}", u32::from(character)));
        }
        before = Some(character);
    }
    None
}

/// The text without characters that are not allowed where they are, and without white space at its start.
pub(super) fn without_faults(text: &str) -> String {
    let mut kept = String::new();
    let mut before = None;
    for character in text.chars() {
        let is_at_start = before.is_none() && character.is_whitespace();
        if !is_at_start && !character.is_control() && rejection(character, before).is_none() {
            kept.push(character);
            before = Some(character);
        }
    }
    kept
}

fn rejection(character: char, before: Option<char>) -> Option<&'static str> {
    const INVISIBLE: &str = "is invisible";
    if changes_direction(character) {
        return Some("changes the direction of text");
    }
    match character {
        '\u{2028}' | '\u{2029}' => Some("breaks the line"),
        // Between letters of many scripts, and between the parts of an emoji; alone, or twice, they have no effect.
        ZWNJ | ZWJ => (before.is_none_or(|before| !can_precede_joiner(before) || is_joiner(before)))
            .then_some(INVISIBLE),
        // They change the look of the previous character.
        _ if selects_a_variant(character) => {
            before.is_none_or(|before| !can_precede_joiner(before)).then_some(INVISIBLE)
        }
        // The flags of England, Scotland and Wales are a black flag and invisible letters.
        '\u{e0020}'..='\u{e007f}' => {
            before.is_none_or(|before| before != '\u{1f3f4}' && !is_tag(before)).then_some(INVISIBLE)
        }
        _ => is_invisible(character).then_some(INVISIBLE),
    }
}

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

fn is_joiner(character: char) -> bool {
    matches!(character, ZWNJ | ZWJ)
}

/// Whether the character is invisible, except perhaps for its effect on those next to it.
pub(super) fn is_unseen(character: char) -> bool {
    is_joiner(character) || selects_a_variant(character)
}

/// Whether a joiner or a variation selector can follow.
fn can_precede_joiner(character: char) -> bool {
    !character.is_whitespace() && !is_tag(character) || character == '\u{e007f}'
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0020}'..='\u{e007f}')
}

fn selects_a_variant(character: char) -> bool {
    matches!(character, '\u{34f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Unicode's `Bidi_Control`: marks, embeddings, overrides and isolates.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Unicode's `Default_Ignorable_Code_Point`, and blank letters and symbols.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    changes_direction(character)
        || is_joiner(character)
        || selects_a_variant(character)
        || matches!(
            character,
            '\u{ad}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{2028}'..='\u{2029}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Characters that no text may have by themselves: control characters and those that [`fault`] rejects, without
/// those above U+FFFF, which need a flag in some regular expression engines.
macro_rules! invisible {
    () => {
        r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    };
}

/// A visible character.
macro_rules! visible {
    () => {
        concat!("[^", invisible!(), r" \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
    };
}

/// What may follow a visible character: variation selectors and joiners, but not two joiners in a row.
macro_rules! joiners {
    () => {
        r"(?:(?:[\u200c\u200d]?[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f])+[\u200c\u200d]?|[\u200c\u200d])"
    };
}

/// A regular expression (ECMA-262) for the texts in which [`fault`] finds nothing: not only white space, and joiners
/// only after a visible character.
pub const VISIBLE_TEXT: &str = concat!(
    "^[^",
    invisible!(),
    "]*",
    visible!(),
    joiners!(),
    "?(?:[^",
    invisible!(),
    "]|",
    visible!(),
    joiners!(),
    ")*$"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_without_fault_is_visible_and_does_not_change_direction(text in "[a\u{200b}-\u{202e} \u{fe0f}\u{1f3f4}\u{e0041}\u{e007f}]{1,6}") {
            let text = text.trim();
            if !text.is_empty() && fault(text).is_none() {
                prop_assert!(text.chars().any(|character| !is_invisible(character)));
                prop_assert!(!text.chars().any(changes_direction));
                prop_assert!(!is_invisible(text.chars().next().unwrap()));
            }
        }

        #[test]
        fn what_is_left_of_a_text_has_no_fault(text in "[a\u{1}\u{200b}-\u{202e} \u{fe0f}\u{1f3f4}\u{e0041}\u{e007f}]{0,6}") {
            let left = without_faults(&text);
            prop_assert_eq!(fault(left.trim()), None);
            prop_assert!(!left.chars().any(char::is_control));
            if fault(text.trim()).is_none() && !text.chars().any(char::is_control) {
                prop_assert_eq!(left.trim(), text.trim());
            }
        }
    }
}
