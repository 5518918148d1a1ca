//! The problem that a client meets when the database fails, and its cause for the operator.

use std::time::Duration;

use serde_json::json;

use super::invalid::invalid;
use super::problem::Problem;
use crate::db::DbError;
use crate::logging::LogThrottle;

/// Every request meets it until it is mended; a line every few seconds is enough to find the reason.
static UNWRITABLE_LOGGED: LogThrottle = LogThrottle::every(Duration::from_secs(10));

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::overloaded("The database is busy; nothing was changed. Try again."),
            DbError::OverShare => Self::rate_limited(
                "Your other searches and long lists are still being read, as many as one client may have. Wait for one \
                 of them.",
            ),
            DbError::Full => {
                Self::overloaded("The disk that holds the database is full; nothing was changed.")
            }
            DbError::Unavailable(_) | DbError::Conflict(_) => {
                Self::overloaded("The database server cannot be used now; nothing was changed. Try again.")
                    .because("the database is away", error, true)
            }
            DbError::Unknown(_) | DbError::Unconfirmed => Self::overloaded(
                "The database server was lost while it made the change: it may have been made, or not. Look \
                 before you ask again.",
            )
            .because("an outcome is unknown", error, false),
            DbError::Nul => invalid(vec![json!({"parameter": "", "detail": error.to_string()})]),
            DbError::Unwritable(_) => {
                let problem = Self::overloaded(
                    "The server may not do this with the database at present, which its operator has to mend; nothing \
                     was changed.",
                );
                if UNWRITABLE_LOGGED.is_due() {
                    problem.because("the database cannot be used as it has to be", error, false)
                } else {
                    problem
                }
            }
            DbError::Constraint(_) | DbError::Engine(_) => {
                Self::internal().because("the database failed", error, false)
            }
        }
    }
}
