//! The log in a browser: the history of a student or a course, in words.

use serde_json::Value;

use super::seats_form::told;
use crate::db::{Db, DbError};
use crate::events::{About, Happening, store};

use crate::registrar::MAX_ID;

/// Entries that are shown at a time.
const SHOWN: i64 = 20;

/// What happened to a student or a course, the last first.
#[derive(Debug)]
pub(super) struct History {
    /// The entries that are shown.
    pub entries: Vec<Happening>,
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
        let mut entries = store::latest(db, about, before.unwrap_or(MAX_ID), SHOWN + 1).await?;
        let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
        let has_more = entries.len() > shown;
        entries.truncate(shown);
        let earlier = entries.last().filter(|_| has_more).map(|last| last.seq);
        Ok(Self { entries, earlier, is_past: before.is_some() })
    }
}

impl Happening {
    /// What happened, after the name of the student.
    #[must_use]
    pub(super) fn of_student(&self) -> String {
        match self.r#type.as_str() {
            "student.created" => "was added".to_owned(),
            "student.updated" => format!("was changed: {}", self.changed()),
            "student.deleted" => "was deleted".to_owned(),
            "enrollment.created" => "enrolled in".to_owned(),
            "enrollment.adopted" => "was enrolled already in".to_owned(),
            "enrollment.dropped" => "dropped".to_owned(),
            "waitlist.joined" => "joined the waitlist of".to_owned(),
            "waitlist.left" => "left the waitlist of".to_owned(),
            "waitlist.promoted" => "got a seat from the waitlist of".to_owned(),
            other => other.to_owned(),
        }
    }

    /// What happened, after the name of the student or, where it is about none, of the course.
    #[must_use]
    pub(super) fn of_course(&self) -> String {
        match self.r#type.as_str() {
            "course.created" => "The course was added".to_owned(),
            "course.updated" => format!("The course was changed: {}", self.changed()),
            "course.deleted" => "The course was deleted".to_owned(),
            "seats.set" => format!("Seats were set: {}", self.limits()),
            "seats.removed" => "Seats were limited no longer".to_owned(),
            "enrollment.created" => "enrolled".to_owned(),
            "enrollment.adopted" => "was enrolled already".to_owned(),
            "enrollment.dropped" => "dropped the course".to_owned(),
            "waitlist.joined" => "joined the waitlist".to_owned(),
            "waitlist.left" => "left the waitlist".to_owned(),
            "waitlist.promoted" => "got a seat from the waitlist".to_owned(),
            other => other.to_owned(),
        }
    }

    /// What the student is called, also one who is deleted.
    #[must_use]
    pub(super) fn student_called(&self) -> String {
        called("student", self.student.map(i64::from), self.student_name.as_deref())
    }

    /// What the course is called, also one that is deleted.
    #[must_use]
    pub(super) fn course_called(&self) -> String {
        called("course", self.course.map(i64::from), self.course_name.as_deref())
    }

    fn limits(&self) -> String {
        // What was told of limits is what they are written as.
        serde_json::from_value(self.data.clone()).map(|limits| told(&limits)).unwrap_or_default()
    }

    fn changed(&self) -> String {
        let fields = self.data["changed"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    }
}

fn called(kind: &str, id: Option<i64>, name: Option<&str>) -> String {
    name.map_or_else(|| format!("{kind} {}", id.unwrap_or_default()), str::to_owned)
}
