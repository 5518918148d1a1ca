//! What a batch is asked, and what it answers.

use crate::registrar::answer::Answer;
use crate::registrar::caller::{Caller, Outcome};
use crate::registrar::command::AnyCommand;
use crate::registrar::refusal::Refusal;

/// A command and its caller.
pub(in crate::registrar) type Asked<'a> = (&'a dyn AnyCommand, &'a Caller);

/// What a command came to.
pub(in crate::registrar) type Reply = Outcome<Result<Answer, Refusal>>;

/// What each command of a batch came to, in order.
pub(in crate::registrar) type Answers = Vec<Reply>;
