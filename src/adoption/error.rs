use thiserror::Error;

use super::refusal::Refusals;
use crate::db::migrate::HistoryError;
use crate::db::{DbError, Location};

/// Why a database was not migrated. Nothing in it was changed.
#[derive(Debug, Error)]
#[error("{location}: {reason}")]
pub struct MigrateError {
    /// The database.
    pub location: Location,
    /// What stood in the way.
    pub reason: Reason,
}

/// What stood in the way of a migration.
#[derive(Debug, Error)]
pub enum Reason {
    /// The path cannot be a database.
    #[error("{0}")]
    Unusable(String),
    /// The database's history is not one that this version can continue.
    #[error(transparent)]
    History(HistoryError),
    /// What is there cannot be adopted.
    #[error(transparent)]
    Refused(#[from] Refusals),
    /// What the engine said.
    #[error("{0}")]
    Db(#[from] DbError),
}

impl From<HistoryError> for Reason {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Db(error) => Self::Db(error),
            history => Self::History(history),
        }
    }
}
