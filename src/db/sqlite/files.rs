//! Detects that the files of an open database were moved or deleted. SQLite does not check: it keeps writing to a
//! deleted file, and those writes are lost when the process ends.

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rustix::fs::{Access, access};

use super::connection::BUSY_TIMEOUT;
use super::content::FileContent;
use crate::db::DbError;
use crate::logging::LogThrottle;

/// Header sizes in bytes of a write-ahead log and of each of its frames (SQLite's file format, 4.1).
const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// How many times the length of a log that looks too short is read: another program may legitimately have emptied it
/// in between.
const MAX_ATTEMPTS: usize = 3;

/// Every request runs into the problem while it lasts, so log it at most every ten seconds.
static UNSAVED_LOGGED: LogThrottle = LogThrottle::every(Duration::from_secs(10));

/// The files of an open database: the database, the write-ahead log and the log's index.
#[derive(Debug)]
pub(super) struct Files {
    database: File,
    /// `None` if SQLite keeps no such file.
    log: Option<File>,
    index: Option<File>,
    /// `None` if the file cannot be read.
    content: Option<Arc<FileContent>>,
    page_size: u64,
    pub(super) is_rescued: Cell<bool>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl Files {
    /// Records the files that `connection` has open. SQLite creates the log and its index with the first connection
    /// and removes them with the last, so while this connection is open only another program can remove them.
    pub(super) fn open(connection: &Connection, path: &Path) -> Result<Option<Self>, DbError> {
        // Reading opens the log; switching the journal mode alone does not.
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
        let page_size: u32 = connection.query_row("pragma page_size", [], |row| row.get(0))?;
        let page_size = u64::from(page_size);
        let Some(database) = File::from_path(path.to_owned()) else { return Ok(None) };
        // If `path` is a symbolic link, they are next to its target.
        let real = connection.path().map_or(path, Path::new);
        Ok(Some(Self {
            database,
            log: File::from_path(with_suffix(real, "-wal")),
            index: File::from_path(with_suffix(real, "-shm")),
            content: FileContent::open(connection, real, &with_suffix(real, "-shm"), page_size).map(Arc::new),
            page_size,
            is_rescued: Cell::new(false),
        }))
    }

    /// Must be called after each commit.
    pub(super) fn committed(&self) {
        if let Some(content) = &self.content {
            content.committed();
        }
    }

    /// Watches the content of the database file; `None` if the file cannot be read.
    pub(super) fn content(&self) -> Option<Arc<FileContent>> {
        self.content.clone()
    }

    /// Checks that the files are still the ones that were opened. `connection` must not be in a transaction.
    ///
    /// # Errors
    /// [`DbError::Unwritable`], with the file's name.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), DbError> {
        self.check_names(connection)?;
        match &self.log {
            Some(log) if self.is_short(log, connection)? => Err(log.error("shortened")),
            _ => Ok(()),
        }
    }

    /// Checks that nobody else has changed the content of the database file.
    ///
    /// # Errors
    /// [`DbError::Unwritable`], with the file's name.
    pub(super) fn check_content(&self) -> Result<(), DbError> {
        let checked = self.content.as_ref().map_or(Ok(()), |content| content.check());
        checked.map_err(|what| self.database.error(what))
    }

    /// The part of [`Files::check`] that is cheap enough to run after each commit, too.
    ///
    /// # Errors
    /// As [`Files::check`].
    pub(super) fn check_names(&self, connection: &Connection) -> Result<(), DbError> {
        let all = [Some(&self.database), self.log.as_ref(), self.index.as_ref()];
        if let Some(gone) = all.into_iter().flatten().find(|file| file.is_gone()) {
            self.rescue(connection);
            return Err(gone.error("moved or deleted"));
        }
        self.is_rescued.set(false);
        Ok(())
    }

    /// Whether the log is shorter than what SQLite has written to it.
    fn is_short(&self, log: &File, connection: &Connection) -> Result<bool, DbError> {
        for _ in 0..MAX_ATTEMPTS {
            let mut statement = connection.prepare_cached("pragma wal_checkpoint(noop)")?;
            let frames: i64 = statement.query_row([], |row| row.get(1))?;
            let frames = u64::try_from(frames).unwrap_or(0);
            let expected =
                if frames == 0 { 0 } else { WAL_HEADER + frames * (FRAME_HEADER + self.page_size) };
            if std::fs::metadata(&log.path).map_or(0, |found| found.len()) >= expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies confirmed changes from the log into the database file while this process still has both open.
    fn rescue(&self, connection: &Connection) {
        if self.is_rescued.get() {
            return;
        }
        let Some(mode) = self.rescue_mode() else { return };
        let moved = checkpoint_without_waiting(connection, mode);
        match moved {
            // If another checkpoint prevents it, SQLite returns -1 for both.
            Ok((0, log, moved)) if log == moved => {
                self.is_rescued.set(true);
                tracing::warn!(
                    "the database's files were moved or deleted; confirmed changes were saved to the original file"
                );
            }
            // A reader or another checkpoint prevents it: the next check tries again.
            moved if UNSAVED_LOGGED.is_due() => {
                tracing::error!(
                    ?moved,
                    "the database's files were moved or deleted, and not all confirmed changes could be saved yet"
                );
            }
            _ => {}
        }
    }

    /// The checkpoint mode that saves confirmed changes; `None` if a checkpoint could do harm.
    fn rescue_mode(&self) -> Option<&'static str> {
        let is_there = |file: &Option<File>| file.as_ref().is_some_and(|file| !file.is_gone());
        if self.database.is_gone() {
            // The log must become empty: a program that opens the file now under this name, a backup for example,
            // would apply the log to that file and corrupt it.
            return (is_there(&self.log) && is_there(&self.index)).then_some("truncate");
        }
        // A reader that opens the database after the removal creates an empty log.
        let is_alone = |file: &File| match std::fs::metadata(&file.path) {
            Ok(found) => found.len() == 0,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        // Not if somebody else has started another log, which may have newer changes.
        let may = self.log.as_ref().is_some_and(is_alone)
            && !self.index.as_ref().is_some_and(|index| index.is_gone() && !is_alone(index));
        may.then_some("passive")
    }
}

/// Runs a checkpoint in this mode without waiting for others; returns whether it was blocked, the pages in the log,
/// and how many of them are in the file.
fn checkpoint_without_waiting(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64, i64)> {
    connection.busy_timeout(Duration::ZERO)?;
    let moved = connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    connection.busy_timeout(BUSY_TIMEOUT)?;
    moved
}

impl File {
    fn from_path(path: PathBuf) -> Option<Self> {
        let identity = identity(&path)?;
        Some(Self { path, identity })
    }

    fn is_gone(&self) -> bool {
        identity(&self.path) != Some(self.identity)
    }

    fn error(&self, what: &str) -> DbError {
        let name = self.path.file_name().unwrap_or_default().display();
        DbError::Unwritable(format!("the database file {name} was {what} while the server was running"))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Other systems do not let an open file be moved or deleted.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

fn with_suffix(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Names the file or folder that this user cannot write to; SQLite only reports that there is one.
pub(super) fn not_writable(path: &Path) -> Option<String> {
    let is_refused = |path: &Path| path.exists() && access(path, Access::WRITE_OK).is_err();
    let message =
        |what: &str, path: &Path| format!("this user may not write to the {what} {}", path.display());
    for file in [path.to_owned(), with_suffix(path, "-wal"), with_suffix(path, "-shm")] {
        if is_refused(&file) {
            return Some(message("file", &file));
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reason = ", where the database needs files of its own next to it (-wal, -shm)";
    is_refused(folder).then(|| message("folder", folder) + reason)
}
