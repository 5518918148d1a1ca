//! The answer to a client when the database fails, and the line in the log for the operator.

use std::time::Duration;

use serde_json::json;

use super::invalid::invalid;
use super::observe::current_request_id;
use super::problem::Problem;
use crate::db::DbError;
use crate::logging::Seldom;

/// Every request meets it until it is mended; a line every few seconds is enough to find the reason.
static UNWRITABLE_LOGGED: Seldom = Seldom::every(Duration::from_secs(10));

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::overloaded("The database is busy; nothing was changed. Try again."),
            DbError::Share => Self::rate_limited(
                "Your other searches and long lists are still being read, as many as one client may have. Wait for one \
                 of them.",
            ),
            DbError::Full => {
                Self::overloaded("The disk that holds the database is full; nothing was changed.")
            }
            DbError::Away(_) | DbError::Conflict(_) => {
                tracing::warn!(request_id = current_request_id().as_deref(), %error, "the database is away");
                Self::overloaded("The database server cannot be used now; nothing was changed. Try again.")
            }
            DbError::Unknown(_) | DbError::Unconfirmed => {
                tracing::error!(request_id = current_request_id().as_deref(), %error, "an outcome is unknown");
                Self::overloaded(
                    "The database server was lost while it made the change: it may have been made, or not. Look \
                     before you ask again.",
                )
            }
            DbError::Nul => invalid(vec![json!({"parameter": "", "detail": error.to_string()})]),
            DbError::Unwritable(_) => {
                if UNWRITABLE_LOGGED.is_time() {
                    tracing::error!(request_id = current_request_id().as_deref(), %error, "the database cannot be used as it has to be");
                }
                Self::overloaded(
                    "The server may not do this with the database at present, which its operator has to mend; nothing \
                     was changed.",
                )
            }
            DbError::Constraint(_) | DbError::Engine(_) => {
                tracing::error!(request_id = current_request_id().as_deref(), %error, "the database failed");
                Self::internal()
            }
        }
    }
}
