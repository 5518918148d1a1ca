//! Many operations in one command.

use super::answer::{Answer, Done};
use super::caller::Caller;
use super::command::Command;
use super::enrollment::{DropCourse, Enroll};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Many operations in order, each of which sees what those before it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What to do.
    pub operations: Vec<Operation>,
    /// Whether all of it is done or nothing; otherwise what can be done is.
    pub all: bool,
}

/// What can be done many times at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// As [`Enroll`].
    Enroll(StudentId, CourseId),
    /// As [`DropCourse`].
    Drop(StudentId, CourseId),
}

impl Operation {
    fn needs(self, needs: &mut Needs) {
        let (Self::Enroll(student_id, course_id) | Self::Drop(student_id, course_id)) = self;
        needs.pair(student_id, course_id);
    }

    fn carry_out(self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Answer), Refusal> {
        match self {
            Self::Enroll(student_id, course_id) => {
                let (events, admission) = Enroll { student_id, course_id }.carry_out(caller, facts)?;
                Ok((events, admission.into()))
            }
            Self::Drop(student_id, course_id) => {
                let (events, ()) = DropCourse { student_id, course_id }.carry_out(caller, facts)?;
                Ok((events, Answer::Gone))
            }
        }
    }
}

impl Command for Batch {
    type Answer = Vec<Done>;

    fn needs(&self, needs: &mut Needs) {
        for operation in &self.operations {
            operation.needs(needs);
        }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<Done>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    /// Where all or nothing is wanted, each operation that is refused says why, and the facts are as before.
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Vec<Done>), Refusal> {
        let last_enrollment_id = facts.last_enrollment_id;
        let mut events = Vec::new();
        let mut done = Vec::with_capacity(self.operations.len());
        for operation in &self.operations {
            done.push(match operation.carry_out(caller, facts) {
                Ok((happened, answer)) => {
                    events.extend(happened);
                    Done::Done(answer)
                }
                Err(refusal) => Done::Refused(refusal),
            });
        }
        if self.all && done.iter().any(|done| matches!(done, Done::Refused(_))) {
            facts.revert(&events, last_enrollment_id);
            events.clear();
            for done in done.iter_mut().filter(|done| matches!(done, Done::Done(_))) {
                *done = Done::Withheld;
            }
        }
        Ok((events, done))
    }

    fn weight(&self) -> usize {
        self.operations.len()
    }
}
