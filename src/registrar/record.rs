//! The school's records, as every room and the Registrar know them.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use utoipa::ToSchema;

use super::seats::SeatCount;
use super::visible;

/// The largest id: 2^53 − 1, so that JavaScript reads every id exactly.
pub const MAX_ID: i64 = (1 << 53) - 1;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// Names one student.
    StudentId
}
id! {
    /// Names one course.
    CourseId
}
id! {
    /// Names one enrollment; never given out twice.
    EnrollmentId
}

/// A student, as the table `students` has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 4, "name": "Zoë Martin", "email": "zoe@example.edu"}))]
pub struct Student {
    /// Given by the table when the student is added.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: StudentId,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub email: Option<String>,
}

/// A course, as the table `courses` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 7, "name": "Algebra", "level": "undergraduate"}))]
pub struct Course {
    /// Given by the table when the course is added.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: CourseId,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only where another program wrote a null.
    #[schema(required)]
    pub level: Option<String>,
    /// How full it is; left out while the course has no limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seats: Option<SeatCount>,
}

/// What others take or leave does not make it another version of the course.
impl Hash for Course {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, &self.name, &self.level).hash(state);
    }
}

/// One row of `student_courses`: a student takes a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}))]
pub struct Enrollment {
    /// Given by the Registrar; never used again, not even after a drop.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: EnrollmentId,
    /// The student.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub student_id: StudentId,
    /// The course.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub course_id: CourseId,
    /// RFC 3339, UTC, milliseconds.
    #[schema(format = DateTime)]
    pub enrolled_at: String,
}

/// A fingerprint of what a record says: equal records have equal versions, on every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The version of a record as it is now.
    pub fn of(record: &impl Hash) -> Self {
        let mut hasher = SipHasher13::new();
        record.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The longest text that a field takes, in characters.
pub const MAX_TEXT: usize = 255;

/// A text as we let it in: trimmed, 1 to 255 characters, no control characters, nothing that cannot be seen or that turns
/// the direction of what is around it.
///
/// # Errors
/// What is wrong with it.
pub fn text(given: &str) -> Result<String, String> {
    let text = typed(given)?;
    match visible::fault(text) {
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// A text as it may be searched for: trimmed, 1 to 255 characters, no control characters. Names that another program wrote
/// may have what is not seen, and have to be found by it.
///
/// # Errors
/// What is wrong with it.
pub fn typed(given: &str) -> Result<&str, String> {
    let text = given.trim();
    match text.chars().count() {
        0 => Err("must not be empty".to_owned()),
        1..=MAX_TEXT if text.chars().any(char::is_control) => {
            Err("must not have control characters".to_owned())
        }
        1..=MAX_TEXT => Ok(text),
        length => Err(format!("must have {MAX_TEXT} characters at most, not {length}")),
    }
}
