//! Idempotency keys, as a client gives them.

/// The name that a client gives to a request, to send it again when it does not hear the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The client's name for it.
    pub name: String,
    /// Which of the commits that the request takes.
    pub part: i64,
    /// Of the request's method, path and body.
    pub fingerprint: String,
}

impl Key {
    /// The key of the first commit of a request.
    #[must_use]
    pub fn new(name: String, fingerprint: String) -> Self {
        Self { name, part: 0, fingerprint }
    }

    /// The key of another of the request's commits.
    #[must_use]
    pub fn part(&self, part: i64) -> Self {
        Self { part, ..self.clone() }
    }
}
