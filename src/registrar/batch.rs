//! Many operations in one command.

use super::answer::{Answer, OperationOutcome};
use super::caller::{Caller, Right};
use super::command::{Command, Decision, carry_out_in_order};
use super::enrollment::{DropCourse, Enroll};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Operations that are carried out in order; each sees the changes of the operations before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The operations.
    pub operations: Vec<Operation>,
    /// Whether to carry out either all operations or none; otherwise refused ones are skipped.
    pub all_or_nothing: bool,
}

/// An operation of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// See [`Enroll`].
    Enroll(StudentId, CourseId),
    /// See [`DropCourse`].
    Drop(StudentId, CourseId),
}

impl Operation {
    /// The course that it is about.
    #[must_use]
    pub fn course_id(self) -> CourseId {
        let (Self::Enroll(_, course_id) | Self::Drop(_, course_id)) = self;
        course_id
    }

    fn needs(self, needs: &mut Needs) {
        let (Self::Enroll(student_id, course_id) | Self::Drop(student_id, course_id)) = self;
        needs.pair(student_id, course_id);
    }

    fn carry_out(self, caller: &Caller, facts: &mut Facts) -> Decision {
        match self {
            Self::Enroll(student_id, course_id) => {
                let (events, admission) = Enroll::new(student_id, course_id).carry_out(caller, facts)?;
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
    type Answer = Vec<OperationOutcome>;

    fn needs(&self, needs: &mut Needs) {
        for operation in &self.operations {
            operation.needs(needs);
        }
    }

    /// Each operation is asked about by itself.
    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.grants.has(Right::EnrollOneself) { Ok(()) } else { caller.ensure(Right::WriteEnrollments) }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    /// If the batch is all or nothing and an operation is refused, the facts stay as they were; each refused
    /// operation has its reason.
    fn carry_out(
        &self,
        caller: &Caller,
        facts: &mut Facts,
    ) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        let last_enrollment_id = facts.last_enrollment_id;
        let (mut events, mut done) = carry_out_in_order(&self.operations, facts, |operation, facts| {
            operation.carry_out(caller, facts)
        });
        if self.all_or_nothing && done.iter().any(|done| matches!(done, OperationOutcome::Refused(_))) {
            facts.revert(&events, last_enrollment_id);
            events.clear();
            for done in done.iter_mut().filter(|done| matches!(done, OperationOutcome::Done(_))) {
                *done = OperationOutcome::Withheld;
            }
        }
        Ok((events, done))
    }

    fn weight(&self) -> usize {
        self.operations.len()
    }
}
