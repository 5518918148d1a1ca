//! The history of a student or a course in words, from the event log.

use serde_json::Value;

use super::seats_form::limits_text;
use super::who;
use crate::count::to_i64;
use crate::db::DbError;
use crate::events::{About, HistoryEntry, store};
use crate::registrar::{EventKind, MAX_ID};
use crate::viewer::Viewer;

/// Entries on one page.
const PAGE_SIZE: usize = 20;

/// What happened to a student or a course, newest first.
#[derive(Debug)]
pub(super) struct History {
    /// The entries of this page.
    pub entries: Vec<HistoryEntry>,
    /// The `seq` before which older entries follow; `None` if there are none.
    pub earlier: Option<i64>,
    /// Whether there are newer entries.
    pub has_newer: bool,
    /// Whether the reader may know the reasons of overrides: they are about students.
    pub shows_reasons: bool,
}

impl History {
    /// Loads the newest entries, or the newest before the `seq` `before`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(super) async fn load(viewer: &Viewer, about: About, before: Option<i64>) -> Result<Self, DbError> {
        let mut entries =
            store::latest(viewer, about, before.unwrap_or(MAX_ID), to_i64(PAGE_SIZE + 1)).await?;
        let has_more = entries.len() > PAGE_SIZE;
        entries.truncate(PAGE_SIZE);
        who::look_up(viewer, &mut entries).await?;
        let earlier = entries.last().filter(|_| has_more).map(|last| last.seq);
        // A student reads the history of no other student.
        let shows_reasons = viewer.sees_students() || matches!(about, About::Student(_));
        Ok(Self { entries, earlier, has_newer: before.is_some(), shows_reasons })
    }

    /// How many of the entries are about a student.
    pub(super) fn about_students(&self) -> usize {
        self.entries.iter().filter(|entry| entry.student.is_some()).count()
    }
}

impl HistoryEntry {
    /// What happened, as the rest of a sentence that begins with the student's name.
    #[must_use]
    pub fn student_phrase(&self) -> String {
        let Some(kind) = self.kind else { return self.r#type.clone() };
        match kind {
            EventKind::StudentCreated => "was added".to_owned(),
            EventKind::StudentUpdated => format!("was changed: {}", self.changed()),
            EventKind::StudentDeleted => "was deleted".to_owned(),
            EventKind::EnrollmentCreated => "enrolled in".to_owned(),
            EventKind::EnrollmentAdopted => "was already enrolled in".to_owned(),
            EventKind::EnrollmentDropped => "dropped".to_owned(),
            EventKind::EnrollmentRestored => "is enrolled again as before in".to_owned(),
            EventKind::WaitlistJoined => "joined the waitlist of".to_owned(),
            EventKind::WaitlistLeft => "left the waitlist of".to_owned(),
            EventKind::WaitlistRestored => "got their place back on the waitlist of".to_owned(),
            EventKind::WaitlistPromoted => "got a seat from the waitlist of".to_owned(),
            EventKind::GroupJoined => format!("was added to the group {}", self.group()),
            EventKind::GroupLeft => format!("was taken out of the group {}", self.group()),
            EventKind::HoldPlaced => match self.data["reason"].as_str() {
                Some(reason) => format!("was put on hold: “{reason}”"),
                // Another version of the program may have written other data.
                None => "was put on hold".to_owned(),
            },
            EventKind::HoldReleased => "had a hold released".to_owned(),
            EventKind::AccountCreated => "got an account".to_owned(),
            EventKind::AccountChanged => "had their account changed".to_owned(),
            EventKind::TokenCreated => "got a token".to_owned(),
            EventKind::TokenRevoked => "had a token revoked".to_owned(),
            EventKind::CourseCreated
            | EventKind::CourseUpdated
            | EventKind::CourseDeleted
            | EventKind::SeatsSet
            | EventKind::SeatsRemoved
            | EventKind::ImportApplied
            | EventKind::ImportUndone
            | EventKind::RulesSet
            | EventKind::GroupSet
            | EventKind::GroupDeleted
            | EventKind::InstructorAssigned
            | EventKind::InstructorRemoved => kind.to_string(),
        }
    }

    /// What happened to the course: the rest of a sentence that begins with the student's name or, if the entry is
    /// about no student, a whole sentence.
    #[must_use]
    pub fn course_phrase(&self) -> String {
        let Some(kind) = self.kind else { return self.r#type.clone() };
        match kind {
            EventKind::CourseCreated => "The course was added".to_owned(),
            EventKind::CourseUpdated => format!("The course was changed: {}", self.changed()),
            EventKind::CourseDeleted => "The course was deleted".to_owned(),
            EventKind::SeatsSet if self.has("seat_change") => {
                format!("Seats were set, with those of other courses: {}", self.limits())
            }
            EventKind::SeatsSet if self.has("undone_seat_change") => {
                format!("Seats were put back: {}", self.limits())
            }
            EventKind::SeatsSet => format!("Seats were set: {}", self.limits()),
            EventKind::SeatsRemoved if self.has("undone_seat_change") => {
                "Seats were put back: no limit".to_owned()
            }
            EventKind::SeatsRemoved => "The seat limit was removed".to_owned(),
            EventKind::InstructorAssigned => "An instructor was added".to_owned(),
            EventKind::InstructorRemoved => "An instructor was removed".to_owned(),
            EventKind::EnrollmentCreated => "enrolled".to_owned(),
            EventKind::EnrollmentAdopted => "was already enrolled".to_owned(),
            EventKind::EnrollmentDropped => "dropped the course".to_owned(),
            EventKind::EnrollmentRestored => "is enrolled again as before".to_owned(),
            EventKind::WaitlistJoined => "joined the waitlist".to_owned(),
            EventKind::WaitlistLeft => "left the waitlist".to_owned(),
            EventKind::WaitlistRestored => "got their place back on the waitlist".to_owned(),
            EventKind::WaitlistPromoted => "got a seat from the waitlist".to_owned(),
            EventKind::StudentCreated
            | EventKind::StudentUpdated
            | EventKind::StudentDeleted
            | EventKind::ImportApplied
            | EventKind::ImportUndone
            | EventKind::RulesSet
            | EventKind::GroupSet
            | EventKind::GroupDeleted
            | EventKind::GroupJoined
            | EventKind::GroupLeft
            | EventKind::HoldPlaced
            | EventKind::HoldReleased
            | EventKind::AccountCreated
            | EventKind::AccountChanged
            | EventKind::TokenCreated
            | EventKind::TokenRevoked => kind.to_string(),
        }
    }

    /// The name of the group that a student joined or left.
    fn group(&self) -> &str {
        self.data["group"].as_str().unwrap_or_default()
    }

    /// Why the student got the seat, or was dropped, beyond the limits of the course; `None` if it was by the rules.
    #[must_use]
    pub fn override_reason(&self) -> Option<&str> {
        self.data["override"]["reason"].as_str()
    }

    /// The name of the student, or `deleted student` and the id if the student has been deleted.
    #[must_use]
    pub fn student_label(&self) -> String {
        label("student", self.student.map(i64::from), self.student_name.as_deref())
    }

    /// The name of the course, or `deleted course` and the id if the course has been deleted.
    #[must_use]
    pub fn course_label(&self) -> String {
        label("course", self.course.map(i64::from), self.course_name.as_deref())
    }

    /// Whether the entry names such a change of many courses.
    fn has(&self, member: &str) -> bool {
        !self.data[member].is_null()
    }

    fn limits(&self) -> String {
        // Another version of the program may have written data that this one cannot read.
        serde_json::from_value(self.data.clone())
            .map_or_else(|_| self.data.to_string(), |limits| limits_text(&limits))
    }

    fn changed(&self) -> String {
        let fields = self.data["changed"].as_array().map_or(&[][..], Vec::as_slice);
        let names = fields.iter().filter_map(Value::as_str);
        names.map(|name| if name == "email" { "e-mail" } else { name }).collect::<Vec<_>>().join(", ")
    }
}

fn label(kind: &str, id: Option<i64>, name: Option<&str>) -> String {
    match (name, id) {
        (Some(name), _) => name.to_owned(),
        (None, Some(id)) => format!("deleted {kind} {id}"),
        (None, None) => kind.to_owned(),
    }
}
