//! A test write that changes nothing: whether a batch could be committed now.

use super::BatchWriter;
use super::head::Head;
use crate::db::{DbError, Location, Need, WriteHealth, Writer, missing_rights};

/// Rights on our own tables that some batch needs.
const OWN_TABLES: [Need; 107] = [
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
    ("waitlist", "update"),
    ("waitlist", "delete"),
    ("idempotency_keys", "select"),
    ("idempotency_keys", "insert"),
    ("idempotency_keys", "update"),
    ("idempotency_keys", "delete"),
    ("kept_columns", "select"),
    ("kept_columns", "insert"),
    ("kept_columns", "delete"),
    ("matricula_access", "select"),
    ("matricula_access", "update"),
    ("matricula_people", "select"),
    ("matricula_people", "insert"),
    ("matricula_people", "delete"),
    ("matricula_accounts", "select"),
    ("matricula_accounts", "insert"),
    ("matricula_accounts", "update"),
    ("matricula_links", "select"),
    ("matricula_links", "insert"),
    ("matricula_links", "delete"),
    ("matricula_identities", "select"),
    ("matricula_identities", "insert"),
    ("matricula_identities", "delete"),
    ("matricula_used_states", "select"),
    ("matricula_used_states", "insert"),
    ("matricula_used_states", "delete"),
    ("matricula_tokens", "select"),
    ("matricula_tokens", "insert"),
    ("matricula_tokens", "update"),
    ("matricula_token_uses", "select"),
    ("matricula_token_uses", "insert"),
    ("matricula_token_uses", "update"),
    ("matricula_keys", "select"),
    ("matricula_keys", "insert"),
    ("matricula_sessions", "select"),
    ("matricula_sessions", "insert"),
    ("matricula_sessions", "update"),
    ("matricula_sessions", "delete"),
    ("matricula_instructors", "select"),
    ("matricula_instructors", "insert"),
    ("matricula_instructors", "delete"),
    ("matricula_student_numbers", "select"),
    ("matricula_student_numbers", "insert"),
    ("matricula_student_numbers", "delete"),
    ("matricula_course_codes", "select"),
    ("matricula_course_codes", "insert"),
    ("matricula_course_codes", "delete"),
    ("matricula_canvas_sections", "select"),
    ("matricula_canvas_sections", "insert"),
    ("matricula_canvas_sections", "update"),
    ("matricula_canvas_sections", "delete"),
    ("matricula_sign_ins", "select"),
    ("matricula_sign_ins", "insert"),
    ("matricula_sign_ins", "update"),
    ("matricula_sign_ins", "delete"),
    ("matricula_disclosures", "select"),
    ("matricula_disclosures", "insert"),
    ("matricula_disclosures", "update"),
    ("matricula_disclosures", "delete"),
    ("matricula_imports", "select"),
    ("matricula_imports", "insert"),
    ("matricula_imports", "update"),
    ("matricula_imports", "delete"),
    ("matricula_import_files", "select"),
    ("matricula_import_files", "insert"),
    ("matricula_import_files", "delete"),
    ("matricula_import_rows", "select"),
    ("matricula_import_rows", "insert"),
    ("matricula_import_rows", "delete"),
    ("matricula_import_entries", "select"),
    ("matricula_import_entries", "insert"),
    ("matricula_import_entries", "delete"),
    ("matricula_seat_changes", "select"),
    ("matricula_seat_changes", "insert"),
    ("matricula_seat_changes", "update"),
    ("matricula_seat_changes", "delete"),
    ("matricula_seat_change_courses", "select"),
    ("matricula_seat_change_courses", "insert"),
    ("matricula_seat_change_courses", "update"),
    ("matricula_seat_change_courses", "delete"),
    ("matricula_groups", "select"),
    ("matricula_groups", "insert"),
    ("matricula_groups", "update"),
    ("matricula_groups", "delete"),
    ("matricula_group_students", "select"),
    ("matricula_group_students", "insert"),
    ("matricula_group_students", "delete"),
    ("matricula_holds", "select"),
    ("matricula_holds", "insert"),
    ("matricula_holds", "delete"),
    ("matricula_rules", "select"),
    ("matricula_rules", "update"),
];
/// Rights that every batch needs.
const READ_RIGHTS: [Need; 2] = [("students", "select"), ("courses", "select")];
/// Rights that the owner of a found table may never have granted; the migration reports them.
const FOUND_TABLES: [Need; 6] = [
    ("students", "insert"),
    ("students", "update"),
    ("students", "delete"),
    ("courses", "insert"),
    ("courses", "update"),
    ("courses", "delete"),
];

/// The rights that the role of a database lacks and that every batch needs, such as `insert on events`. Changes nothing.
///
/// # Errors
/// When the database cannot be opened for writing.
pub async fn rights_missing(location: &Location) -> Result<Vec<String>, DbError> {
    let mut writer = Writer::open(location)?;
    let needs: Vec<_> = [&OWN_TABLES[..], &READ_RIGHTS].concat();
    let tx = writer.begin().await?;
    let missing = missing_rights(&tx, &needs).await;
    drop(tx);
    writer.close();
    missing
}

impl BatchWriter {
    /// The result of the last attempt to write.
    pub(in crate::registrar) fn write_health(&self) -> WriteHealth {
        self.writer.write_health()
    }

    /// The maximum number of operations in one commit.
    pub(in crate::registrar) fn max_batch(&self) -> usize {
        self.writer.max_batch()
    }

    /// Checks that this connection can write, before the server starts. A right on a found table that is missing now
    /// will not count as a fault later.
    ///
    /// # Errors
    /// When nothing can be written: [`DbError::Unwritable`] for a missing right on our own tables.
    pub(in crate::registrar) async fn open(&mut self) -> Result<(), DbError> {
        let tx = self.writer.begin().await?;
        self.initially_missing = missing_rights(&tx, &FOUND_TABLES).await?;
        drop(tx);
        self.test_write().await
    }

    /// Checks the rights of the role, then commits the head of the log unchanged.
    ///
    /// # Errors
    /// [`DbError::Unwritable`] when a right is missing; otherwise the error of the failed write.
    pub(in crate::registrar) async fn test_write(&mut self) -> Result<(), DbError> {
        let health = self.writer.write_health();
        let tx = self.writer.begin().await?;
        let head = Head::lock(&tx, &self.clock).await?;
        self.last_seq = head.not_before(&tx, self.last_seq).inspect_err(|error| health.failed(error))?;
        self.lead.observe(&head.last_at, &head.now);
        let needs: Vec<_> = [&OWN_TABLES[..], &READ_RIGHTS, &FOUND_TABLES].concat();
        let mut missing = missing_rights(&tx, &needs).await?;
        missing.retain(|right| !self.initially_missing.contains(right));
        if missing.is_empty() {
            return tx.commit().await;
        }
        drop(tx);
        let error = DbError::Unwritable(format!("the database role has no right to {}", missing.join(", ")));
        self.writer.write_health().failed(&error);
        Err(error)
    }
}
