use thiserror::Error;

/// What the engine said, settled once for everybody above.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DbError {
    /// Somebody else holds the database, or too many reads wait: try again later.
    #[error("the database is busy")]
    Busy,
    /// One client reads at length too much at a time: what others wait for is for others.
    #[error("one client reads too much at a time")]
    Share,
    /// The disk is full; nothing was written.
    #[error("the disk that holds the database is full")]
    Full,
    /// A constraint of a table did not take the row; the text names the kind and the column, never a value.
    #[error("{0}")]
    Constraint(String),
    /// The server cannot be used now, which may pass by itself. Nothing was changed.
    #[error("the database server cannot be used now: {0}")]
    Away(String),
    /// The transaction could not be put in order with another one. Nothing was changed; done again it may succeed.
    #[error("the transaction met another one: {0}")]
    Conflict(String),
    /// The server was lost after it was told to commit: the change was made, or it was not.
    #[error("the database server was lost during a commit: {0}")]
    Unknown(String),
    /// The server has committed, but no standby has confirmed it as the server is told to wait for: a failure of its
    /// disk could still lose the change.
    #[error("the commit is not confirmed by a standby")]
    Unconfirmed,
    /// A text that is looked for has a character that no text of a server can have.
    #[error("a text has a NUL character, which no text of this database can have")]
    Nul,
    /// The operator's to mend: the role, or this user, may not do it, or the database's files are not the ones that were
    /// opened. Nothing was changed.
    #[error("{0}")]
    Unwritable(String),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Engine(String),
}

impl DbError {
    /// Whether nothing was changed, and the same may succeed in a moment.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Conflict(_))
    }
}
