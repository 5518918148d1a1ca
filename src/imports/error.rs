//! Why imports are refused.

use crate::db::DbError;
use crate::files::reading::Reading;
use crate::registrar::Refusal;
use crate::shares::QuotaError;

/// Why an import was not planned, carried out or undone.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files are refused. Nothing was kept.
    #[error("{}", .0.why_refused())]
    Unreadable(Box<Reading>),
    /// There is no such import, or it has been deleted.
    #[error("There is no import {0}.")]
    NotFound(i64),
    /// The status of the import does not allow this.
    #[error("{0}")]
    WrongState(&'static str),
    /// The data have changed since the plan was made.
    #[error(
        "The data have changed since the plan was made. Make a new plan, and look at it before you import."
    )]
    PlanChanged,
    /// Many records would vanish, and that was not confirmed: the reason, and the number to confirm.
    #[error("{0}.")]
    WouldRemove(String, usize),
    /// Too many files wait to be read, or too many of this client.
    #[error("Too many files are being read.")]
    Full(QuotaError),
    /// The key of the request belongs to another request.
    #[error("This key belongs to another request.")]
    KeyReused,
    /// The database or the Registrar has refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl From<DbError> for ImportError {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}
