//! Why a change of the seats of many courses is refused.

use crate::db::DbError;
use crate::registrar::Refusal;

/// Why a change was not planned, carried out or undone.
#[derive(Debug, thiserror::Error)]
pub enum SeatChangeError {
    /// There is no such change, or it has been deleted.
    #[error("There is no change {0} of the seats of many courses.")]
    NotFound(i64),
    /// The status of the change does not allow this.
    #[error("{0}")]
    WrongState(&'static str),
    /// The courses or their seats are not as they were when the change was planned.
    #[error(
        "Courses or seats have changed since the preview was made. Nothing was changed: make a new preview."
    )]
    PlanChanged,
    /// The key of the request belongs to another request.
    #[error("This key belongs to another request.")]
    KeyReused,
    /// The database or the Registrar has refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl From<DbError> for SeatChangeError {
    fn from(error: DbError) -> Self {
        Self::Refused(error.into())
    }
}
