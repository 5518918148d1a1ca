//! Migrations: one numbered file per change, in the common SQL dialect, embedded in the program. The database records
//! which ones it has had, each with the checksum of the SQL that ran; a history that this version cannot continue is
//! refused. They run in the caller's transaction, so a migration and its history entry are committed together.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use thiserror::Error;

use super::{Db, DbError, Row, Tx, sqlite};
use crate::clock::Stamp;

/// The history's table. The name has a prefix because other programs may keep migrations of their own in the same
/// database.
pub const HISTORY: &str = "matricula_migrations";

/// The columns of the migration library refinery, so that its tools can read the table.
const CREATE_HISTORY: &str = "create table if not exists matricula_migrations (
    version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
)";

/// Version, name and SQL, in order.
const FILES: [(i64, &str, &str); 26] = [
    (1, "students", include_str!("../../migrations/V1__students.sql")),
    (2, "courses", include_str!("../../migrations/V2__courses.sql")),
    (3, "student_courses", include_str!("../../migrations/V3__student_courses.sql")),
    (4, "event_log", include_str!("../../migrations/V4__event_log.sql")),
    (5, "course_seats", include_str!("../../migrations/V5__course_seats.sql")),
    (6, "waitlist", include_str!("../../migrations/V6__waitlist.sql")),
    (7, "idempotency_keys", include_str!("../../migrations/V7__idempotency_keys.sql")),
    (8, "nothing_lost", include_str!("../../migrations/V8__nothing_lost.sql")),
    (9, "writes_by_others", include_str!("../../migrations/V9__writes_by_others.sql")),
    (10, "writes_within_batches", include_str!("../../migrations/V10__writes_within_batches.sql")),
    (11, "access", include_str!("../../migrations/V11__access.sql")),
    (12, "sessions", include_str!("../../migrations/V12__sessions.sql")),
    (13, "instructors", include_str!("../../migrations/V13__instructors.sql")),
    (14, "records", include_str!("../../migrations/V14__records.sql")),
    (15, "uses_and_keys", include_str!("../../migrations/V15__uses_and_keys.sql")),
    (16, "sign_on", include_str!("../../migrations/V16__sign_on.sql")),
    (17, "external_ids", include_str!("../../migrations/V17__external_ids.sql")),
    (18, "imports", include_str!("../../migrations/V18__imports.sql")),
    (19, "mode_of_imports", include_str!("../../migrations/V19__mode_of_imports.sql")),
    (20, "deadlines", include_str!("../../migrations/V20__deadlines.sql")),
    (21, "restored_enrollments", include_str!("../../migrations/V21__restored_enrollments.sql")),
    (22, "groups_and_holds", include_str!("../../migrations/V22__groups_and_holds.sql")),
    (23, "seat_changes", include_str!("../../migrations/V23__seat_changes.sql")),
    (24, "canvas_sections", include_str!("../../migrations/V24__canvas_sections.sql")),
    (25, "sections_by_import", include_str!("../../migrations/V25__sections_by_import.sql")),
    (26, "links_by_account", include_str!("../../migrations/V26__links_by_account.sql")),
];

/// The placeholders for the triggers that log writes by other programs, which the engines express quite differently.
const TRIGGERS: [&str; 3] =
    ["{{log_writes_by_others}}", "{{log_writes_within_batches}}", "{{log_replaced_rows}}"];

/// A migration that this database has not had yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The name of its file without `.sql`: `V2__courses`.
    pub name: String,
    /// Its SQL on this engine.
    pub sql: String,
    entry: HistoryEntry,
}

/// An entry of the history, without the time, which is only informative.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HistoryEntry {
    version: i64,
    name: String,
    checksum: u64,
}

/// The state of a database's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationHistory {
    /// Whether matricula has never migrated this database.
    pub is_new: bool,
    /// The migrations that still have to run, in order.
    pub pending: Vec<Pending>,
}

/// The schema of a database, compared with that of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// matricula has never migrated the database.
    None,
    /// Migrations are pending.
    Older,
    /// It is the schema of this version.
    Current,
}

/// Why a history cannot be continued.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HistoryError {
    /// The database has had a migration that this version does not know.
    #[error(
        "a newer version of matricula has migrated it (this is version {version}, which does not know {0}): use the newer \
         version, or restore a backup",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(String),
    /// A migration was changed after this database had it.
    #[error("its migration {0} differs from the one in this version: it was created by a modified matricula")]
    Changed(String),
    /// A later migration is recorded, but this one is missing.
    #[error("its history in {HISTORY} has a gap: {0} is missing")]
    Gap(String),
    /// The history cannot be read.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Pending {
    /// Takes out the statements that create indexes, which is faster after many rows were inserted.
    pub fn take_indexes(&mut self) -> Vec<String> {
        let is_index = |line: &&str| line.starts_with("create index ") && line.ends_with(';');
        let indexes: Vec<_> = self.sql.lines().filter(is_index).map(str::to_owned).collect();
        for index in &indexes {
            self.sql = self.sql.replace(index, "");
        }
        indexes
    }

    /// The tables and indexes that it creates without `if not exists` and leaves there: `table` or `index`, and the
    /// name.
    pub fn creates(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.sql.lines().filter_map(|line| {
            let (kind, rest) =
                [("table", "create table "), ("index", "create index "), ("index", "create unique index ")]
                    .iter()
                    .find_map(|(kind, words)| Some((*kind, line.strip_prefix(words)?)))?;
            let name = rest.split([' ', '(']).next()?;
            (!self.sql.contains(&format!("drop {kind} {name};"))).then_some((kind, name))
        })
    }
}

/// Whether one of the migrations creates the triggers that log writes by other programs.
#[must_use]
pub fn creates_triggers(tx: &Tx<'_>, migrations: &[Pending]) -> bool {
    migrations.iter().any(|migration| triggers(tx).any(|triggers| migration.sql.contains(triggers)))
}

/// Leaves out the triggers that log writes by other programs.
pub fn leave_out_triggers(tx: &Tx<'_>, migrations: &mut [Pending]) {
    for migration in migrations {
        for triggers in triggers(tx) {
            migration.sql = migration.sql.replace(triggers, "");
        }
    }
}

fn triggers(tx: &Tx<'_>) -> impl Iterator<Item = &'static str> {
    tx.tokens().iter().filter(|(token, _)| TRIGGERS.contains(token)).map(|(_, sql)| *sql)
}

/// Reads the history without changing anything.
///
/// # Errors
/// When this version cannot continue the history, or the history cannot be read.
pub async fn history(tx: &Tx<'_>) -> Result<MigrationHistory, HistoryError> {
    let applied =
        if tx.has_table(HISTORY).await? { tx.query(ENTRIES, &[], entry).await? } else { Vec::new() };
    Ok(MigrationHistory { is_new: applied.is_empty(), pending: pending(known(tx.tokens()), &applied)? })
}

/// Compares the schema with that of this version.
///
/// # Errors
/// As [`history`].
pub async fn schema_state(db: &Db) -> Result<SchemaState, HistoryError> {
    let applied = if db.has_table(HISTORY).await? { db.query(ENTRIES, [], entry).await? } else { Vec::new() };
    Ok(match (applied.is_empty(), pending(known(db.tokens()), &applied)?.is_empty()) {
        (true, _) => SchemaState::None,
        (false, false) => SchemaState::Older,
        (false, true) => SchemaState::Current,
    })
}

const ENTRIES: &str = "select version, name, checksum from matricula_migrations order by version";

fn entry(row: &Row<'_>) -> Result<HistoryEntry, DbError> {
    let checksum = row.text(2)?;
    let checksum = checksum
        .parse()
        .map_err(|_| DbError::Engine(format!("{HISTORY} contains an invalid checksum: {checksum:?}")))?;
    Ok(HistoryEntry { version: row.int(0)?, name: row.text(1)?, checksum })
}

/// The known migrations that are missing in the history. They must all come after the ones that are there.
fn pending(known: Vec<Pending>, applied: &[HistoryEntry]) -> Result<Vec<Pending>, HistoryError> {
    for entry in applied {
        match known.iter().find(|known| known.entry.version == entry.version) {
            None => return Err(HistoryError::Newer(entry.to_string())),
            Some(known) if known.entry != *entry => return Err(HistoryError::Changed(entry.to_string())),
            Some(_) => {}
        }
    }
    let pending: Vec<_> = known.into_iter().filter(|known| !applied.contains(&known.entry)).collect();
    match (pending.first(), applied.last()) {
        (Some(first), Some(last)) if first.entry.version < last.version => {
            Err(HistoryError::Gap(first.name.clone()))
        }
        _ => Ok(pending),
    }
}

/// Makes migrations of a server's database run one at a time: others wait here until this transaction commits. A new
/// database is locked by creating the history, an existing one by locking the head of the log. (A file has only one
/// writer at a time anyway.)
///
/// # Errors
/// [`DbError::Conflict`] if another process has created the history in the meantime; others when a statement fails.
pub async fn lock(tx: &Tx<'_>) -> Result<(), DbError> {
    if !tx.is_shared() {
        return Ok(());
    }
    if !tx.has_table(HISTORY).await? {
        return create_history(tx).await;
    }
    if tx.has_table("log_head").await? {
        tx.execute_batch("update log_head set last_seq = last_seq").await?;
    }
    Ok(())
}

/// Creates the history's table if it is missing.
///
/// # Errors
/// When the statement fails.
pub async fn create_history(tx: &Tx<'_>) -> Result<(), DbError> {
    tx.execute_batch(CREATE_HISTORY).await
}

/// Runs and records a migration.
///
/// # Errors
/// When a statement fails; the transaction can then only be dropped.
pub async fn apply(tx: &Tx<'_>, pending: &Pending, now: &Stamp) -> Result<(), DbError> {
    if !pending.sql.is_empty() {
        tx.execute_batch(&pending.sql).await?;
    }
    let sql =
        "insert into matricula_migrations (version, name, applied_on, checksum) values ($1, $2, $3, $4)";
    let entry = &pending.entry;
    let args =
        [entry.version.into(), entry.name.as_str().into(), now.into(), entry.checksum.to_string().into()];
    tx.execute_many(sql, &[args.to_vec()]).await
}

/// When the database was set up: it stays the same, and no two databases have been at the same time.
///
/// # Errors
/// When it is not migrated, and as [`Db::query_opt`].
pub async fn set_up_at(db: &Db) -> Result<String, DbError> {
    let sql = "select applied_on from matricula_migrations order by version limit 1";
    let set_up = db.query_opt(sql, [], |row| row.text(0)).await?;
    set_up.ok_or_else(|| DbError::Engine("the database is not migrated".to_owned()))
}

/// Every table that the migrations create or expect, and the history.
#[must_use]
pub fn tables(tx: &Tx<'_>) -> Vec<String> {
    tables_with(tx.tokens())
}

/// As [`tables`], of a file.
#[must_use]
pub fn tables_of_a_file() -> Vec<String> {
    tables_with(sqlite::TOKENS)
}

/// The tables of [`tables`] that the database does not have.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn missing_tables(db: &Db) -> Result<Vec<String>, DbError> {
    let mut missing = Vec::new();
    for table in tables_with(db.tokens()) {
        if !db.has_table(&table).await? {
            missing.push(table);
        }
    }
    Ok(missing)
}

fn tables_with(tokens: &[(&str, &str)]) -> Vec<String> {
    let known = known(tokens);
    let created = known.iter().flat_map(Pending::creates).filter(|(kind, _)| *kind == "table");
    created.map(|(_, name)| name.to_owned()).chain([HISTORY.to_owned()]).collect()
}

/// Every migration, with the engine's `tokens` filled in.
fn known(tokens: &[(&str, &str)]) -> Vec<Pending> {
    let migration = |&(version, name, text): &(i64, &str, &str)| {
        // The checksum covers the SQL that runs, so it differs between engines.
        let sql = tokens.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value));
        let entry = HistoryEntry { version, name: name.to_owned(), checksum: checksum(version, name, &sql) };
        Pending { name: entry.to_string(), sql, entry }
    };
    FILES.iter().map(migration).collect()
}

/// `SipHash` 1-3 with key 0 over name, version and SQL. It is recorded in every database, so it must not change: it
/// matches refinery's, which made the first ones and hashes as Rust's standard library does, ending each text with
/// 0xff.
fn checksum(version: i64, name: &str, sql: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(&version.to_le_bytes());
    hasher.write(sql.as_bytes());
    hasher.write_u8(0xff);
    hasher.finish()
}

impl fmt::Display for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}__{}", self.version, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::postgres;

    #[test]
    fn every_migration_file_is_embedded_and_has_its_tokens_replaced() {
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            // The folders have what the engines express quite differently.
            .filter(|name| !["sqlite", "postgres"].contains(&name.as_str()))
            .collect();
        files.sort();
        let mut embedded = FILES.map(|(version, name, _)| format!("V{version}__{name}.sql"));
        embedded.sort();
        assert_eq!(files, embedded);
        for tokens in [sqlite::TOKENS, postgres::TOKENS] {
            assert!(known(tokens).iter().all(|migration| !migration.sql.contains("{{")));
        }
    }

    #[test]
    fn a_migration_lists_the_names_that_it_creates() {
        let pending = known(sqlite::TOKENS);
        assert_eq!(pending[0].creates().collect::<Vec<_>>(), [("table", "students")]);
        assert_eq!(
            pending[2].creates().collect::<Vec<_>>(),
            [("table", "student_courses"), ("index", "student_courses_course")]
        );
    }
}
