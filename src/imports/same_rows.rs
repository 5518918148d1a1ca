//! Compares rows of two plans.

use std::hash::{Hash as _, Hasher as _};

use siphasher::sip::SipHasher13;

use super::rows::{ImportRow, RowStatus};

impl ImportRow {
    /// A hash of the row without its number, the ids of its records, and whether it needs the override: equal for rows of two
    /// plans that do the same, if these agree.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        Self { row: 0, student_id: None, course_id: None, overridden: false, ..self.clone() }
            .hash(&mut hasher);
        self.ids_without_line().hash(&mut hasher);
        hasher.finish()
    }

    /// A hash of the place and the records of the row: equal for rows of two plans about the same.
    #[must_use]
    pub fn subject(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        (&self.file, self.line, &self.record, &self.student, &self.course).hash(&mut hasher);
        self.ids_without_line().hash(&mut hasher);
        hasher.finish()
    }

    /// The ids of a record that vanishes without a line: others may have the same name.
    fn ids_without_line(&self) -> Option<(Option<i64>, Option<i64>)> {
        self.line.is_none().then_some((self.student_id, self.course_id))
    }

    /// Whether the row has a step of its own.
    #[must_use]
    pub fn is_step(&self) -> bool {
        let ends_with_another = self.cause.as_deref().is_some_and(|cause| cause.starts_with("with-"));
        !matches!(self.status, RowStatus::Refused | RowStatus::Unchanged) && !ends_with_another
    }
}
