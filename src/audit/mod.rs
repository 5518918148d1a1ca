//! The audit: do the tables say what the log says?

mod finding;
mod replay;
mod store;

use std::time::Duration;

pub use self::finding::Finding;
use self::finding::SHOWN;
use crate::clock::Clock;
use crate::db::{Db, DbError, Reach};
use crate::registrar::lead;

/// What an audit counted and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Events in the log.
    pub events: i64,
    /// Rows of `student_courses`.
    pub enrollments: i64,
    /// What does not agree; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Recounts and compares everything. It only reads, and may run beside a server.
///
/// # Errors
/// What the engine said.
pub async fn audit(db: &Db) -> Result<Audit, DbError> {
    let (events, enrollments) = store::counts(db).await?;
    let mut findings = Vec::new();
    for (promise, sql) in store::PROMISES {
        let mut rows = db.read(Reach::Scan, sql, [], |row| row.text(0)).await?;
        let total = rows.len();
        rows.truncate(SHOWN);
        if total > 0 {
            findings.push(Finding { promise, rows, total });
        }
    }
    findings.extend(replay::replay(db).await?);
    let rows = db.integrity().await?;
    if !rows.is_empty() {
        findings.push(Finding { promise: "the file is intact", total: rows.len(), rows });
    }
    Ok(Audit { events, enrollments, findings })
}

/// By how much the log's last entry is ahead of the clock: the database server's where there is one. Zero if it is not.
///
/// # Errors
/// What the engine said.
pub async fn ahead(db: &Db, clock: &Clock) -> Result<Duration, DbError> {
    let last_at = store::last_at(db).await?;
    let now = db.time().await?.unwrap_or_else(|| clock.stamp());
    Ok(last_at.map_or(Duration::ZERO, |last_at| lead(&last_at, &now)))
}
