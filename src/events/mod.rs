//! The event log for its readers.

pub mod api;
pub mod feed;
pub mod follower;
pub mod store;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Stamp;
use crate::registrar::{Actor, CourseId, EnrollmentId, EventKind, StudentId};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"seq": 12, "at": "2026-09-01T08:00:00.000Z", "type": "enrollment.created", "student_id": 4, "course_id": 7, "enrollment_id": 1, "actor": "account:3", "request_id": "5f0c1d2e3a4b5c6d-7", "data": {}}))]
pub struct LogEntry {
    /// The number of the entry: increases by one per entry, in the order of commits.
    #[schema(minimum = 1)]
    pub seq: i64,
    /// RFC 3339, UTC, milliseconds; never earlier than the previous entry.
    pub at: Stamp,
    /// What happened.
    #[schema(value_type = EventType)]
    pub r#type: String,
    /// The student, if the event is about one.
    #[schema(required)]
    pub student_id: Option<StudentId>,
    /// The course, if the event is about one.
    #[schema(required)]
    pub course_id: Option<CourseId>,
    /// The enrollment, if the event is about one.
    #[schema(required)]
    pub enrollment_id: Option<EnrollmentId>,
    /// Who made the request: `account:17`, `token:3`, `anonymous` while the school is open, `cli`, `sample`, or `database`
    /// for another program.
    #[schema(required)]
    pub actor: Option<String>,
    /// The id of the request.
    #[schema(required)]
    pub request_id: Option<String>,
    /// Details: the names of the fields that an update changed, the limits that were set, or the `override` that gave a seat
    /// beyond them, with its `reason`, and `from_waitlist` if the student waited for the course.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What an entry of the log is about.
#[derive(Debug)]
pub struct EventType(EventKind);

impl ToSchema for EventType {}

impl PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What happened."))
            .enum_values(Some(EventKind::ALL.iter().map(|kind| kind.as_str())))
            .into()
    }
}

impl LogEntry {
    /// How many of the entries are about a student.
    #[must_use]
    pub fn about_students(entries: &[Self]) -> usize {
        entries.iter().filter(|entry| entry.student_id.is_some()).count()
    }
}

/// The subject of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The events of a student.
    Student(StudentId),
    /// The events of a course.
    Course(CourseId),
}

/// An entry of the log with the names of the student and the course.
#[derive(Debug)]
pub struct HistoryEntry {
    /// The number of the entry.
    pub seq: i64,
    /// The time, as stored.
    pub at: Stamp,
    /// What happened; `None` for a type of a newer version.
    pub kind: Option<EventKind>,
    /// The type, as stored.
    pub r#type: String,
    /// The student, if the event is about one.
    pub student: Option<StudentId>,
    /// The present name of the student; `None` if the student has been deleted.
    pub student_name: Option<String>,
    /// The course, if the event is about one.
    pub course: Option<CourseId>,
    /// The present name of the course; `None` if the course has been deleted.
    pub course_name: Option<String>,
    /// Details.
    pub data: Value,
    /// Who did it, as the log has it.
    pub actor: Option<Actor>,
    /// Who did it, in words for the reader of a page; `None` until a page has looked it up.
    pub by: Option<String>,
}

/// A filter of log entries; `None` matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this student.
    pub student_id: Option<StudentId>,
    /// About this course.
    pub course_id: Option<CourseId>,
    /// Of this type.
    pub kind: Option<EventKind>,
    /// By this actor, as the log has it.
    pub actor: Option<String>,
    /// After the entry with this `seq`.
    pub after: Option<i64>,
    /// Up to the entry with this `seq`.
    pub up_to: Option<i64>,
    /// Nothing passes: the caller may not read the log.
    pub is_closed: bool,
}

impl Filter {
    /// Whether an entry matches.
    #[must_use]
    pub fn matches(&self, entry: &LogEntry) -> bool {
        !self.is_closed
            && self.student_id.is_none_or(|id| entry.student_id == Some(id))
            && self.course_id.is_none_or(|id| entry.course_id == Some(id))
            && self.kind.is_none_or(|kind| entry.r#type == kind.as_str())
            && self.actor.as_ref().is_none_or(|actor| entry.actor.as_ref() == Some(actor))
            && self.after.is_none_or(|after| entry.seq > after)
            && self.up_to.is_none_or(|up_to| entry.seq <= up_to)
    }
}
