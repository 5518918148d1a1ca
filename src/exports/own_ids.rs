//! Ids in files: the number of a student and the code of a course, or a made-up one if there is none.

use std::collections::{HashMap, HashSet};

use crate::files::made_up_id::SchoolTag;

/// Numbers or codes that cannot be used as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExternalIds {
    /// Ids that begin with the tag of this school: from an export that was imported here.
    pub(super) made_up: HashSet<String>,
    /// Ids that several records of a school's own table share, each with the first of these records, which keeps it.
    pub(super) shared: HashMap<String, i64>,
}

/// The ids of records in files. A made-up id has the form `m1a2b3c4d-5`: a tag of the school, and the id of the record
/// here. It stays the same as long as the record has no number or code, and no other record of this school has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnIds {
    tag: SchoolTag,
    numbers: ExternalIds,
    codes: ExternalIds,
}

impl OwnIds {
    pub(super) fn new(tag: SchoolTag, numbers: ExternalIds, codes: ExternalIds) -> Self {
        Self { tag, numbers, codes }
    }

    /// The id of a student with this number.
    pub(super) fn of_student(&self, number: Option<String>, id: i64) -> String {
        self.of(&self.numbers, number, id)
    }

    /// The id of a course with this code.
    pub(super) fn of_course(&self, code: Option<String>, id: i64) -> String {
        self.of(&self.codes, code, id)
    }

    fn of(&self, known: &ExternalIds, external_id: Option<String>, id: i64) -> String {
        let is_own = |external_id: &String| known.shared.get(external_id).is_none_or(|first| *first == id);
        external_id.filter(is_own).unwrap_or_else(|| {
            let mut own = self.tag.id_of(id);
            while known.made_up.contains(&own) {
                own.push_str(".1");
            }
            own
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_gets_the_id_that_another_one_has() {
        let tag = SchoolTag::new("2026-09-01T08:00:00Z");
        let own = |rest: &str| format!("{}{rest}", tag.as_str());
        let made_up = HashSet::from([own("5"), own("5.1")]);
        let shared = HashMap::from([("42".to_owned(), 7)]);
        let ids = OwnIds::new(tag.clone(), ExternalIds { made_up, shared }, ExternalIds::default());
        let of = |number: Option<&str>, id| ids.of_student(number.map(str::to_owned), id);
        assert_eq!((of(None, 4), of(None, 5)), (own("4"), own("5.1.1")));
        assert_eq!((of(Some("0042"), 4), of(Some("42"), 7)), ("0042".into(), "42".into()));
        assert_eq!(of(Some("42"), 8), own("8"));
        assert_eq!(ids.of_course(None, 5), own("5"));
    }
}
