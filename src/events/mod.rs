//! The log as its readers see it: what happened, in order.

pub mod api;
pub mod feed;
pub mod follower;
pub mod store;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::registrar::{CourseId, EnrollmentId, EventKind, StudentId};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"seq": 12, "at": "2026-09-01T08:00:00.000Z", "type": "enrollment.created", "student_id": 4, "course_id": 7, "enrollment_id": 1, "actor": null, "request_id": "5f0c1d2e3a4b5c6d-7", "data": {}}))]
pub struct LogEntry {
    /// Grows by one from entry to entry, in the order of commits.
    #[schema(minimum = 1)]
    pub seq: i64,
    /// RFC 3339, UTC, milliseconds; never earlier than the entry before.
    #[schema(format = DateTime)]
    pub at: String,
    /// What happened.
    pub r#type: String,
    /// To which student.
    #[schema(value_type = Option<i64>, required)]
    pub student_id: Option<StudentId>,
    /// To which course.
    #[schema(value_type = Option<i64>, required)]
    pub course_id: Option<CourseId>,
    /// To which enrollment.
    #[schema(value_type = Option<i64>, required)]
    pub enrollment_id: Option<EnrollmentId>,
    /// Who asked; null while nobody signs in.
    #[schema(required)]
    pub actor: Option<String>,
    /// The request that asked.
    #[schema(required)]
    pub request_id: Option<String>,
    /// More of it: the names of the fields that an update changed, the limits that were set.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A student's.
    Student(StudentId),
    /// A course's.
    Course(CourseId),
}

/// An entry of the log with the names of the student and the course.
#[derive(Debug)]
pub struct Happening {
    /// Its place in the log.
    pub seq: i64,
    /// When, as stored.
    pub at: String,
    /// What happened; `None` for a kind that only a newer version knows.
    pub kind: Option<EventKind>,
    /// The same as stored.
    pub r#type: String,
    /// To which student.
    pub student: Option<StudentId>,
    /// What the student is called now; `None` once the student is deleted.
    pub student_name: Option<String>,
    /// To which course.
    pub course: Option<CourseId>,
    /// What the course is called now; `None` once the course is deleted.
    pub course_name: Option<String>,
    /// More of it.
    pub data: Value,
}

/// Which entries of the log are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this student.
    pub student_id: Option<StudentId>,
    /// About this course.
    pub course_id: Option<CourseId>,
    /// Of this type.
    pub kind: Option<EventKind>,
}

impl Filter {
    /// Whether this entry is wanted.
    #[must_use]
    pub fn takes(&self, entry: &LogEntry) -> bool {
        self.student_id.is_none_or(|id| entry.student_id == Some(id))
            && self.course_id.is_none_or(|id| entry.course_id == Some(id))
            && self.kind.is_none_or(|kind| entry.r#type == kind.as_str())
    }
}
