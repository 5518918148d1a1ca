//! Why not.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::record::{CourseId, Enrollment, Limits, Place, StudentId, Version};
use crate::db::DbError;

/// Why a command was not carried out. Nothing was changed.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no such student.
    #[error("There is no student {0}.")]
    StudentNotFound(StudentId),
    /// There is no such course.
    #[error("There is no course {0}.")]
    CourseNotFound(CourseId),
    /// The student does not take the course.
    #[error("Student {student_id} is not enrolled in course {course_id}.")]
    EnrollmentNotFound {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
        /// Where the student waits for it.
        place: Option<Place>,
    },
    /// The student takes the course already.
    #[error("Student {} is enrolled in course {} since {}.", .0.student_id, .0.course_id, .0.enrolled_at)]
    AlreadyEnrolled(Enrollment),
    /// The student waits for the course already.
    #[error("Student {} waits for course {} already, in position {}.", .0.student_id, .0.course_id, .0.position)]
    AlreadyWaitlisted(Place),
    /// Every seat is taken, and there is no waitlist.
    #[error("Course {course_id} is full: {enrolled} of {capacity} seats are taken.")]
    CourseFull {
        /// The course.
        course_id: CourseId,
        /// Its seats.
        capacity: i64,
        /// Its students.
        enrolled: i64,
    },
    /// Every seat and every place on the waitlist is taken.
    #[error("Course {course_id} is full, and so is its waitlist of {waitlist_capacity}.")]
    WaitlistFull {
        /// The course.
        course_id: CourseId,
        /// Places on its waitlist.
        waitlist_capacity: i64,
    },
    /// The window has not begun.
    #[error("Registration for course {course_id} opens at {}.", bound(.limits.opens_at.as_ref()))]
    RegistrationNotOpen {
        /// The course.
        course_id: CourseId,
        /// Its limits.
        limits: Limits,
    },
    /// The window has ended.
    #[error("Registration for course {course_id} closed at {}.", bound(.limits.closes_at.as_ref()))]
    RegistrationClosed {
        /// The course.
        course_id: CourseId,
        /// Its limits.
        limits: Limits,
    },
    /// Enrollments stand in the way of a deletion.
    #[error("Enrollments stand in the way: {enrolled}{}. Drop them first, or ask again with drop=true.", and_waiting(*.waitlisted))]
    HasEnrollments {
        /// How many.
        enrolled: usize,
        /// How many wait.
        waitlisted: usize,
    },
    /// The record has changed since the asker saw it.
    #[error("It has changed since you read it; read it again.")]
    Stale(Version),
    /// The table computes the field.
    #[error("The table computes {0} itself, so it cannot be set.")]
    ReadOnlyField(String),
    /// A constraint of a found table does not take the row; the text names the constraint, never a value.
    #[error("The database does not take this row: {0}.")]
    RowRefused(String),
    /// A request with the same idempotency key is under way.
    #[error("A request with this Idempotency-Key is being carried out; ask again when it is done.")]
    #[serde(skip)]
    KeyInUse,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for another method, path or body.")]
    #[serde(skip)]
    KeyReused,
    /// The request was carried out before, and its answer is no longer there or cannot be read.
    #[error(
        "A request with this Idempotency-Key was carried out, but its answer cannot be given again: it was deleted with the student, or stored by another version. Read the record to see what it did."
    )]
    #[serde(skip)]
    AnswerNotKept,
    /// The queue is full: nothing was tried.
    #[serde(skip)]
    #[error("More writes are waiting than the server takes at once.")]
    Overloaded,
    /// The server is stopping: nothing was tried.
    #[serde(skip)]
    #[error("The server is shutting down.")]
    Stopping,
    /// The engine failed.
    #[serde(skip)]
    #[error(transparent)]
    Engine(#[from] DbError),
}

impl Refusal {
    /// The reason in a word, for whoever counts.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::StudentNotFound(_) => "student-not-found",
            Self::CourseNotFound(_) => "course-not-found",
            Self::EnrollmentNotFound { .. } => "enrollment-not-found",
            Self::AlreadyEnrolled(_) => "already-enrolled",
            Self::AlreadyWaitlisted(_) => "already-waitlisted",
            Self::CourseFull { .. } => "course-full",
            Self::WaitlistFull { .. } => "waitlist-full",
            Self::RegistrationNotOpen { .. } => "registration-not-open",
            Self::RegistrationClosed { .. } => "registration-closed",
            Self::HasEnrollments { .. } => "has-enrollments",
            Self::Stale(_) => "stale",
            Self::ReadOnlyField(_) => "read-only-field",
            Self::RowRefused(_) => "row-refused",
            Self::KeyInUse => "idempotency-key-in-use",
            Self::KeyReused => "idempotency-key-reused",
            Self::AnswerNotKept => "idempotency-answer-not-kept",
            Self::Overloaded | Self::Stopping => "overloaded",
            Self::Engine(_) => "database",
        }
    }
}

/// The end of a registration window that a refusal is about.
#[expect(clippy::expect_used, reason = "without a bound there is nothing to be too early or too late for")]
fn bound(time: Option<&String>) -> &str {
    time.expect("a window that refuses has this end")
}

fn and_waiting(waitlisted: usize) -> String {
    if waitlisted == 0 { String::new() } else { format!(" (and {waitlisted} on the waitlist)") }
}
