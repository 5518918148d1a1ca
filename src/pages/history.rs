//! The log in a browser: the history of a student or a course, in words.

use serde_json::Value;

use super::seats_form::told;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::events::{About, HistoryEntry, store};
use crate::registrar::{EventKind, MAX_ID};

/// Entries that are shown at a time.
const SHOWN: usize = 20;

/// What happened to a student or a course, the last first.
#[derive(Debug)]
pub(super) struct History {
    /// The entries that are shown.
    pub entries: Vec<HistoryEntry>,
    /// Before which `seq` there is more.
    pub earlier: Option<i64>,
    /// Whether these are not the latest.
    pub is_past: bool,
}

impl History {
    /// The latest entries before the `seq` `before`, or of all.
    ///
    /// # Errors
    /// What the engine said.
    pub(super) async fn of(db: &Db, about: About, before: Option<i64>) -> Result<Self, DbError> {
        let mut entries = store::latest(db, about, before.unwrap_or(MAX_ID), to_i64(SHOWN + 1)).await?;
        let has_more = entries.len() > SHOWN;
        entries.truncate(SHOWN);
        let earlier = entries.last().filter(|_| has_more).map(|last| last.seq);
        Ok(Self { entries, earlier, is_past: before.is_some() })
    }
}

impl HistoryEntry {
    /// What happened, after the name of the student.
    #[must_use]
    pub fn of_student(&self) -> String {
        let Some(kind) = self.kind else { return self.r#type.clone() };
        match kind {
            EventKind::StudentCreated => "was added".to_owned(),
            EventKind::StudentUpdated => format!("was changed: {}", self.changed()),
            EventKind::StudentDeleted => "was deleted".to_owned(),
            EventKind::EnrollmentCreated => "enrolled in".to_owned(),
            EventKind::EnrollmentAdopted => "was enrolled already in".to_owned(),
            EventKind::EnrollmentDropped => "dropped".to_owned(),
            EventKind::WaitlistJoined => "joined the waitlist of".to_owned(),
            EventKind::WaitlistLeft => "left the waitlist of".to_owned(),
            EventKind::WaitlistPromoted => "got a seat from the waitlist of".to_owned(),
            EventKind::CourseCreated
            | EventKind::CourseUpdated
            | EventKind::CourseDeleted
            | EventKind::SeatsSet
            | EventKind::SeatsRemoved => kind.to_string(),
        }
    }

    /// What happened, after the name of the student or, where it is about none, of the course.
    #[must_use]
    pub fn of_course(&self) -> String {
        let Some(kind) = self.kind else { return self.r#type.clone() };
        match kind {
            EventKind::CourseCreated => "The course was added".to_owned(),
            EventKind::CourseUpdated => format!("The course was changed: {}", self.changed()),
            EventKind::CourseDeleted => "The course was deleted".to_owned(),
            EventKind::SeatsSet => format!("Seats were set: {}", self.limits()),
            EventKind::SeatsRemoved => "The seat limit was removed".to_owned(),
            EventKind::EnrollmentCreated => "enrolled".to_owned(),
            EventKind::EnrollmentAdopted => "was enrolled already".to_owned(),
            EventKind::EnrollmentDropped => "dropped the course".to_owned(),
            EventKind::WaitlistJoined => "joined the waitlist".to_owned(),
            EventKind::WaitlistLeft => "left the waitlist".to_owned(),
            EventKind::WaitlistPromoted => "got a seat from the waitlist".to_owned(),
            EventKind::StudentCreated | EventKind::StudentUpdated | EventKind::StudentDeleted => {
                kind.to_string()
            }
        }
    }

    /// The name of the student, also of one who is deleted.
    #[must_use]
    pub fn student_called(&self) -> String {
        called("student", self.student.map(i64::from), self.student_name.as_deref())
    }

    /// The name of the course, also of one that is deleted.
    #[must_use]
    pub fn course_called(&self) -> String {
        called("course", self.course.map(i64::from), self.course_name.as_deref())
    }

    fn limits(&self) -> String {
        // Another version may have written more of it.
        serde_json::from_value(self.data.clone())
            .map_or_else(|_| self.data.to_string(), |limits| told(&limits))
    }

    fn changed(&self) -> String {
        let fields = self.data["changed"].as_array().map_or(&[][..], Vec::as_slice);
        fields.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    }
}

fn called(kind: &str, id: Option<i64>, name: Option<&str>) -> String {
    match (name, id) {
        (Some(name), _) => name.to_owned(),
        (None, Some(id)) => format!("{kind} {id}"),
        (None, None) => kind.to_owned(),
    }
}
