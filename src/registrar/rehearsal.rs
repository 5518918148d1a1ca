//! Enrollments and drops that are decided without being carried out, to say what an import would do.

use super::answer::Admission;
use super::caller::Caller;
use super::command::Command as _;
use super::enrollment::{DropCourse, Enroll};
use super::event::Event;
use super::facts::Facts;
use super::record::{Course, CourseId, Enrollment, Limits, Student, StudentId, WaitlistEntry};
use super::records::Record as _;
use super::refusal::Refusal;
use crate::clock::Stamp;

/// Facts by which enrollments and drops are decided as the Registrar would, one after the other. Students and courses that
/// do not exist yet can have ids of zero and below.
#[derive(Debug)]
pub struct Rehearsal {
    facts: Facts,
    caller: Caller,
}

impl Rehearsal {
    /// A rehearsal for this caller at this time, without any students and courses.
    #[must_use]
    pub fn new(now: Stamp, caller: Caller) -> Self {
        Self { facts: Facts { stamp: now.clone(), now, ..Facts::default() }, caller }
    }

    /// Adds a student.
    pub fn add_student(&mut self, id: StudentId) {
        self.facts.students.insert(id, Student::empty(id));
    }

    /// Adds a course with its limits, if it has any, and the number of its students.
    pub fn add_course(&mut self, id: CourseId, limits: Option<Limits>, enrolled: i64) {
        self.facts.courses.insert(id, Course::empty(id));
        self.facts.enrolled.insert(id, enrolled);
        self.facts.limits.extend(limits.map(|limits| (id, limits)));
    }

    /// Adds an enrollment, which is among the students that were counted for the course.
    pub fn add_enrollment(&mut self, enrollment: Enrollment) {
        self.facts.enrollments.insert((enrollment.student_id, enrollment.course_id), enrollment);
    }

    /// Adds a student to the waitlist of a course.
    pub fn add_waiting(&mut self, waiting: WaitlistEntry) {
        self.facts.waitlists.entry(waiting.course_id).or_default().insert(waiting);
    }

    /// Whether the student takes the course.
    #[must_use]
    pub fn is_enrolled(&self, student_id: StudentId, course_id: CourseId) -> bool {
        self.facts.enrollments.contains_key(&(student_id, course_id))
    }

    /// Whether the student is on the course's waitlist.
    #[must_use]
    pub fn is_waiting(&self, student_id: StudentId, course_id: CourseId) -> bool {
        self.facts.waitlist_entry(student_id, course_id).is_some()
    }

    /// Enrolls a student, or puts them on the waitlist.
    ///
    /// # Errors
    /// As [`Enroll`].
    pub fn enroll(&mut self, student_id: StudentId, course_id: CourseId) -> Result<Admission, Refusal> {
        let done = Enroll { student_id, course_id }.carry_out(&self.caller, &mut self.facts);
        done.map(|(_, admission)| admission)
    }

    /// Drops a student from a course, or takes them off its waitlist. Returns who moves up in their place.
    ///
    /// # Errors
    /// As [`DropCourse`].
    pub fn drop_course(
        &mut self,
        student_id: StudentId,
        course_id: CourseId,
    ) -> Result<Vec<(StudentId, CourseId)>, Refusal> {
        let (events, ()) = DropCourse { student_id, course_id }.carry_out(&self.caller, &mut self.facts)?;
        let promoted = events.iter().filter_map(Event::new_enrollment);
        Ok(promoted.map(|enrollment| (enrollment.student_id, enrollment.course_id)).collect())
    }
}
