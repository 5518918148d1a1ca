//! Ids in files for students without a number and courses without a code.

use std::collections::HashSet;

/// Makes ids of the form `m1a2b3c4d-5`: a tag of the school, and the id of the record here. They stay the same as long as
/// the record has no number or code, and no record of this school has one of them as its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnIds {
    tag: String,
    /// The numbers and codes that begin with the tag: ids of an export that was imported here.
    numbers: HashSet<String>,
    codes: HashSet<String>,
}

/// The letter and hexadecimal digits before the hyphen.
const TAG_LENGTH: usize = 9;

impl OwnIds {
    pub(super) fn new(tag: String, numbers: HashSet<String>, codes: HashSet<String>) -> Self {
        Self { tag, numbers, codes }
    }

    /// The tag of a school, with its hyphen.
    pub(super) fn tag(hash: u64) -> String {
        format!("m{:08x}-", hash & 0xffff_ffff)
    }

    /// The id of a student without a number, or whose number cannot be used.
    pub(super) fn of_student(&self, id: i64) -> String {
        self.unused(id, &self.numbers)
    }

    /// The id of a course without a code, or whose code cannot be used.
    pub(super) fn of_course(&self, id: i64) -> String {
        self.unused(id, &self.codes)
    }

    fn unused(&self, id: i64, taken: &HashSet<String>) -> String {
        let mut own = format!("{}{id}", self.tag);
        while taken.contains(&own) {
            own.push_str(".1");
        }
        own
    }
}

/// Whether a number or code is one that an export has made up, here or in another school.
pub(super) fn is_made_up(id: &str) -> bool {
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
    fn no_record_gets_the_id_that_another_one_has() {
        let tag = OwnIds::tag(0x1_0000_00ab);
        assert_eq!(tag, "m000000ab-");
        let numbers = HashSet::from(["m000000ab-5".to_owned(), "m000000ab-5.1".to_owned()]);
        let ids = OwnIds::new(tag, numbers, HashSet::new());
        assert_eq!((ids.of_student(4), ids.of_student(5)), ("m000000ab-4".into(), "m000000ab-5.1.1".into()));
        assert_eq!(ids.of_course(5), "m000000ab-5");
        for id in ["m000000ab-5", "m000000ab-5.1.1"] {
            assert!(is_made_up(id), "{id}");
        }
        for id in ["0042", "m000000ab", "m000000ab-x", "math-101", "m000000AB-5"] {
            assert!(!is_made_up(id), "{id}");
        }
    }
}
