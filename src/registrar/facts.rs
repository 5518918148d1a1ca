//! What a decision may know.

use std::collections::{BTreeMap, HashMap};

use super::event::Event;
use super::record::{Course, CourseId, Enrollment, EnrollmentId, Student, StudentId};

/// What a decision may know: the part of the school that the commands of one batch speak of.
///
/// [`Facts::apply`] moves the facts on, so that each command sees what those before it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The time of the batch, RFC 3339.
    pub now: String,
    /// The last id given to an enrollment.
    pub last_enrollment_id: i64,
    /// Those of the students asked for that exist.
    pub students: HashMap<StudentId, Student>,
    /// Those of the courses asked for that exist.
    pub courses: HashMap<CourseId, Course>,
    /// The enrollments that the commands could meet: of each pair, and of everybody who is to be deleted.
    pub enrollments: BTreeMap<(StudentId, CourseId), Enrollment>,
    /// How many rows the batch has added to tables that number their rows themselves.
    pub added: i64,
}

impl Facts {
    /// The id that the next enrollment gets.
    #[must_use]
    pub fn next_enrollment_id(&self) -> EnrollmentId {
        EnrollmentId(self.last_enrollment_id + 1)
    }

    /// A stand-in for the id that a table will give to a new row when the events are applied: never positive, so never
    /// the id of a row that somebody can ask for.
    #[must_use]
    pub fn provisional_id(&self) -> i64 {
        -self.added
    }

    /// The student's enrollments, in order of the course.
    pub fn enrollments_of_student(&self, id: StudentId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments
            .range((id, CourseId(i64::MIN))..=(id, CourseId(i64::MAX)))
            .map(|(_, enrollment)| enrollment)
    }

    /// The course's enrollments, in order of the student.
    pub fn enrollments_of_course(&self, id: CourseId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments.values().filter(move |enrollment| enrollment.course_id == id)
    }

    /// Moves the facts on by what has happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::StudentCreated(student) => {
                self.added += 1;
                self.students.insert(student.id, student.clone());
            }
            Event::StudentUpdated { student, .. } => {
                self.students.insert(student.id, student.clone());
            }
            Event::StudentDeleted(id) => {
                self.students.remove(id);
            }
            Event::CourseCreated(course) => {
                self.added += 1;
                self.courses.insert(course.id, course.clone());
            }
            Event::CourseUpdated { course, .. } => {
                self.courses.insert(course.id, course.clone());
            }
            Event::CourseDeleted(id) => {
                self.courses.remove(id);
            }
            Event::EnrollmentCreated(enrollment) => {
                self.last_enrollment_id = enrollment.id.0;
                self.enrollments.insert((enrollment.student_id, enrollment.course_id), enrollment.clone());
            }
            Event::EnrollmentDropped(enrollment) => {
                self.enrollments.remove(&(enrollment.student_id, enrollment.course_id));
            }
        }
    }
}
