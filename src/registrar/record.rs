//! The school's records, as the whole program uses them.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::group_name::GroupName;
use super::limits::{Limits, times_by_name};
use crate::clock::Stamp;
use crate::count::thousands;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use utoipa::ToSchema;

/// The largest id: 2^53 − 1, which JavaScript still reads exactly.
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

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                // `0042` is the number of a student, and no id.
                let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
                let id = digits.then(|| text.parse().ok()).flatten().filter(|id| (1..=MAX_ID).contains(id));
                id.map(Self).ok_or_else(|| format!("must be a whole number from 1 to {}", thousands(MAX_ID)))
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
    /// The id of a student.
    StudentId
}
id! {
    /// The id of a course.
    CourseId
}
id! {
    /// The id of an enrollment; never used again.
    EnrollmentId
}

/// A student: a row of `students`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 4, "name": "Zoë Martin", "email": "zoe@example.edu", "number": "0042817"}))]
pub struct Student {
    /// Assigned by the table when the student is added.
    pub id: StudentId,
    /// Null only if another program wrote a null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only if another program wrote a null.
    #[schema(required)]
    pub email: Option<String>,
    /// The id of the outside world, unique and exactly as it was written; left out if the student has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<String>,
}

/// A number that is set changes the version; a student without one has the version of a student without the field, so
/// that `ETag`s from before it existed stay valid.
impl Hash for Student {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, &self.name, &self.email).hash(state);
        if let Some(number) = &self.number {
            number.hash(state);
        }
    }
}

/// A course: a row of `courses`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 7, "name": "Algebra", "level": "undergraduate", "code": "MATH-101"}))]
pub struct Course {
    /// Assigned by the table when the course is added.
    pub id: CourseId,
    /// Null only if another program wrote a null.
    #[schema(required)]
    pub name: Option<String>,
    /// Null only if another program wrote a null.
    #[schema(required)]
    pub level: Option<String>,
    /// The id of the outside world, unique and exactly as it was written; left out if the course has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// How full the course is; left out if it has no limits, unless a list is asked for its counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seats: Option<SeatCount>,
}

/// Without the seats: an enrollment does not change the version of the course. A code counts as a number of a student.
impl Hash for Course {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, &self.name, &self.level).hash(state);
        if let Some(code) = &self.code {
            code.hash(state);
        }
    }
}

/// An enrollment, a row of `student_courses`: a student takes a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}))]
pub struct Enrollment {
    /// Assigned by the server; never used again, not even after a drop.
    pub id: EnrollmentId,
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// RFC 3339, UTC, milliseconds.
    pub enrolled_at: Stamp,
}

/// A fingerprint of a record: equal records have equal versions, on every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The current version of a record.
    pub fn from_record(record: &impl Hash) -> Self {
        let mut hasher = SipHasher13::new();
        record.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// How full a course is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "enrolled": 28, "waitlisted": 0}))]
pub struct SeatCount {
    /// Seats; null is unlimited.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Enrolled students. More than the capacity only if it was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students on the waitlist.
    #[schema(minimum = 0)]
    pub waitlisted: i64,
}

/// The limits of a course, and how full it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "waitlist_capacity": 10, "opens_at": "2026-09-01T08:00:00.000Z", "closes_at": "2026-09-15T00:00:00.000Z", "waitlist_closes_at": null, "drop_until": "2026-10-01T00:00:00.000Z", "group_opens_at": {"Seniors": "2026-08-25T08:00:00.000Z"}, "enrolled": 28, "waitlisted": 0}))]
pub struct Seats {
    /// Seats; null is unlimited.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub waitlist_capacity: i64,
    /// Students enroll and drop from this time on (RFC 3339, UTC, milliseconds); null is always.
    #[schema(required)]
    pub opens_at: Option<Stamp>,
    /// Students enroll until this time; null is forever. They also drop until then, unless `drop_until` is set.
    #[schema(required)]
    pub closes_at: Option<Stamp>,
    /// The waitlist moves up until this time; null is until `closes_at`.
    #[schema(required)]
    pub waitlist_closes_at: Option<Stamp>,
    /// Students drop until this time; null is until `closes_at`. From then on staff needs a reason to drop a student.
    #[schema(required)]
    pub drop_until: Option<Stamp>,
    /// Groups that enroll from a time of their own on, in place of `opens_at`. A student in several of them enrolls from the
    /// earliest of their times on.
    #[serde(default)]
    #[schema(schema_with = times_by_name)]
    pub group_opens_at: BTreeMap<GroupName, Stamp>,
    /// Enrolled students. More than the capacity only if it was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students on the waitlist.
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
    /// Combines limits with the number of enrolled and of waitlisted students.
    #[must_use]
    pub fn new(limits: Limits, enrolled: i64, waitlisted: i64) -> Self {
        let Limits {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        } = limits;
        Self {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
            enrolled,
            waitlisted,
        }
    }
}

impl Seats {
    /// The limits of the course.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
            ..
        } = self.clone();
        Limits {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        }
    }

    /// How full the course is.
    #[must_use]
    pub fn count(&self) -> SeatCount {
        SeatCount { capacity: self.capacity, enrolled: self.enrolled, waitlisted: self.waitlisted }
    }
}

/// A row of `waitlist`: a student waits for a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitlistEntry {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// The `seq` of the event with which the student joined: the order of the waitlist.
    pub joined_seq: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
}

/// A student's place on a waitlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// 1 is next.
    pub position: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: Stamp,
}

/// What a student had in a course, according to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// An enrollment, which was dropped.
    Seat(Enrollment),
    /// A place on the waitlist, which the student left.
    Place(WaitlistEntry),
}
