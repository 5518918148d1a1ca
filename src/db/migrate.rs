//! Migrations: one file a change, numbered, in the common dialect. refinery keeps the history and the checksums; it
//! runs inside a transaction that the caller has begun, so a migration and its entry in the history are one, and
//! servers that start at the same time take turns.

use std::time::UNIX_EPOCH;

use refinery_core::error::Kind;
use refinery_core::traits::sync::{Migrate, Query, Transaction};
use refinery_core::{Error, Migration, Target};
use rusqlite::Connection;
use thiserror::Error;

use super::{Db, DbError, Tx, catalog};

/// Not refinery's own name: the database is somebody else's, who may use refinery too.
pub const HISTORY: &str = "matricula_migrations";

const FILES: [(&str, &str); 3] = [
    ("V1__students_and_courses", include_str!("../../migrations/V1__students_and_courses.sql")),
    ("V2__student_courses", include_str!("../../migrations/V2__student_courses.sql")),
    ("V3__event_log", include_str!("../../migrations/V3__event_log.sql")),
];

/// Where the engines truly differ.
const TOKENS: [(&str, &str); 2] =
    [("{{key}}", "integer"), ("{{self_numbering_key}}", "integer primary key autoincrement")];

/// A migration that this database has not had yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its file's name: `V2__student_courses`.
    pub name: String,
    /// What it runs on this engine.
    pub sql: String,
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
            rest.split([' ', '(']).next().filter(|name| *name != "if").map(|name| (kind, name))
        })
    }
}

/// Reads the history and changes nothing.
///
/// # Errors
/// When the history is not one that this program can continue.
pub async fn history(tx: &mut Tx<'_>) -> Result<History, HistoryError> {
    let known = known()?;
    // refinery would make the table where there is none.
    let pending = if catalog::table(tx, HISTORY).await?.is_none() {
        known.clone()
    } else {
        Recorder(tx.connection).get_unapplied_migrations(&known, true, true, HISTORY)?
    };
    Ok(History { is_new: pending.len() == known.len(), pending: pending.iter().map(Pending::from).collect() })
}

/// Runs and records what is pending.
///
/// # Errors
/// As [`history`], and what the engine said of a migration; the transaction can then only be dropped.
#[expect(clippy::unused_async, reason = "the seam: an engine on the network awaits here")]
pub async fn apply(tx: &mut Tx<'_>) -> Result<(), HistoryError> {
    Recorder(tx.connection).migrate(&known()?, true, true, true, Target::Latest, HISTORY)?;
    Ok(())
}

/// Whether the database is exactly at this version.
///
/// # Errors
/// What the engine said.
pub async fn is_current(db: &Db) -> Result<bool, DbError> {
    let history = "select 1 from sqlite_schema where type = 'table' and name = $1";
    if db.query(history, [HISTORY.into()], |row| row.int(0)).await?.is_empty() {
        return Ok(false);
    }
    let sql = "select version, checksum from matricula_migrations order by version";
    let had = db.query(sql, [], |row| Ok((row.int(0)?, row.text(1)?))).await?;
    let known = known().map_err(|error| DbError::Engine(error.to_string()))?;
    Ok(had
        .into_iter()
        .eq(known.iter().map(|migration| (migration.version(), migration.checksum().to_string()))))
}

fn known() -> Result<Vec<Migration>, Error> {
    FILES.iter().map(|(name, text)| Migration::unapplied(name, &on_this_engine(text))).collect()
}

fn on_this_engine(text: &str) -> String {
    TOKENS.iter().fold(text.to_owned(), |text, (token, meaning)| text.replace(token, meaning))
}

impl From<&Migration> for Pending {
    fn from(migration: &Migration) -> Self {
        Self { name: migration.to_string(), sql: migration.sql().unwrap_or_default().to_owned() }
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

/// refinery's way into a transaction that is open already; refinery's own adapter begins and commits by itself.
struct Recorder<'a>(&'a Connection);

impl Transaction for Recorder<'_> {
    type Error = DbError;

    fn execute<'q, T: Iterator<Item = &'q str>>(&mut self, statements: T) -> Result<usize, DbError> {
        let mut count = 0;
        for statement in statements {
            self.0.execute_batch(statement)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Recorder<'_> {
    fn query(&mut self, sql: &str) -> Result<Vec<Migration>, DbError> {
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut had = Vec::new();
        while let Some(row) = rows.next()? {
            let checksum = row.get::<_, String>(3)?;
            let checksum = checksum.parse().map_err(|_| {
                DbError::Engine(format!("{HISTORY} holds a checksum that is none: {checksum:?}"))
            })?;
            // When it ran is for people to read; refinery compares the number, the name and the checksum.
            had.push(Migration::applied(row.get(0)?, row.get(1)?, UNIX_EPOCH.into(), checksum));
        }
        Ok(had)
    }
}

impl Migrate for Recorder<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded_and_no_token_is_left() {
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, FILES.map(|(name, _)| format!("{name}.sql")));
        assert!(known().unwrap().iter().all(|migration| !migration.sql().unwrap().contains("{{")));
    }

    #[test]
    fn a_migration_says_which_names_it_takes_but_not_those_that_it_shares() {
        let pending: Vec<Pending> = known().unwrap().iter().map(Pending::from).collect();
        assert_eq!(pending[0].makes().count(), 0);
        assert_eq!(
            pending[1].makes().collect::<Vec<_>>(),
            [("table", "student_courses"), ("index", "student_courses_course")]
        );
    }
}
