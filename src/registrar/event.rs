//! What can happen.

use super::record::{Course, CourseId, Enrollment, Student, StudentId};
use super::seats::{Limits, Waiting};

/// The name of a field and its new value.
pub type Change = (&'static str, String);

/// What happened: one change, which the log keeps for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A student was added.
    StudentCreated(Student),
    /// A student is now this.
    StudentUpdated {
        /// The student after the change.
        student: Student,
        /// The fields that differ from before.
        changed: Vec<Change>,
    },
    /// A student was removed.
    StudentDeleted(StudentId),
    /// Another program has deleted the student's row.
    StudentVanished(StudentId),
    /// A course was added.
    CourseCreated(Course),
    /// A course is now this.
    CourseUpdated {
        /// The course after the change.
        course: Course,
        /// The fields that differ from before.
        changed: Vec<Change>,
    },
    /// A course was removed.
    CourseDeleted(CourseId),
    /// Another program has deleted the course's row.
    CourseVanished(CourseId),
    /// A student enrolled in a course.
    EnrollmentCreated(Enrollment),
    /// A student left a course.
    EnrollmentDropped(Enrollment),
    /// A course has these limits now.
    SeatsSet {
        /// The course.
        course_id: CourseId,
        /// Its limits.
        limits: Limits,
        /// Whether it had none before.
        is_first: bool,
    },
    /// A course has no limits any more.
    SeatsRemoved(CourseId),
    /// A student waits for a seat.
    WaitlistJoined(Waiting),
    /// A student waits no more.
    WaitlistLeft(Waiting),
    /// A student who waited has a seat.
    WaitlistPromoted {
        /// The place that became free.
        waiting: Waiting,
        /// The new enrollment.
        enrollment: Enrollment,
    },
}

impl Event {
    /// The type, as the log and the API name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StudentCreated(_) => "student.created",
            Self::StudentUpdated { .. } => "student.updated",
            Self::StudentDeleted(_) | Self::StudentVanished(_) => "student.deleted",
            Self::CourseCreated(_) => "course.created",
            Self::CourseUpdated { .. } => "course.updated",
            Self::CourseDeleted(_) | Self::CourseVanished(_) => "course.deleted",
            Self::EnrollmentCreated(_) => "enrollment.created",
            Self::EnrollmentDropped(_) => "enrollment.dropped",
            Self::SeatsSet { .. } => "seats.set",
            Self::SeatsRemoved(_) => "seats.removed",
            Self::WaitlistJoined(_) => "waitlist.joined",
            Self::WaitlistLeft(_) => "waitlist.left",
            Self::WaitlistPromoted { .. } => "waitlist.promoted",
        }
    }

    /// The student that it is about.
    #[must_use]
    pub fn student_id(&self) -> Option<StudentId> {
        match self {
            Self::StudentCreated(student) | Self::StudentUpdated { student, .. } => Some(student.id),
            Self::StudentDeleted(id) | Self::StudentVanished(id) => Some(*id),
            Self::EnrollmentCreated(enrollment) | Self::EnrollmentDropped(enrollment) => {
                Some(enrollment.student_id)
            }
            Self::WaitlistJoined(waiting)
            | Self::WaitlistLeft(waiting)
            | Self::WaitlistPromoted { waiting, .. } => Some(waiting.student_id),
            Self::CourseCreated(_)
            | Self::CourseUpdated { .. }
            | Self::CourseDeleted(_)
            | Self::CourseVanished(_)
            | Self::SeatsSet { .. }
            | Self::SeatsRemoved(_) => None,
        }
    }

    /// The course that it is about.
    #[must_use]
    pub fn course_id(&self) -> Option<CourseId> {
        match self {
            Self::CourseCreated(course) | Self::CourseUpdated { course, .. } => Some(course.id),
            Self::CourseDeleted(id)
            | Self::CourseVanished(id)
            | Self::SeatsRemoved(id)
            | Self::SeatsSet { course_id: id, .. } => Some(*id),
            Self::EnrollmentCreated(enrollment) | Self::EnrollmentDropped(enrollment) => {
                Some(enrollment.course_id)
            }
            Self::WaitlistJoined(waiting)
            | Self::WaitlistLeft(waiting)
            | Self::WaitlistPromoted { waiting, .. } => Some(waiting.course_id),
            Self::StudentCreated(_)
            | Self::StudentUpdated { .. }
            | Self::StudentDeleted(_)
            | Self::StudentVanished(_) => None,
        }
    }

    /// The enrollment that it is about.
    #[must_use]
    pub fn enrollment(&self) -> Option<&Enrollment> {
        match self {
            Self::EnrollmentCreated(enrollment)
            | Self::EnrollmentDropped(enrollment)
            | Self::WaitlistPromoted { enrollment, .. } => Some(enrollment),
            _ => None,
        }
    }

    /// What else the log says, a JSON object. Names and addresses stay out: the log outlives the student.
    #[must_use]
    pub fn data(&self) -> String {
        match self {
            Self::StudentUpdated { changed, .. } | Self::CourseUpdated { changed, .. } => {
                let fields: Vec<_> = changed.iter().map(|(field, _)| field).collect();
                serde_json::json!({ "changed": fields }).to_string()
            }
            Self::SeatsSet {
                limits: Limits { capacity, waitlist_capacity, opens_at, closes_at }, ..
            } => serde_json::json!({
                "capacity": capacity,
                "waitlist_capacity": waitlist_capacity,
                "opens_at": opens_at,
                "closes_at": closes_at,
            })
            .to_string(),
            _ => "{}".to_owned(),
        }
    }
}
