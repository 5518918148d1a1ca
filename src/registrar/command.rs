//! The trait of all commands; each subject has its own file with its commands.

use std::fmt::Debug;

use super::answer::{Answer, OperationOutcome};
use super::caller::Caller;
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// A change that the Registrar can carry out.
pub trait Command: Debug + Send + Sync + 'static {
    /// The answer when it was carried out.
    type Answer: Into<Answer> + TryFrom<Answer> + Send;

    /// Adds the facts that it needs.
    fn needs(&self, needs: &mut Needs);

    /// Whether the caller may do this. Asked before anything else: before a stored answer is sent again, before a
    /// version is compared, before the caller learns what exists.
    ///
    /// # Errors
    /// The reason why not.
    fn permit(&self, caller: &Caller) -> Result<(), Refusal>;

    /// Decides by the facts and the caller alone: returns the events and the answer. It changes nothing:
    /// [`Facts::apply`] applies the events.
    ///
    /// # Errors
    /// The reason for the refusal.
    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Self::Answer), Refusal>;

    /// Decides, and applies the events to the facts; a refusal leaves them unchanged.
    ///
    /// # Errors
    /// See [`Command::decide`].
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Self::Answer), Refusal> {
        self.permit(caller)?;
        let (events, answer) = self.decide(caller, facts)?;
        for event in &events {
            facts.apply(event);
        }
        Ok((events, answer))
    }

    /// The number of operations, which is limited for each commit.
    fn weight(&self) -> usize {
        1
    }

    /// The student for whom the operation with this number asks for a seat, and the course.
    fn enrolls(&self, _operation: usize) -> Option<(StudentId, CourseId)> {
        None
    }
}

/// The events and the answer of a command, or the reason for its refusal.
pub(super) type Decision = Result<(Vec<Event>, Answer), Refusal>;

/// Carries out steps in order; each sees the changes of the steps before it. A refused step does not affect the others.
pub(super) fn carry_out_in_order<S>(
    steps: &[S],
    facts: &mut Facts,
    carry_out: impl Fn(&S, &mut Facts) -> Decision,
) -> (Vec<Event>, Vec<OperationOutcome>) {
    let mut events = Vec::with_capacity(steps.len());
    let outcomes = steps.iter().map(|step| match carry_out(step, facts) {
        Ok((happened, answer)) => {
            events.extend(happened);
            OperationOutcome::Done(answer)
        }
        Err(refusal) => OperationOutcome::Refused(refusal),
    });
    let outcomes = outcomes.collect();
    (events, outcomes)
}

/// A command of any type, in the queue.
pub(super) trait AnyCommand: Debug + Send + Sync {
    fn needs(&self, needs: &mut Needs);
    fn permit(&self, caller: &Caller) -> Result<(), Refusal>;
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision;
    fn weight(&self) -> usize;
    fn enrolls(&self, operation: usize) -> Option<(StudentId, CourseId)>;
}

impl<C: Command> AnyCommand for C {
    fn needs(&self, needs: &mut Needs) {
        Command::needs(self, needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        Command::permit(self, caller)
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        Command::carry_out(self, caller, facts).map(|(events, answer)| (events, answer.into()))
    }

    fn weight(&self) -> usize {
        Command::weight(self)
    }

    fn enrolls(&self, operation: usize) -> Option<(StudentId, CourseId)> {
        Command::enrolls(self, operation)
    }
}
