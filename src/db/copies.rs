//! Copies of a whole database file, and a file that is replaced by one. PostgreSQL has its own tools for this.

use std::path::Path;

use tokio::task::JoinHandle;

use super::{DbError, sqlite};

/// A copy that is being made, on a thread of its own.
pub struct Copying {
    done: JoinHandle<Result<bool, DbError>>,
    stop: sqlite::Stop,
}

impl Copying {
    /// Starts to copy the database at `from`, as it is at this moment, into an empty file. Others can read and write
    /// meanwhile. The copy is in the file when this is finished, but not on stable storage yet.
    ///
    /// # Errors
    /// When `from` cannot be opened as a database.
    pub fn start(from: &Path, to: &Path) -> Result<Self, DbError> {
        Ok(Self::run(sqlite::vacuum_into(from, to)?))
    }

    fn run((job, stop): (sqlite::Job, sqlite::Stop)) -> Self {
        Self { done: tokio::task::spawn_blocking(job), stop }
    }

    /// Waits until it is finished; returns whether it is. Stops it if `stop` ends first: then the copy is not complete.
    ///
    /// # Errors
    /// When the database cannot be read, or the copy cannot be written.
    pub async fn finish(mut self, stop: impl Future<Output = ()>) -> Result<bool, DbError> {
        let stopped = |error: tokio::task::JoinError| DbError::Engine(error.to_string());
        tokio::select! {
            done = &mut self.done => return done.map_err(stopped)?,
            () = stop => self.stop.stop(),
        }
        self.done.await.map_err(stopped)?
    }
}

/// The tables of the database file at `path` that have rows, without those of SQLite and of Litestream.
///
/// # Errors
/// When it cannot be opened as a database, or a table cannot be read.
pub fn tables_with_rows(path: &Path) -> Result<Vec<String>, DbError> {
    sqlite::tables_with_rows(path)
}

/// A database file that no other program can use until this is dropped.
#[derive(Debug)]
pub struct HeldFile(sqlite::HeldFile);

impl HeldFile {
    /// Takes the file at `path`, moves its write-ahead log into it, and leaves WAL mode.
    ///
    /// # Errors
    /// [`DbError::Busy`] if another program uses it. A program that has opened the file in WAL mode, as a server does, is
    /// noticed in any case; another one only while it reads or writes.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        sqlite::HeldFile::open(path).map(Self)
    }

    /// As [`tables_with_rows`].
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn tables_with_rows(&self) -> Result<Vec<String>, DbError> {
        self.0.tables_with_rows()
    }

    /// Starts to replace the whole content by that of the database at `from`, in one transaction: after a crash, the next
    /// program that opens the file finds the one or the other. The file keeps its owner and its rights.
    ///
    /// # Errors
    /// When `from` cannot be opened as a database.
    pub fn replace_with(self, from: &Path) -> Result<Copying, DbError> {
        Ok(Copying::run(self.0.replace_with(from)?))
    }
}
