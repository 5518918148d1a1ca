//! The school's records, as every room and the Registrar know them.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use utoipa::ToSchema;

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

/// The most seats, and the most places on a waitlist, that a course can be given.
pub const MOST_SEATS: i64 = 1_000_000;

/// What limits the enrollment in a course: a row of `course_seats`. The default limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Seats; `None` is as many as come.
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    pub waitlist_capacity: i64,
    /// From when on students enroll and drop: RFC 3339, UTC, milliseconds.
    pub opens_at: Option<String>,
    /// From when on they do not any more, in the same form.
    pub closes_at: Option<String>,
}

/// How full a course is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "enrolled": 28, "waitlisted": 0}))]
pub struct SeatCount {
    /// Seats; null is as many as come.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Students who take the course. More than seats only where the capacity was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students who wait for a seat.
    #[schema(minimum = 0)]
    pub waitlisted: i64,
}

/// The limits of a course, and how full it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "waitlist_capacity": 10, "opens_at": "2026-09-01T08:00:00.000Z", "closes_at": null, "enrolled": 28, "waitlisted": 0}))]
pub struct Seats {
    /// Seats; null is as many as come.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub waitlist_capacity: i64,
    /// From when on students enroll and drop (RFC 3339, UTC, milliseconds); null is always.
    #[schema(required, format = DateTime)]
    pub opens_at: Option<String>,
    /// From when on they do not any more; null is never.
    #[schema(required, format = DateTime)]
    pub closes_at: Option<String>,
    /// Students who take the course. More than seats only where the capacity was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students who wait for a seat.
    #[schema(minimum = 0)]
    pub waitlisted: i64,
}

impl SeatCount {
    /// Whether no seat is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.enrolled >= capacity)
    }
}

impl Seats {
    /// These limits, with so many students.
    #[must_use]
    pub fn of(limits: Limits, enrolled: i64, waitlisted: i64) -> Self {
        let Limits { capacity, waitlist_capacity, opens_at, closes_at } = limits;
        Self { capacity, waitlist_capacity, opens_at, closes_at, enrolled, waitlisted }
    }
}

impl Seats {
    /// What limits the course.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self { capacity, waitlist_capacity, opens_at, closes_at, .. } = self.clone();
        Limits { capacity, waitlist_capacity, opens_at, closes_at }
    }

    /// How full the course is.
    #[must_use]
    pub fn count(&self) -> SeatCount {
        SeatCount { capacity: self.capacity, enrolled: self.enrolled, waitlisted: self.waitlisted }
    }
}

/// A student who waits for a seat: a row of `waitlist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// The `seq` of the event with which they joined: the order of the waitlist.
    pub joined_seq: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: String,
}

/// A place on a waitlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// 1 is next.
    pub position: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: String,
}
