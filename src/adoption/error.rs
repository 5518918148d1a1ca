use thiserror::Error;

use super::problem::AdoptionProblems;
use crate::db::migrate::HistoryError;
use crate::db::{DbError, Location};

/// Why a database was not migrated. Nothing in it was changed.
#[derive(Debug, Error)]
#[error("{location}: {reason}")]
pub struct MigrateError {
    /// The database.
    pub location: Location,
    /// The reason.
    pub reason: MigrateErrorReason,
}

/// Why a migration is not possible.
#[derive(Debug, Error)]
pub enum MigrateErrorReason {
    /// The path cannot be a database.
    #[error("{0}")]
    Unusable(String),
    /// This version cannot continue the database's history.
    #[error(transparent)]
    History(HistoryError),
    /// The existing tables cannot be adopted.
    #[error(transparent)]
    Refused(#[from] AdoptionProblems),
    /// The database reported an error.
    #[error("{0}")]
    Db(#[from] DbError),
}

impl From<HistoryError> for MigrateErrorReason {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Db(error) => Self::Db(error),
            history => Self::History(history),
        }
    }
}
