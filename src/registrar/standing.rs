//! What decides whether a student may enroll at all: groups, holds, and the rules of the school.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::group_name::GroupName;
use super::record::StudentId;
use crate::clock::Stamp;

/// The maximum number of courses that a rule can name.
pub const MAX_COURSE_LIMIT: i64 = 1_000;

/// A group of students.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Seniors", "course_limit": 8}))]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The most courses of a member, places on waitlists included; null is the limit of the whole school. A member of several
    /// groups has the lowest of their limits.
    #[schema(required, minimum = 0, maximum = 1_000)]
    pub course_limit: Option<i64>,
}

/// Why a student does not enroll at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 48213, "student_id": 4, "reason": "Library fees: 12 euros are open. Ask at the library.", "placed_at": "2026-09-01T08:00:00.000Z"}))]
pub struct Hold {
    /// The `seq` of the event that placed it; never used again.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The student.
    pub student_id: StudentId,
    /// The reason, which the student reads.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// RFC 3339, UTC, milliseconds.
    pub placed_at: Stamp,
}

/// The rules that hold for the whole school.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"course_limit": 6}))]
pub struct Rules {
    /// The most courses of a student, places on waitlists included, unless a group of the student has another limit; null is
    /// no limit.
    #[schema(required, minimum = 0, maximum = 1_000)]
    pub course_limit: Option<i64>,
}

/// The groups and holds of a student, and the number of their courses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The student's groups, each with its limit of courses.
    pub groups: BTreeMap<GroupName, Option<i64>>,
    /// The student's holds, in the order in which they were placed.
    pub holds: Vec<Hold>,
    /// Enrollments and places on waitlists.
    pub courses: i64,
}

impl Standing {
    /// The most courses of the student: the lowest limit of their groups or, if these have none, that of the school.
    #[must_use]
    pub fn course_limit(&self, of_school: Option<i64>) -> Option<i64> {
        self.groups.values().flatten().min().copied().or(of_school)
    }
}
