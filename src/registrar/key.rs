//! Idempotency keys, as clients send them.

/// A client's name for a request, which allows it to send the request again if the answer does not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The value of the `Idempotency-Key` header.
    pub name: String,
    /// The number of the commit, for a request that takes several.
    pub part: i64,
    /// A fingerprint of the request's method, path and body.
    pub fingerprint: String,
}

impl IdempotencyKey {
    /// Creates the key for the first commit of a request.
    #[must_use]
    pub fn new(name: String, fingerprint: String) -> Self {
        Self { name, part: 0, fingerprint }
    }

    /// Returns the key for another commit of the same request.
    #[must_use]
    pub fn with_part(&self, part: i64) -> Self {
        Self { part, ..self.clone() }
    }
}
