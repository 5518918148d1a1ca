//! Swapping a seat in one course for a seat in another.

use super::answer::Admission;
use super::caller::Caller;
use super::command::Command;
use super::drop::DropCourse;
use super::enrollment::{Enroll, promotions};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Give a student a seat in one course for the seat in another, or leave everything as it is. The student never goes on the
/// waitlist of the new course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The student.
    pub student_id: StudentId,
    /// The course that the student has a seat in.
    pub from: CourseId,
    /// The course that the student gets a seat in.
    pub to: CourseId,
}

impl Command for Swap {
    type Answer = Admission;

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.from);
        needs.pair(self.student_id, self.to);
    }

    fn enrolls(&self, _: usize) -> Option<(StudentId, CourseId)> {
        Some((self.student_id, self.to))
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure_enrolls(self.student_id)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        self.ensure_holds_seat(facts)?;
        let (mut events, admission) = self.enrollment().decide(caller, facts)?;
        events.extend(self.drop().without_promotions(caller, facts)?);
        let last_id = events.iter().filter_map(Event::new_enrollment).map(|row| row.id.0).max();
        let last_id = last_id.unwrap_or(facts.last_enrollment_id);
        events.extend(promotions(self.from, &facts.limits_of(self.from), 1, last_id, facts));
        Ok((events, admission))
    }
}

impl Swap {
    /// The half that gets the new seat.
    pub(super) fn enrollment(&self) -> Enroll {
        Enroll { wait: false, in_place_of: Some(self.from), ..Enroll::new(self.student_id, self.to) }
    }

    /// The half that gives up the held seat.
    pub(super) fn drop(&self) -> DropCourse {
        DropCourse::new(self.student_id, self.from)
    }

    /// # Errors
    /// [`Refusal::EnrollmentNotFound`], also if the student only waits for a seat.
    pub(super) fn ensure_holds_seat(&self, facts: &Facts) -> Result<(), Refusal> {
        let &Self { student_id, from: course_id, .. } = self;
        facts.student(student_id)?;
        if facts.enrollments.contains_key(&(student_id, course_id)) {
            return Ok(());
        }
        let place = facts.place(student_id, course_id);
        Err(Refusal::EnrollmentNotFound { student_id, course_id, place })
    }
}
