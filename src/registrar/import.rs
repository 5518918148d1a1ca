//! Imports: the steps of a plan, each of which happens exactly as planned or not at all.

use super::answer::{Admission, Answer, OperationOutcome};
use super::caller::{Caller, Right};
use super::command::{Command, Decision, carry_out_in_order};
use super::course::{CreateCourse, DeleteCourse, UpdateCourse};
use super::enrollment::{DropCourse, Enroll};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::refusal::Refusal;
use super::student::{CreateStudent, DeleteStudent, UpdateStudent};

/// Steps of a plan that are carried out in order; each sees the changes of the steps before it. One that is refused
/// leaves the others as they are.
#[derive(Clone, Debug)]
pub struct ImportPart {
    /// The steps.
    pub steps: Vec<ImportStep>,
}

/// A step of a plan.
#[derive(Clone, Debug)]
pub enum ImportStep {
    /// See [`CreateStudent`].
    AddStudent(CreateStudent),
    /// See [`UpdateStudent`].
    ChangeStudent(UpdateStudent),
    /// See [`DeleteStudent`].
    RemoveStudent(DeleteStudent),
    /// See [`CreateCourse`].
    AddCourse(CreateCourse),
    /// See [`UpdateCourse`].
    ChangeCourse(UpdateCourse),
    /// See [`DeleteCourse`].
    RemoveCourse(DeleteCourse),
    /// See [`Enroll`]: with a seat, and not on the waitlist.
    Enroll(Enroll),
    /// See [`Enroll`]: on the waitlist, and not with a seat.
    Wait(Enroll),
    /// See [`DropCourse`].
    Drop(DropCourse),
}

impl ImportStep {
    fn needs(&self, needs: &mut Needs) {
        match self {
            Self::AddStudent(step) => step.needs(needs),
            Self::ChangeStudent(step) => step.needs(needs),
            Self::RemoveStudent(step) => step.needs(needs),
            Self::AddCourse(step) => step.needs(needs),
            Self::ChangeCourse(step) => step.needs(needs),
            Self::RemoveCourse(step) => step.needs(needs),
            Self::Enroll(step) | Self::Wait(step) => step.needs(needs),
            Self::Drop(step) => step.needs(needs),
        }
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        match self {
            Self::AddStudent(step) => answered(step.carry_out(caller, facts)),
            Self::ChangeStudent(step) => answered(step.carry_out(caller, facts)),
            Self::RemoveStudent(step) => answered(step.carry_out(caller, facts)),
            Self::AddCourse(step) => answered(step.carry_out(caller, facts)),
            Self::ChangeCourse(step) => answered(step.carry_out(caller, facts)),
            Self::RemoveCourse(step) => answered(step.carry_out(caller, facts)),
            Self::Enroll(step) => admitted(*step, true, caller, facts),
            Self::Wait(step) => admitted(*step, false, caller, facts),
            Self::Drop(step) => answered(step.carry_out(caller, facts)),
        }
    }
}

fn answered<A: Into<Answer>>(done: Result<(Vec<Event>, A), Refusal>) -> Decision {
    done.map(|(events, answer)| (events, answer.into()))
}

/// Enrolls the student if that gives them what was planned: a seat, or a place on the waitlist.
fn admitted(step: Enroll, with_seat: bool, caller: &Caller, facts: &mut Facts) -> Decision {
    step.permit(caller)?;
    let (_, admission) = step.decide(caller, facts)?;
    if matches!(admission, Admission::Enrolled(_)) != with_seat {
        return Err(Refusal::PlanChanged);
    }
    answered(step.carry_out(caller, facts))
}

impl Command for ImportPart {
    type Answer = Vec<OperationOutcome>;

    fn needs(&self, needs: &mut Needs) {
        for step in &self.steps {
            step.needs(needs);
        }
    }

    /// Each step is asked about by itself.
    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteEnrollments)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    fn carry_out(
        &self,
        caller: &Caller,
        facts: &mut Facts,
    ) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        Ok(carry_out_in_order(&self.steps, facts, |step, facts| step.carry_out(caller, facts)))
    }

    fn weight(&self) -> usize {
        self.steps.len()
    }
}
