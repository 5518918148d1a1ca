//! The commands of a batch and their replies.

use crate::registrar::answer::Answer;
use crate::registrar::caller::{Caller, Outcome};
use crate::registrar::command::AnyCommand;
use crate::registrar::refusal::Refusal;

/// A command and its caller.
pub(in crate::registrar) type BatchItem<'a> = (&'a dyn AnyCommand, &'a Caller);

/// The reply to one command.
pub(in crate::registrar) type Reply = Outcome<Result<Answer, Refusal>>;

/// The replies to the commands of a batch, in order.
pub(in crate::registrar) type Replies = Vec<Reply>;
