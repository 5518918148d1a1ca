//! What can happen.

use super::record::{Course, CourseId, Enrollment, Student, StudentId};

/// What happened: one change, which the log keeps for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A student was added.
    StudentCreated(Student),
    /// A student is now this; `changed` names the fields that differ.
    StudentUpdated {
        /// As it is now.
        student: Student,
        /// Which fields differ from before.
        changed: Vec<&'static str>,
    },
    /// A student was removed.
    StudentDeleted(StudentId),
    /// A course was added.
    CourseCreated(Course),
    /// A course is now this; `changed` names the fields that differ.
    CourseUpdated {
        /// As it is now.
        course: Course,
        /// Which fields differ from before.
        changed: Vec<&'static str>,
    },
    /// A course was removed.
    CourseDeleted(CourseId),
    /// A student enrolled in a course.
    EnrollmentCreated(Enrollment),
    /// A student left a course.
    EnrollmentDropped(Enrollment),
}

impl Event {
    /// The type, as the log and the API name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StudentCreated(_) => "student.created",
            Self::StudentUpdated { .. } => "student.updated",
            Self::StudentDeleted(_) => "student.deleted",
            Self::CourseCreated(_) => "course.created",
            Self::CourseUpdated { .. } => "course.updated",
            Self::CourseDeleted(_) => "course.deleted",
            Self::EnrollmentCreated(_) => "enrollment.created",
            Self::EnrollmentDropped(_) => "enrollment.dropped",
        }
    }

    /// The student that it is about.
    #[must_use]
    pub fn student_id(&self) -> Option<StudentId> {
        match self {
            Self::StudentCreated(student) | Self::StudentUpdated { student, .. } => Some(student.id),
            Self::StudentDeleted(id) => Some(*id),
            Self::EnrollmentCreated(enrollment) | Self::EnrollmentDropped(enrollment) => {
                Some(enrollment.student_id)
            }
            Self::CourseCreated(_) | Self::CourseUpdated { .. } | Self::CourseDeleted(_) => None,
        }
    }

    /// The course that it is about.
    #[must_use]
    pub fn course_id(&self) -> Option<CourseId> {
        match self {
            Self::CourseCreated(course) | Self::CourseUpdated { course, .. } => Some(course.id),
            Self::CourseDeleted(id) => Some(*id),
            Self::EnrollmentCreated(enrollment) | Self::EnrollmentDropped(enrollment) => {
                Some(enrollment.course_id)
            }
            Self::StudentCreated(_) | Self::StudentUpdated { .. } | Self::StudentDeleted(_) => None,
        }
    }

    /// The enrollment that it is about.
    #[must_use]
    pub fn enrollment(&self) -> Option<&Enrollment> {
        match self {
            Self::EnrollmentCreated(enrollment) | Self::EnrollmentDropped(enrollment) => Some(enrollment),
            _ => None,
        }
    }

    /// What else the log says, a JSON object. Names and addresses stay out: the log outlives the student.
    #[must_use]
    pub fn data(&self) -> String {
        match self {
            Self::StudentUpdated { changed, .. } | Self::CourseUpdated { changed, .. } => {
                serde_json::json!({ "changed": changed }).to_string()
            }
            _ => "{}".to_owned(),
        }
    }
}
