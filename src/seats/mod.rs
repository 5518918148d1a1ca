//! Seats: the capacity of courses, waitlists, and when registration is open.

pub mod api;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::registrar::{Course, CourseId, Limits, StudentId};

/// A student on the waitlist of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"position": 1, "student_id": 4, "name": "Zoë Martin", "email": "zoe@example.edu", "number": "0042817", "joined_at": "2026-09-01T08:00:00.000Z"}))]
pub struct WaitlistEntry {
    /// 1 is the next to get a seat.
    #[schema(minimum = 1)]
    pub position: i64,
    /// The student.
    pub student_id: StudentId,
    /// Null only if another program wrote null or deleted the student.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only if another program wrote null or deleted the student.
    #[schema(required)]
    pub email: Option<String>,
    /// The student's number; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
}

/// A place of a student on the waitlist of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"position": 3, "course_id": 7, "name": "Logic 101", "level": "undergraduate", "code": "MATH-101", "joined_at": "2026-09-01T08:00:00.000Z"}))]
pub struct OwnPlace {
    /// 1 is the next to get a seat.
    #[schema(minimum = 1)]
    pub position: i64,
    /// The course.
    pub course_id: CourseId,
    /// Null only if another program wrote null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only if another program wrote null.
    #[schema(required)]
    pub level: Option<String>,
    /// The course's code; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
}

/// A place of the caller on a waitlist, and how it has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWait {
    /// The course, without its seats.
    pub course: Course,
    /// 1 is the next to get a seat.
    pub position: i64,
    /// The position at first; that of today if an older program wrote the log, which had no positions.
    pub first_position: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
    /// The limits of the course.
    pub limits: Limits,
}
