//! Why not.

use thiserror::Error;

use super::record::{CourseId, Enrollment, StudentId, Version};
use crate::db::DbError;

/// Why a command was not carried out. Nothing was changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
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
    },
    /// The student takes the course already.
    #[error("Student {} is enrolled in course {} since {}.", .0.student_id, .0.course_id, .0.enrolled_at)]
    AlreadyEnrolled(Enrollment),
    /// Enrollments stand in the way of a deletion.
    #[error("Enrollments stand in the way: {enrolled}. Drop them first, or ask again with drop=true.")]
    HasEnrollments {
        /// How many.
        enrolled: usize,
    },
    /// The record has changed since the asker saw it.
    #[error("It has changed since you read it; read it again.")]
    Stale(Version),
    /// A constraint of a found table does not take the row; the text names the constraint, never a value.
    #[error("The database does not take this row: {0}.")]
    RowRefused(String),
    /// The queue is full: nothing was tried.
    #[error("More writes are waiting than the server takes at once.")]
    Overloaded,
    /// The server is stopping: nothing was tried.
    #[error("The server is shutting down.")]
    Stopping,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] DbError),
}
