//! Which programs have read lists that may contain a student, in words.

use crate::disclosures::Disclosure;

impl Disclosure {
    /// The list that was read, before the name of the course.
    #[must_use]
    pub fn list_label(&self) -> String {
        match (self.list.as_str(), self.course_id) {
            ("students", _) => "the list of students".to_owned(),
            ("roster", _) => "the roster of".to_owned(),
            ("waitlist", _) => "the waitlist of".to_owned(),
            ("events", Some(_)) => "the events of".to_owned(),
            ("events", None) => "the event log".to_owned(),
            (other, _) => other.to_owned(),
        }
    }
}
