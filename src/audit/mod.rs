//! The audit: checks that the tables agree with the event log.

mod against;
mod finding;
mod replay;
mod seats;
mod standing;
mod store;

use std::time::Duration;

pub use self::against::{Continuation, compare_logs};
pub use self::finding::Finding;
use crate::clock::Clock;
use crate::db::{Db, DbError, Reach, migrate};
use crate::registrar::lead;

/// The promise of the engine's own check of a file.
pub const INTACT: &str = "the file is intact";

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Events in the log.
    pub events: i64,
    /// Rows of `student_courses`.
    pub enrollments: i64,
    /// The broken promises; empty if everything is in order.
    pub findings: Vec<Finding>,
    /// Changes by other programs, which are allowed.
    pub notes: Vec<Finding>,
}

/// Recounts and compares everything. Only reads, so it can run while a server is running.
///
/// # Errors
/// When the database cannot be read.
pub async fn audit(db: &Db) -> Result<Audit, DbError> {
    let missing = migrate::missing_tables(db).await?;
    if let Some(finding) = Finding::new("every table of matricula exists", missing) {
        // Without these tables nothing can be compared.
        return Ok(Audit { events: 0, enrollments: 0, findings: vec![finding], notes: Vec::new() });
    }
    let (events, enrollments) = store::counts(db).await?;
    let mut findings = broken(db, &store::PROMISES).await?;
    findings.extend(seats::compare(db).await?);
    findings.extend(standing::compare(db).await?);
    findings.extend(replay::replay(db).await?);
    findings.extend(Finding::new(INTACT, db.integrity().await?));
    Ok(Audit { events, enrollments, findings, notes: broken(db, &store::NOTES).await? })
}

/// A finding for each statement that returns rows.
async fn broken(db: &Db, statements: &[(&'static str, &'static str)]) -> Result<Vec<Finding>, DbError> {
    let mut findings = Vec::new();
    for (promise, sql) in statements {
        let found = db.read(Reach::Scan, sql, [], |row| row.text(0)).await?;
        findings.extend(Finding::new(promise, found));
    }
    Ok(findings)
}

/// How far the log's last entry is ahead of the clock (the database server's if there is one); zero if it is not
/// ahead.
///
/// # Errors
/// When the database cannot be read.
pub async fn ahead(db: &Db, clock: &Clock) -> Result<Duration, DbError> {
    let last_at = store::last_at(db).await?;
    let now = db.time().await?.unwrap_or_else(|| clock.stamp());
    Ok(last_at.map_or(Duration::ZERO, |last_at| lead(&last_at, &now)))
}
