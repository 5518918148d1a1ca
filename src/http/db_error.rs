//! Errors of the database as problems, with the cause for the log output.

use std::time::Duration;

use serde_json::json;

use super::invalid::invalid;
use super::problem::Problem;
use crate::db::DbError;
use crate::logging::LogThrottle;

/// Every write fails until the operator repairs the database; one line every few seconds is enough.
static UNWRITABLE_LOGGED: LogThrottle = LogThrottle::every(Duration::from_secs(10));

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::overloaded("The database is busy; nothing was changed. Try again."),
            DbError::OverShare => Self::rate_limited(
                "You are reading as many searches and long lists as one client may. Wait for one of them to finish.",
            ),
            DbError::Full => {
                Self::overloaded("The disk that holds the database is full; nothing was changed.")
            }
            DbError::Unavailable(_) | DbError::Conflict(_) => {
                Self::overloaded("The database server is not available; nothing was changed. Try again.")
                    .with_cause("the database is not available", error, true)
            }
            DbError::Unknown(_) | DbError::Unconfirmed => Self::overloaded(
                "The connection to the database server was lost during the change, which may have been made or not. Check \
                before you retry.",
            )
            .with_cause("the outcome of a write is unknown", error, false),
            DbError::Nul => invalid(vec![json!({"parameter": "", "detail": "must not contain a NUL character"})]),
            DbError::Unwritable(_) => {
                let problem = Self::overloaded(
                    "The database cannot be written to until an administrator repairs it. Nothing was changed.",
                );
                if UNWRITABLE_LOGGED.is_due() {
                    problem.with_cause("the database cannot be written to", error, false)
                } else {
                    problem
                }
            }
            DbError::Constraint(_) | DbError::Engine(_) => {
                Self::internal().with_cause("the database failed", error, false)
            }
        }
    }
}
