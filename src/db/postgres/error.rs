use tokio_postgres::Error;
use tokio_postgres::error::{DbError as ServerError, SqlState};

use crate::db::DbError;

/// Converts an error of the driver or of the server.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn map_error(error: Error) -> DbError {
    match error.as_db_error() {
        Some(answer) => map_server_error(answer),
        None if error.is_closed() => DbError::Unavailable("it has closed the connection".to_owned()),
        None if is_io(&error) => DbError::Unavailable("the connection broke".to_owned()),
        None => DbError::Engine(error.to_string()),
    }
}

/// As [`map_error`], for a commit. Only a refusal guarantees that nothing was committed: a deferred constraint that
/// is violated, or a conflict with another transaction. Any other error may have come after the commit (from a proxy,
/// or from one node of several), and without an answer either is possible.
pub(super) fn map_commit_error(error: Error) -> DbError {
    match map_error(error) {
        refusal @ (DbError::Constraint(_) | DbError::Conflict(_)) => refusal,
        other => DbError::Unknown(other.to_string()),
    }
}

/// As [`map_error`], for the start of a write transaction: a standby rejects it, but may become the primary, or the
/// primary may become reachable again.
pub(super) fn map_begin_error(error: Error) -> DbError {
    match error.as_db_error() {
        Some(answer) if *answer.code() == SqlState::FEATURE_NOT_SUPPORTED => {
            DbError::Unavailable(answer.message().to_owned())
        }
        _ => map_error(error),
    }
}

fn is_io(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether it may pass by itself: too many connections, a server that starts or stops, a standby, a proxy that has
/// lost its server (for example `08P01`).
pub(super) fn is_transient_code(code: &SqlState) -> bool {
    matches!(code.code().as_bytes(), [b'0', b'8', ..] | [b'5', b'3', ..] | [b'5', b'7', b'P', ..])
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

fn map_server_error(answer: &ServerError) -> DbError {
    let (code, message) = (answer.code(), answer.message());
    // A server's message names tables, columns and constraints; values are in its detail, which is left out.
    match code.code().as_bytes() {
        _ if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED => {
            DbError::Conflict(message.to_owned())
        }
        // Two transactions have created the same table at the same time.
        _ if *code == SqlState::DUPLICATE_TABLE
            || (*code == SqlState::UNIQUE_VIOLATION && answer.schema() == Some("pg_catalog")) =>
        {
            DbError::Conflict(message.to_owned())
        }
        // Statements share a round trip: the one whose failure is known first may not be the one that failed first.
        _ if *code == SqlState::IN_FAILED_SQL_TRANSACTION => {
            DbError::Conflict("another statement of the transaction has failed".to_owned())
        }
        _ if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::QUERY_CANCELED => DbError::Busy,
        _ if *code == SqlState::DISK_FULL => DbError::Full,
        _ if is_transient_code(code) || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            DbError::Unavailable(message.to_owned())
        }
        [b'2', b'3', ..] | b"22001" => DbError::Constraint(message.to_owned()),
        // These messages contain the value.
        [b'2', b'2', ..] => DbError::Constraint("a column does not accept this value".to_owned()),
        // The text is the trigger's own, and may contain values.
        [b'P', ..] | [b'0', b'9', ..] => DbError::Constraint("a trigger of the table refuses it".to_owned()),
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            DbError::Unwritable(format!("the database role lacks a permission: {message}"))
        }
        class if !is_server_class(class) => {
            DbError::Constraint("a trigger of the table refuses it".to_owned())
        }
        _ => DbError::Engine(format!("{message} ({})", code.code())),
    }
}

/// Whether the class of this code is one of the server's own. Other codes are defined by functions, whose messages
/// may contain values.
fn is_server_class(code: &[u8]) -> bool {
    /// PostgreSQL's documentation, appendix A.
    const CLASSES: [&[u8; 2]; 42] = [
        b"00", b"01", b"02", b"03", b"08", b"09", b"0A", b"0B", b"0F", b"0L", b"0P", b"0Z", b"10", b"20",
        b"21", b"22", b"23", b"24", b"25", b"26", b"27", b"28", b"2B", b"2D", b"2F", b"34", b"38", b"39",
        b"3B", b"3D", b"3F", b"40", b"42", b"44", b"53", b"54", b"55", b"57", b"58", b"F0", b"HV", b"XX",
    ];
    CLASSES.iter().any(|class| code.starts_with(*class))
}
