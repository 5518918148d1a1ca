//! Ids that exports make up for records without a number or code: `m1a2b3c4d-5`, a tag of the school and the id of the
//! record there.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// The letter and hexadecimal digits before the hyphen.
const TAG_LENGTH: usize = 9;

/// What the made-up ids of a school begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchoolTag(String);

impl SchoolTag {
    /// The tag of the school that was set up at this time, as the database has it: this stays the same, and no other school
    /// has it.
    #[must_use]
    pub fn new(set_up: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(set_up.as_bytes());
        Self(format!("m{:08x}-", hasher.finish() & 0xffff_ffff))
    }

    /// The tag with its hyphen.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The made-up id of a record.
    #[must_use]
    pub fn id_of(&self, id: i64) -> String {
        format!("{}{id}", self.0)
    }

    /// The id of the record for which this school has made up an id; `None` for other ids.
    #[must_use]
    pub fn record_of(&self, made_up: &str) -> Option<i64> {
        let rest = made_up.strip_prefix(&self.0).filter(|_| is_made_up(made_up))?;
        rest.split('.').next()?.parse().ok()
    }
}

/// Whether an export has made up an id, in any school.
#[must_use]
pub fn is_made_up(id: &str) -> bool {
    let Some((tag, rest)) = id.split_once('-') else { return false };
    let is_hex =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    tag.len() == TAG_LENGTH
        && tag.strip_prefix('m').is_some_and(is_hex)
        && rest.starts_with(|first: char| first.is_ascii_digit())
        && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_id_is_known_by_its_form_and_its_school_by_the_tag() {
        let tag = SchoolTag::new("2026-09-01T08:00:00Z");
        let other = SchoolTag::new("2026-09-01T08:00:01Z");
        let again = format!("{}.1.1", tag.id_of(5));
        for id in [tag.id_of(5), again, other.id_of(5)] {
            assert!(is_made_up(&id), "{id}");
            assert_eq!(tag.record_of(&id), (!id.starts_with(other.as_str())).then_some(5), "{id}");
        }
        for id in ["0042", "m000000ab", "m000000ab-x", "math-101", "m000000AB-5"] {
            assert!(!is_made_up(id), "{id}");
        }
    }
}
