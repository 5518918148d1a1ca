//! An attempt to write that changes nothing: whether a batch could be committed now.

use super::Books;
use super::head::Head;
use crate::db::{DbError, Need, WriteHealth, missing_rights};

/// Rights on our own tables that some batch needs.
const OURS: [Need; 23] = [
    ("matricula_migrations", "select"),
    ("log_head", "select"),
    ("log_head", "update"),
    ("events", "select"),
    ("events", "insert"),
    ("student_courses", "select"),
    ("student_courses", "insert"),
    ("student_courses", "update"),
    ("student_courses", "delete"),
    ("course_seats", "select"),
    ("course_seats", "insert"),
    ("course_seats", "update"),
    ("course_seats", "delete"),
    ("waitlist", "select"),
    ("waitlist", "insert"),
    ("waitlist", "delete"),
    ("idempotency_keys", "select"),
    ("idempotency_keys", "insert"),
    ("idempotency_keys", "update"),
    ("idempotency_keys", "delete"),
    ("kept_columns", "select"),
    ("kept_columns", "insert"),
    ("kept_columns", "delete"),
];
/// Rights that everything needs.
const READS: [Need; 2] = [("students", "select"), ("courses", "select")];
/// Rights that the owner of a found table may never have granted; the migration reports that.
const THEIRS: [Need; 6] = [
    ("students", "insert"),
    ("students", "update"),
    ("students", "delete"),
    ("courses", "insert"),
    ("courses", "update"),
    ("courses", "delete"),
];

impl Books {
    /// How the last attempt to write ended.
    pub(in crate::registrar) fn write_health(&self) -> WriteHealth {
        self.writer.write_health()
    }

    /// Checks that this connection can write, before the server starts. A right on a found table that is missing now will not
    /// make it unready later.
    ///
    /// # Errors
    /// Why it cannot.
    pub(in crate::registrar) async fn open(&mut self) -> Result<(), DbError> {
        let tx = self.writer.begin().await?;
        self.never_had = missing_rights(&tx, &THEIRS).await?;
        drop(tx);
        self.try_to_write().await
    }

    /// Commits the head of the log as it is, after a look at what the role may do.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(in crate::registrar) async fn try_to_write(&mut self) -> Result<(), DbError> {
        let tx = self.writer.begin().await?;
        let head = Head::take(&tx, &self.clock).await?;
        self.lead.observe(&head.last_at, &head.now);
        let needs: Vec<_> = [&OURS[..], &READS, &THEIRS].concat();
        let mut missing = missing_rights(&tx, &needs).await?;
        missing.retain(|right| !self.never_had.contains(right));
        if missing.is_empty() {
            return tx.commit().await;
        }
        drop(tx);
        let error = DbError::Unwritable(format!("the database role has no right to {}", missing.join(", ")));
        self.writer.write_health().failed(&error);
        Err(error)
    }
}
