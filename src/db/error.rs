use thiserror::Error;

/// What the engine said, settled once for everybody above.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DbError {
    /// Somebody else holds the database, or too many reads wait: try again later.
    #[error("the database is busy")]
    Busy,
    /// The disk is full; nothing was written.
    #[error("the disk that holds the database is full")]
    Full,
    /// A constraint of a table did not take the row; the text names the kind and the column, never a value.
    #[error("{0}")]
    Constraint(String),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Engine(String),
}
