//! What a command is. Each subject's file has its own.

use std::fmt::Debug;

use super::answer::Answer;
use super::caller::Caller;
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::refusal::Refusal;

/// Something that can be asked of the Registrar.
pub trait Command: Debug + Send + Sync + 'static {
    /// What it is answered when it was carried out.
    type Answer: Into<Answer> + TryFrom<Answer> + Send;

    /// Adds the facts that it needs.
    fn needs(&self, needs: &mut Needs);

    /// The rule: what happens and what is answered, or why not. It looks at nothing but the facts and the caller, and
    /// changes nothing: [`Facts::apply`] does that, event by event.
    ///
    /// # Errors
    /// The reason why not.
    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Self::Answer), Refusal>;

    /// Decides, and moves the facts on by what happens; a refusal leaves them as they were.
    ///
    /// # Errors
    /// As [`Command::decide`].
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Self::Answer), Refusal> {
        let (events, answer) = self.decide(caller, facts)?;
        for event in &events {
            facts.apply(event);
        }
        Ok((events, answer))
    }

    /// How many operations it has, for a commit takes only so many.
    fn weight(&self) -> usize {
        1
    }
}

/// What a command comes to: what happens, and what is answered.
pub(super) type Decision = Result<(Vec<Event>, Answer), Refusal>;

/// Any command, in the queue.
pub(super) trait AnyCommand: Debug + Send + Sync {
    fn needs(&self, needs: &mut Needs);
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision;
    fn weight(&self) -> usize;
}

impl<C: Command> AnyCommand for C {
    fn needs(&self, needs: &mut Needs) {
        Command::needs(self, needs);
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        Command::carry_out(self, caller, facts).map(|(events, answer)| (events, answer.into()))
    }

    fn weight(&self) -> usize {
        Command::weight(self)
    }
}
