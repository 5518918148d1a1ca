//! A password that somebody typed, and the rules for a new one.

use std::fmt;
use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use zeroize::Zeroizing;

/// The minimum length of a password in characters. ASVS 5.0 (6.2.1) requires 8 and recommends 15, which is also what
/// NIST SP 800-63B-4 (3.1.1.2) requires of a password without a second factor; 12 is between them.
pub const MIN_CHARACTERS: usize = 12;
/// The maximum length in characters. ASVS 5.0 (6.2.9) and NIST ask for at least 64; passphrases and password managers
/// stay below this.
pub const MAX_CHARACTERS: usize = 256;
/// Names shorter than this are in too many words to be refused in a password.
const MIN_NAME: usize = 4;

/// Common passwords (ASVS 5.0, 6.2.4; NIST SP 800-63B-4, 3.1.1.2), which attackers try first. A list of 20,000 has 190
/// of this length; ASVS asks for 3,000.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("common.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// A password that somebody typed, in Unicode Normalization Form C, so that it is the same from every keyboard (NIST SP
/// 800-63B-4, 3.1.1.2; RFC 8265). Otherwise every character counts as it was typed: nothing is trimmed or cut off
/// (ASVS 5.0, 6.2.8).
///
/// Its `Debug` output has no part of it; it cannot be cloned, and it is overwritten in memory when it is dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password of a person who signs in. No rules apply: a password from the time of other rules remains valid.
    #[must_use]
    pub fn new(text: String) -> Self {
        let typed = Zeroizing::new(text);
        if is_nfc(&typed) {
            return Self(typed);
        }
        // A composed text has at most three times as many bytes; a larger one would be moved, and leave a copy behind.
        let mut composed = Zeroizing::new(String::with_capacity(3 * typed.len()));
        composed.extend(typed.nfc());
        Self(composed)
    }

    /// The text that is hashed.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// A new password of an account. `names` are texts that it must not contain, such as the name and the e-mail
    /// address of the account; of an address, that is the part before `@`. Names with fewer than 4 characters are
    /// ignored, and so are upper and lower case (ASVS 5.0, 6.2.11).
    ///
    /// # Errors
    /// The first rule that the password breaks. There is none about kinds of characters (ASVS 5.0, 6.2.5).
    pub fn new_for_account(text: String, names: &[&str]) -> Result<Self, WeakPassword> {
        let password = Self::new(text);
        let length = password.0.chars().count();
        if length < MIN_CHARACTERS {
            return Err(WeakPassword::TooShort);
        }
        if length > MAX_CHARACTERS {
            return Err(WeakPassword::TooLong);
        }
        let folded = Zeroizing::new(password.0.to_lowercase());
        if is_repeated(&folded) {
            return Err(WeakPassword::Repeated);
        }
        if is_run(&folded, 1) || is_run(&folded, -1) {
            return Err(WeakPassword::Run);
        }
        if COMMON.contains(&folded.as_str()) {
            return Err(WeakPassword::Common);
        }
        if names.iter().any(|name| contains_name(&folded, name)) {
            return Err(WeakPassword::Name);
        }
        Ok(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The rule that a new password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It has fewer than [`MIN_CHARACTERS`].
    #[error("must have at least {MIN_CHARACTERS} characters")]
    TooShort,
    /// It has more than [`MAX_CHARACTERS`].
    #[error("must have at most {MAX_CHARACTERS} characters")]
    TooLong,
    /// It is one character, again and again.
    #[error("must not be one character repeated")]
    Repeated,
    /// Each character follows the one before in the alphabet or among the digits, or precedes it.
    #[error("must not be a simple run of letters or digits, like abcdefghijkl")]
    Run,
    /// It is on the list of common passwords.
    #[error("must not be a common password: attackers try those first")]
    Common,
    /// It contains a name of the account.
    #[error("must not contain the account's name or the part of its e-mail address before the @")]
    Name,
}

fn is_repeated(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.all(|it| Some(it) == first)
}

/// Whether each character is `step` after the one before; 0 follows 9, and a follows z.
fn is_run(text: &str, step: i32) -> bool {
    let next = |it: char| {
        let (first, length) = match it {
            '0'..='9' => ('0', 10),
            'a'..='z' => ('a', 26),
            _ => return char::from_u32(u32::from(it).checked_add_signed(step)?),
        };
        let place = u32::from(it) - u32::from(first);
        let place = (place + length).checked_add_signed(step)? % length;
        char::from_u32(u32::from(first) + place)
    };
    text.chars().zip(text.chars().skip(1)).all(|(it, following)| next(it) == Some(following))
}

/// Whether a password in lower case contains a name, or the part of an address before `@`, also without its spaces.
fn contains_name(folded: &str, name: &str) -> bool {
    let name = name.rsplit_once('@').map_or(name, |(local, _)| local);
    let name: String = name.trim().nfc().flat_map(char::to_lowercase).collect();
    let joined: String = name.split_whitespace().collect();
    [name, joined].iter().any(|name| name.chars().count() >= MIN_NAME && folded.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse battery";

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    fn weakness(text: &str) -> Option<WeakPassword> {
        let names = ["Zoë Ångström", "zoe.angstrom@example.edu", "Bo"];
        Password::new_for_account(text.to_owned(), &names).err()
    }

    #[test]
    fn a_password_has_12_to_256_characters_of_any_kind() {
        for good in [
            GOOD,
            "zebra lamp 7",
            "  spaces in front",
            "пароль из слов",
            "🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🦒",
            &"ab".repeat(128),
        ] {
            assert_eq!(weakness(good), None, "{good}");
        }
        assert_eq!(weakness("zebra lamp "), Some(WeakPassword::TooShort));
        assert_eq!(weakness("🐘🐘🐘🦒"), Some(WeakPassword::TooShort), "characters count, not bytes");
        assert_eq!(weakness(&"ab".repeat(129)), Some(WeakPassword::TooLong));
        assert_eq!(weakness(""), Some(WeakPassword::TooShort));
    }

    #[test]
    fn common_passwords_are_refused_in_upper_and_lower_case() {
        for common in ["password1234", "PassWord1234", "needforspeed", "qwertyuiop[]"] {
            assert_eq!(weakness(common), Some(WeakPassword::Common), "{common}");
        }
        // Only the whole password counts, as NIST SP 800-63B-4 says.
        assert_eq!(weakness("password1234 of mine"), None);
    }

    #[test]
    fn the_list_of_common_passwords_has_what_a_password_could_be() {
        assert_eq!(COMMON.len(), 190);
        for common in &*COMMON {
            assert!(common.chars().count() >= MIN_CHARACTERS, "{common}");
            assert!(is_nfc(common) && common.to_lowercase() == *common, "{common}");
        }
    }

    #[test]
    fn one_character_and_simple_runs_are_refused() {
        for repeated in ["aaaaaaaaaaaa", "AaAaAaAaAaAa", "            ", "🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘🐘"]
        {
            assert_eq!(weakness(repeated), Some(WeakPassword::Repeated), "{repeated}");
        }
        for run in
            ["abcdefghijkl", "ABCdefGHIjkl", "uvwxyzabcdef", "fedcbazyxwvu", "123456789012", "432109876543"]
        {
            assert_eq!(weakness(run), Some(WeakPassword::Run), "{run}");
        }
        assert_eq!(weakness("абвгдежзийкл"), Some(WeakPassword::Run));
        assert_eq!(weakness("abcdefghijk1"), None);
    }

    #[test]
    fn the_names_of_the_account_are_refused_within_a_password() {
        for named in [
            "my zoë ångström!",
            "MyZOËÅngström1",
            "xx zoe.angstrom xx",
            "Zoe.Angstrom2026",
            "zoe\u{308}a\u{30a}ngstro\u{308}m!",
        ] {
            assert_eq!(weakness(named), Some(WeakPassword::Name), "{named}");
        }
        // The host of the address is not the account's name, and a short name is in too many words.
        assert_eq!(weakness("example.edu, bookshelf"), None);
    }

    #[test]
    fn messages_name_the_rule() {
        assert_eq!(WeakPassword::TooShort.to_string(), "must have at least 12 characters");
        assert_eq!(WeakPassword::TooLong.to_string(), "must have at most 256 characters");
    }

    #[test]
    fn composed_and_decomposed_accents_are_the_same_password() {
        assert_eq!(*password("the\u{301} au lait").0, "th\u{e9} au lait");
        // No compatibility forms: these are different keys on a keyboard.
        assert_eq!(*password("x² ﬁ  ").0, "x² ﬁ  ");
        // The text that grows most, without being moved.
        let longest = password(&"\u{1d160}".repeat(10));
        assert_eq!((longest.0.len(), longest.0.capacity()), (120, 120));
    }

    #[test]
    fn debug_output_has_no_part_of_a_password() {
        assert_eq!(format!("{:?}", password(GOOD)), "Password");
    }
}
