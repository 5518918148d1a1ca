//! Who asks for a change, and what came of it.

use std::sync::Arc;

use super::key::Key;
use super::refusal::Refusal;

/// Who asks for a change: built once where a request comes in, and passed on from there.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The name for the log; `None` while nobody signs in.
    pub actor: Option<String>,
    /// What the caller may do.
    pub role: Role,
    /// The request.
    pub request_id: Option<Arc<str>>,
    /// Under which the answer is kept, to be given again.
    pub key: Option<Key>,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Staff; everybody, while nobody signs in.
    #[default]
    Registrar,
    /// A student, for themselves.
    Student,
}

impl Caller {
    /// Another program, which changed the tables behind our back.
    #[must_use]
    pub fn database() -> Self {
        Self { actor: Some("database".to_owned()), ..Self::default() }
    }
}

/// The answer to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What was done, or why it was not.
    pub answer: T,
    /// Whether it is the answer that was given to the same request before.
    pub replayed: bool,
}

impl<T> Outcome<T> {
    /// The same about another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { answer: change(self.answer), replayed: self.replayed }
    }
}

impl From<Refusal> for Outcome<Refusal> {
    fn from(refusal: Refusal) -> Self {
        Self { answer: refusal, replayed: false }
    }
}
