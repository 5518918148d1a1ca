use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use super::files::not_writable;
use crate::db::DbError;

/// The message for a file without write permission if nothing more specific is known.
pub(super) const NOT_WRITABLE: &str = "this user may not write to it";

/// The message for a file whose last transaction has to be undone, by somebody who only reads.
const HALF_WRITTEN: &str = "a program was interrupted while it wrote to it: the next one that may write, such as \
                            `matricula migrate`, undoes what is half-done";

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            return Self::Engine(error.to_string());
        };
        match (failure.code, failure.extended_code) {
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Busy,
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_WRITE) => Self::Full,
            // SQLite's message names the constraint and the column ("UNIQUE constraint failed: students.email"), no
            // value. But a trigger has its own text, which may contain values.
            (_, ffi::SQLITE_CONSTRAINT_TRIGGER) => {
                Self::Constraint("a trigger of the table refuses it".to_owned())
            }
            (ErrorCode::ConstraintViolation, _) => Self::Constraint(error.to_string()),
            (ErrorCode::NotADatabase, _) => {
                Self::Engine("it is not an SQLite database, or it is encrypted".to_owned())
            }
            (ErrorCode::CannotOpen, _) => Self::Unwritable(
                "it cannot be opened or created: check that this user can read and write its folder"
                    .to_owned(),
            ),
            (_, ffi::SQLITE_READONLY_ROLLBACK) => Self::Unwritable(HALF_WRITTEN.to_owned()),
            (ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _) => {
                Self::Unwritable(NOT_WRITABLE.to_owned())
            }
            _ => Self::Engine(error.to_string()),
        }
    }
}

impl DbError {
    /// Adds which file or folder at `path` cannot be written to, if this is such an error.
    pub(super) fn with_path(self, path: &Path) -> Self {
        match self {
            Self::Unwritable(message) => Self::Unwritable(not_writable(path).unwrap_or(message)),
            other => other,
        }
    }
}
