//! The caller of a command, and the answer to it.

use std::sync::Arc;

use super::key::IdempotencyKey;
use super::refusal::Refusal;

/// The caller of a command: created where a request arrives, then passed along.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The name to log; `None` as long as there are no accounts.
    pub actor: Option<String>,
    /// What the caller may do.
    pub role: Role,
    /// The id of the request, for the log.
    pub request_id: Option<Arc<str>>,
    /// The key under which to store the answer, for retries.
    pub key: Option<IdempotencyKey>,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Staff; everybody, as long as there are no accounts.
    #[default]
    Registrar,
    /// A student, who acts for themselves.
    Student,
}

impl Caller {
    /// Another program that has changed the tables directly.
    #[must_use]
    pub fn database() -> Self {
        Self { actor: Some("database".to_owned()), ..Self::default() }
    }
}

/// The answer to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result, or the reason for the refusal.
    pub answer: T,
    /// Whether it is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

impl<T> Outcome<T> {
    /// Applies a function to the answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { answer: change(self.answer), replayed: self.replayed }
    }
}

impl From<Refusal> for Outcome<Refusal> {
    fn from(refusal: Refusal) -> Self {
        Self { answer: refusal, replayed: false }
    }
}
