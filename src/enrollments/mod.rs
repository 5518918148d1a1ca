//! Enrollments: which student takes which course.

pub mod api;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::registrar::StudentId;

/// A student on the roster of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 4, "name": "Zoë Martin", "email": "zoe@example.edu", "enrolled_at": "2026-09-01T08:00:00.000Z"}))]
pub struct RosterEntry {
    /// The student's id.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: StudentId,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub email: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    #[schema(format = DateTime)]
    pub enrolled_at: String,
}
