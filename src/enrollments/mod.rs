//! Enrollments: which student is enrolled in which course.

pub mod api;
pub mod included;
mod queries;
pub mod sets;

pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::lists::{Searchable, SortKey};
use crate::registrar::{Course, CourseId, Limits, Place, StudentId};

/// A course that the caller takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEnrollment {
    /// The course, without its seats.
    pub course: Course,
    /// RFC 3339, UTC, milliseconds.
    pub enrolled_at: Stamp,
    /// The limits of the course.
    pub limits: Limits,
}

/// A student on the roster of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 4, "name": "Zoë Martin", "email": "zoe@example.edu", "number": "0042817", "enrolled_at": "2026-09-01T08:00:00.000Z"}))]
pub struct RosterEntry {
    /// The student's id.
    pub id: StudentId,
    /// Null if another program wrote null, or if the student of a past roster has been deleted since.
    #[schema(required)]
    pub name: Option<String>,
    /// Null if another program wrote null, or if the student of a past roster has been deleted since.
    #[schema(required)]
    pub email: Option<String>,
    /// The student's number; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    pub enrolled_at: Stamp,
}

impl Searchable for RosterEntry {
    fn id(&self) -> i64 {
        self.id.0
    }

    fn texts(&self) -> [Option<&str>; 3] {
        [self.name.as_deref(), self.email.as_deref(), self.number.as_deref()]
    }
}

/// The sort key of a roster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RosterSort {
    /// The order of enrollment.
    #[default]
    Enrolled,
    /// The name.
    Name,
}

impl RosterSort {
    /// The value of the query parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Name => "name",
        }
    }
}

impl SortKey for RosterSort {
    fn text(self) -> Option<usize> {
        match self {
            Self::Enrolled => None,
            Self::Name => Some(0),
        }
    }
}

/// A place on the waitlist of a full course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"status": "waitlisted", "student_id": 4, "course_id": 7, "position": 3, "joined_at": "2026-09-01T08:00:00.000Z"}))]
pub struct Waitlisted {
    /// Always `waitlisted`.
    pub status: WaitlistStatus,
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// 1 is the next to get a seat.
    #[schema(minimum = 1)]
    pub position: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
}

/// The status of a student on a waitlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WaitlistStatus)]
pub enum WaitlistStatus {
    /// On the waitlist.
    Waitlisted,
}

impl From<Place> for Waitlisted {
    fn from(place: Place) -> Self {
        let Place { student_id, course_id, position, joined_at } = place;
        Self { status: WaitlistStatus::Waitlisted, student_id, course_id, position, joined_at }
    }
}
