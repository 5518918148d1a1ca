//! The cellar: one small seam between hand-written SQL and the engine that runs it. It knows no student.
//!
//! Statements use the dialect that both SQLite and PostgreSQL speak: lower case, `$1` parameters numbered in the order
//! of their first appearance, `returning`, `on conflict do nothing`, row-value keysets. Two helpers of the dialect come
//! from here: `casefold(text)` (Unicode lower case, for searching and sorting) and typed nulls in [`Arg`].

mod args;
pub mod catalog;
mod checkpoint;
mod error;
pub mod migrate;
mod readers;
mod row;
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::Stream;

pub use self::args::Arg;
pub use self::error::DbError;
pub use self::readers::Reach;
pub use self::row::Row;
pub use self::sqlite::{Tx, Writer};

/// How one row becomes a value; runs beside the engine, so that nothing is copied in between.
pub type Map<T> = fn(&Row<'_>) -> Result<T, DbError>;

/// The reading side of one database. Cheap to clone; reads never wait for writes.
#[derive(Clone, Debug)]
pub struct Db {
    path: PathBuf,
    readers: Arc<readers::Readers>,
}

impl Db {
    /// Starts the readers of the database at `path`, which must exist and be migrated.
    ///
    /// # Errors
    /// When the file cannot be opened as a database.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        Ok(Self { path: path.to_owned(), readers: Arc::new(readers::Readers::start(path)?) })
    }

    /// Opens the one connection that writes.
    ///
    /// # Errors
    /// When the file cannot be opened as a database.
    pub fn writer(&self) -> Result<Writer, DbError> {
        Writer::open(&self.path)
    }

    /// One read by key, all of its rows.
    ///
    /// # Errors
    /// [`DbError::Busy`] when too many reads wait already; otherwise what the engine said.
    pub async fn query<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        self.read(Reach::Key, sql, args, map).await
    }

    /// One read of this reach, all of its rows.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn read<T: Send + 'static>(
        &self,
        reach: Reach,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        self.readers.query(reach, sql, args.into(), map).await
    }

    /// One read of which at most one row is wanted.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn query_opt<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.query(sql, args, map).await?.into_iter().next())
    }

    /// What the engine finds wrong with its own storage, a line each; it reads all of it.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn integrity(&self) -> Result<Vec<String>, DbError> {
        let lines = self.query("pragma integrity_check", [], |row| row.text(0)).await?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// One read of any length, row by row in constant memory, on a connection of its own.
    ///
    /// A consumer that takes nothing for 30 seconds, or more than ten minutes in all, is given up: the stream then ends
    /// with an error, never silently.
    ///
    /// # Errors
    /// [`DbError::Busy`] when too many lists are being read already.
    pub fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        self.readers.stream(sql, args, map)
    }
}
