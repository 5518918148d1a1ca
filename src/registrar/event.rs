//! What happened: an entry of the log, and the changes to rows that go with it.

use serde_json::{Value, json};

use super::kinds::EventKind;
use super::record::{Course, CourseId, Enrollment, EnrollmentId, Limits, Student, StudentId, Waiting};

/// The name of a field and its new value.
pub(super) type NewValue = (&'static str, String);

/// Something that happened, which the log keeps for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// To which student.
    pub student_id: Option<StudentId>,
    /// To which course.
    pub course_id: Option<CourseId>,
    /// To which enrollment.
    pub enrollment_id: Option<EnrollmentId>,
    /// What else the log says, a JSON object. Names and addresses stay out: the log outlives the student.
    pub data: Value,
    /// What it does to the tables.
    pub changes: Vec<Change>,
}

/// A change to the row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new student.
    AddStudent(Student),
    /// The student after the change, and the fields that differ.
    UpdateStudent(Student, Vec<NewValue>),
    /// The student's row is deleted.
    DeleteStudent(StudentId),
    /// Another program has deleted the student's row; what we keep of the student goes too.
    ForgetStudent(StudentId),
    /// A new course.
    AddCourse(Course),
    /// The course after the change, and the fields that differ.
    UpdateCourse(Course, Vec<NewValue>),
    /// The course's row is deleted.
    DeleteCourse(CourseId),
    /// Another program has deleted the course's row; what we keep of the course goes too.
    ForgetCourse(CourseId),
    /// A new enrollment.
    AddEnrollment(Enrollment),
    /// The enrollment ends.
    DeleteEnrollment(Enrollment),
    /// The course has these limits.
    SetLimits {
        /// The course.
        course_id: CourseId,
        /// Its limits.
        limits: Limits,
        /// Whether it had none before.
        is_first: bool,
    },
    /// The course has no limits any more.
    DeleteLimits(CourseId),
    /// A new place on a waitlist.
    AddWaiting(Waiting),
    /// The place on the waitlist ends.
    DeleteWaiting(Waiting),
}

impl Event {
    /// About a student.
    #[must_use]
    pub fn about_student(kind: EventKind, id: StudentId, change: Change) -> Self {
        Self {
            kind,
            student_id: Some(id),
            course_id: None,
            enrollment_id: None,
            data: json!({}),
            changes: vec![change],
        }
    }

    /// About a course.
    #[must_use]
    pub fn about_course(kind: EventKind, id: CourseId, change: Change) -> Self {
        Self {
            kind,
            student_id: None,
            course_id: Some(id),
            enrollment_id: None,
            data: json!({}),
            changes: vec![change],
        }
    }

    /// About a student in a course.
    #[must_use]
    pub fn about_pair(
        kind: EventKind,
        student_id: StudentId,
        course_id: CourseId,
        changes: Vec<Change>,
    ) -> Self {
        let enrollment_id = changes.iter().find_map(|change| match change {
            Change::AddEnrollment(row) | Change::DeleteEnrollment(row) => Some(row.id),
            _ => None,
        });
        Self {
            kind,
            student_id: Some(student_id),
            course_id: Some(course_id),
            enrollment_id,
            data: json!({}),
            changes,
        }
    }

    /// With more for the log to say.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// The enrollment that it makes.
    #[must_use]
    pub fn new_enrollment(&self) -> Option<&Enrollment> {
        self.changes.iter().find_map(|change| match change {
            Change::AddEnrollment(row) => Some(row),
            _ => None,
        })
    }
}
