use thiserror::Error;

/// An error of the engine, in the categories that the rest of the program distinguishes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DbError {
    /// Another program holds the database, or too many reads are queued: retry later.
    #[error("the database is busy")]
    Busy,
    /// This client has used up its share of long reads; the rest is reserved for others.
    #[error("this client has too many long reads at a time")]
    OverShare,
    /// The disk is full; nothing was written.
    #[error("the disk that holds the database is full")]
    Full,
    /// A constraint of a table rejected the row; the text names the constraint and the column, never a value.
    #[error("{0}")]
    Constraint(String),
    /// The server is unavailable, perhaps only for a moment. Nothing was changed.
    #[error("the database server is unavailable: {0}")]
    Unavailable(String),
    /// The transaction conflicted with another one. Nothing was changed; a retry may succeed.
    #[error("the transaction conflicted with another one: {0}")]
    Conflict(String),
    /// The connection was lost during the commit: the change may or may not have been made.
    #[error("a commit may or may not have succeeded: {0}")]
    Unknown(String),
    /// The server has committed, but a standby that it should wait for has not confirmed: the change could still be
    /// lost if the server's disk fails.
    #[error("no standby has confirmed the commit")]
    Unconfirmed,
    /// A search text contains a NUL character, which PostgreSQL texts cannot contain.
    #[error("a text contains a NUL character, which this database cannot store")]
    Nul,
    /// The operator has to fix it: the database role or the operating system user lacks permission, or the database's
    /// files are not the ones that were opened. Nothing was changed.
    #[error("{0}")]
    Unwritable(String),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Engine(String),
}

impl DbError {
    /// Whether nothing was changed and a retry may succeed in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_))
    }
}
