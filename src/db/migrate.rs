//! Migrations: one file a change, numbered, in the common dialect. refinery names them, makes their checksums and compares
//! them with the history. They run inside a transaction that the caller has begun, so a migration and its entry in the
//! history are one.

use std::convert::Infallible;
use std::time::UNIX_EPOCH;

use refinery_core::error::Kind;
use refinery_core::traits::sync::{Migrate, Query, Transaction};
use refinery_core::{Error, Migration};
use thiserror::Error;

use super::{Db, DbError, Tx};

/// Not refinery's own name: the database is somebody else's, who may use refinery too.
pub const HISTORY: &str = "matricula_migrations";

/// refinery's own form, so that its tools can read it.
const MAKE_HISTORY: &str = "create table if not exists matricula_migrations (
    version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
)";

const FILES: [(&str, &str); 8] = [
    ("V1__students", include_str!("../../migrations/V1__students.sql")),
    ("V2__courses", include_str!("../../migrations/V2__courses.sql")),
    ("V3__student_courses", include_str!("../../migrations/V3__student_courses.sql")),
    ("V4__event_log", include_str!("../../migrations/V4__event_log.sql")),
    ("V5__course_seats", include_str!("../../migrations/V5__course_seats.sql")),
    ("V6__waitlist", include_str!("../../migrations/V6__waitlist.sql")),
    ("V7__idempotency_keys", include_str!("../../migrations/V7__idempotency_keys.sql")),
    ("V8__nothing_lost", include_str!("../../migrations/V8__nothing_lost.sql")),
];

/// A migration that this database has not had yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its file's name: `V2__student_courses`.
    pub name: String,
    /// What it runs on this engine.
    pub sql: String,
    entry: Migration,
}

/// What a database's history says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whether matricula has never migrated this database.
    pub is_new: bool,
    /// What it still needs, in order.
    pub pending: Vec<Pending>,
}

/// Why a history cannot be continued.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HistoryError {
    /// The database has had a migration that this program does not know.
    #[error(
        "it was made by a newer matricula (it has had {0}, which this version does not know): use that version"
    )]
    Newer(String),
    /// A migration was changed after this database had it.
    #[error("its migration {0} is not the one that this version has: it was made by a changed matricula")]
    Changed(String),
    /// A later migration is recorded, but not this one.
    #[error("its history in {HISTORY} has a gap: {0} is missing")]
    Gap(String),
    /// What the engine said.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Pending {
    /// What it makes and insists on making itself: `table` or `index`, and the name.
    pub fn makes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.sql.lines().filter_map(|line| {
            let (kind, rest) =
                [("table", "create table "), ("index", "create index "), ("index", "create unique index ")]
                    .iter()
                    .find_map(|(kind, words)| Some((*kind, line.strip_prefix(words)?)))?;
            rest.split([' ', '(']).next().map(|name| (kind, name))
        })
    }
}

/// Reads the history and changes nothing.
///
/// # Errors
/// When the history is not one that this program can continue.
pub async fn history(tx: &Tx<'_>) -> Result<History, HistoryError> {
    let known = known(tx.tokens())?;
    let mut had = Had(Vec::new());
    if tx.has_table(HISTORY).await? {
        let sql = "select version, name, checksum from matricula_migrations order by version";
        let entries = tx.query(sql, &[], |row| Ok((row.int(0)?, row.text(1)?, row.text(2)?))).await?;
        for (version, name, checksum) in entries {
            let checksum = checksum.parse().map_err(|_| {
                DbError::Engine(format!("{HISTORY} holds a checksum that is none: {checksum:?}"))
            })?;
            // When it ran is for people to read; refinery compares the number, the name and the checksum.
            had.0.push(Migration::applied(version, name, UNIX_EPOCH.into(), checksum));
        }
    }
    let is_new = had.0.is_empty();
    let pending = had.get_unapplied_migrations(&known, true, true, HISTORY)?;
    Ok(History { is_new, pending: pending.into_iter().map(Pending::from).collect() })
}

/// Takes the turn of this process to migrate a server's database: whoever else wants to waits here until it has committed.
/// Without a history it is the making of it that only one can do at a time, otherwise the head of the log. (A file has
/// one writer at a time anyway.)
///
/// # Errors
/// What the engine said; [`DbError::Conflict`] when somebody else has made the history meanwhile.
pub async fn take_turn(tx: &Tx<'_>) -> Result<(), DbError> {
    if !tx.is_shared() {
        return Ok(());
    }
    if !tx.has_table(HISTORY).await? {
        return make_history(tx).await;
    }
    if tx.has_table("log_head").await? {
        tx.execute_batch("update log_head set last_seq = last_seq").await?;
    }
    Ok(())
}

/// Makes the table of the history where there is none.
///
/// # Errors
/// What the engine said.
pub async fn make_history(tx: &Tx<'_>) -> Result<(), DbError> {
    tx.execute_batch(MAKE_HISTORY).await
}

/// Runs and records a migration.
///
/// # Errors
/// What the engine said; the transaction can then only be dropped.
pub async fn apply(tx: &Tx<'_>, pending: &Pending, now: &str) -> Result<(), DbError> {
    if !pending.sql.is_empty() {
        tx.execute_batch(&pending.sql).await?;
    }
    let sql =
        "insert into matricula_migrations (version, name, applied_on, checksum) values ($1, $2, $3, $4)";
    let entry = &pending.entry;
    let args = [entry.version().into(), entry.name().into(), now.into(), entry.checksum().to_string().into()];
    tx.execute_many(sql, &[args.to_vec()]).await
}

/// Every table that the migrations make or find, and the history.
///
/// # Errors
/// When a migration cannot be read.
pub fn tables(tx: &Tx<'_>) -> Result<Vec<String>, DbError> {
    tables_with(tx.tokens())
}

/// Those of the tables that the database does not have.
///
/// # Errors
/// When a migration or the catalog cannot be read.
pub async fn missing_tables(db: &Db) -> Result<Vec<String>, DbError> {
    let mut missing = Vec::new();
    for table in tables_with(db.tokens())? {
        if !db.has_table(&table).await? {
            missing.push(table);
        }
    }
    Ok(missing)
}

fn tables_with(tokens: &[(&str, &str)]) -> Result<Vec<String>, DbError> {
    let known = known(tokens).map_err(|error| DbError::Engine(error.to_string()))?;
    let known: Vec<_> = known.into_iter().map(Pending::from).collect();
    let made = known.iter().flat_map(Pending::makes).filter(|(kind, _)| *kind == "table");
    Ok(made.map(|(_, name)| name.to_owned()).chain([HISTORY.to_owned()]).collect())
}

/// Whether the database is exactly at this version.
///
/// # Errors
/// What the engine said.
pub async fn is_current(db: &Db) -> Result<bool, DbError> {
    if !db.has_table(HISTORY).await? {
        return Ok(false);
    }
    let sql = "select version, checksum from matricula_migrations order by version";
    let had = db.query(sql, [], |row| Ok((row.int(0)?, row.text(1)?))).await?;
    let known = known(db.tokens()).map_err(|error| DbError::Engine(error.to_string()))?;
    Ok(had
        .into_iter()
        .eq(known.iter().map(|migration| (migration.version(), migration.checksum().to_string()))))
}

fn known(tokens: &[(&str, &str)]) -> Result<Vec<Migration>, Error> {
    FILES.iter().map(|(name, text)| Migration::unapplied(name, &meant(text, tokens))).collect()
}

fn meant(text: &str, tokens: &[(&str, &str)]) -> String {
    tokens.iter().fold(text.to_owned(), |text, (token, meaning)| text.replace(token, meaning))
}

impl From<Migration> for Pending {
    fn from(entry: Migration) -> Self {
        Self { name: entry.to_string(), sql: entry.sql().unwrap_or_default().to_owned(), entry }
    }
}

impl From<Error> for HistoryError {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::DivergentVersion(had, _) => Self::Changed(had.to_string()),
            // refinery says "missing" of both: a migration in the history that we do not know, and one that we know
            // but that the history has skipped. Only what comes from the history has a time.
            Kind::MissingVersion(had) if had.applied_on().is_some() => Self::Newer(had.to_string()),
            Kind::MissingVersion(skipped) => Self::Gap(skipped.to_string()),
            Kind::Connection(_, cause) => Self::Db(match cause.downcast_ref::<DbError>() {
                Some(said) => said.clone(),
                None => DbError::Engine(cause.to_string()),
            }),
            _ => Self::Db(DbError::Engine(error.to_string())),
        }
    }
}

/// A history that was read already, as refinery asks for it.
struct Had(Vec<Migration>);

impl Transaction for Had {
    type Error = Infallible;

    /// refinery would make the history here.
    fn execute<'q, T: Iterator<Item = &'q str>>(&mut self, _: T) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl Query<Vec<Migration>> for Had {
    fn query(&mut self, _: &str) -> Result<Vec<Migration>, Infallible> {
        Ok(self.0.clone())
    }
}

impl Migrate for Had {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{postgres, sqlite};

    #[test]
    fn every_file_of_the_folder_is_embedded_and_no_token_is_left() {
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, FILES.map(|(name, _)| format!("{name}.sql")));
        for tokens in [sqlite::TOKENS, postgres::TOKENS] {
            assert!(known(tokens).unwrap().iter().all(|migration| !migration.sql().unwrap().contains("{{")));
        }
    }

    #[test]
    fn a_migration_says_which_names_it_takes() {
        let known = known(sqlite::TOKENS).unwrap();
        let pending: Vec<Pending> = known.into_iter().map(Pending::from).collect();
        assert_eq!(pending[0].makes().collect::<Vec<_>>(), [("table", "students")]);
        assert_eq!(
            pending[2].makes().collect::<Vec<_>>(),
            [("table", "student_courses"), ("index", "student_courses_course")]
        );
    }
}
