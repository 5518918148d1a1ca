//! Whether the files of an open database are still the ones that were opened. SQLite does not look: it goes on writing to
//! a file without a name, and what is written there is lost with the process.

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rustix::fs::{Access, access};

use super::connection::PATIENCE;
use super::content::Content;
use crate::db::DbError;
use crate::logging::Seldom;

/// Bytes of a write-ahead log before its first frame, and of a frame before its page (SQLite's file format, 4.1).
const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// How often a log that looks too short is looked at: another program may have emptied it in between, as it may.
const LOOKS: usize = 3;

/// Each request meets it while it lasts.
static UNSAVED_LOGGED: Seldom = Seldom::every(Duration::from_secs(10));

/// The files of a database that is open: its own, the write-ahead log and the index of the log.
#[derive(Debug)]
pub(super) struct Files {
    database: File,
    /// `None` where the engine keeps no such file.
    log: Option<File>,
    index: Option<File>,
    /// `None` where it cannot be read.
    content: Option<Arc<Content>>,
    page_size: u64,
    pub(super) is_rescued: Cell<bool>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl Files {
    /// The files that this connection has open, once it has read. SQLite creates the log and its index with the first
    /// connection and removes them with the last, so while this one is open only another program can take them away.
    pub(super) fn of(connection: &Connection, path: &Path) -> Result<Option<Self>, DbError> {
        // Opens the log, which a switch of the journal's mode alone does not.
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
        let page_size: u32 = connection.query_row("pragma page_size", [], |row| row.get(0))?;
        let page_size = u64::from(page_size);
        let Some(database) = File::at(path.to_owned()) else { return Ok(None) };
        // Behind a link they are beside the file that it leads to.
        let real = connection.path().map_or(path, Path::new);
        Ok(Some(Self {
            database,
            log: File::at(beside(real, "-wal")),
            index: File::at(beside(real, "-shm")),
            content: Content::of(connection, real, &beside(real, "-shm"), page_size).map(Arc::new),
            page_size,
            is_rescued: Cell::new(false),
        }))
    }

    /// To be called after each commit.
    pub(super) fn committed(&self) {
        if let Some(content) = &self.content {
            content.committed();
        }
    }

    /// What watches the content of the database file; `None` where it cannot be read.
    pub(super) fn content(&self) -> Option<Arc<Content>> {
        self.content.clone()
    }

    /// Refuses to go on with files that are not the ones that were opened. `connection` must not be in a transaction.
    ///
    /// # Errors
    /// [`DbError::Unwritable`], naming the file.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), DbError> {
        self.check_names(connection)?;
        match &self.log {
            Some(log) if self.is_short(log, connection)? => Err(log.refused("shortened")),
            _ => Ok(()),
        }
    }

    /// Refuses to go on with a database file of which somebody has changed the content.
    ///
    /// # Errors
    /// [`DbError::Unwritable`], naming the file.
    pub(super) fn check_content(&self) -> Result<(), DbError> {
        let checked = self.content.as_ref().map_or(Ok(()), |content| content.check());
        checked.map_err(|what| self.database.refused(what))
    }

    /// The part of [`Files::check`] that is worth its time after a commit, too.
    ///
    /// # Errors
    /// As [`Files::check`].
    pub(super) fn check_names(&self, connection: &Connection) -> Result<(), DbError> {
        let all = [Some(&self.database), self.log.as_ref(), self.index.as_ref()];
        if let Some(gone) = all.into_iter().flatten().find(|file| file.is_gone()) {
            self.rescue(connection);
            return Err(gone.refused("moved or deleted"));
        }
        self.is_rescued.set(false);
        Ok(())
    }

    /// Whether the log has fewer bytes than the engine believes that it has written.
    fn is_short(&self, log: &File, connection: &Connection) -> Result<bool, DbError> {
        for _ in 0..LOOKS {
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

    /// Brings what is confirmed from the log into the database file, while this process still has both.
    fn rescue(&self, connection: &Connection) {
        if self.is_rescued.get() {
            return;
        }
        let Some(mode) = self.way_to_rescue() else { return };
        let moved = checkpoint_at_once(connection, mode);
        match moved {
            // Refused in favor of another checkpoint, it counts -1 pages of -1.
            Ok((0, log, moved)) if log == moved => {
                self.is_rescued.set(true);
                tracing::warn!(
                    "the database's files are not the ones that were opened; what was confirmed is in the file that was"
                );
            }
            // A reader or another checkpoint is in the way: the next check tries again.
            moved if UNSAVED_LOGGED.is_time() => {
                tracing::error!(
                    ?moved,
                    "the database's files are not the ones that were opened, and not all that was confirmed could be saved yet"
                );
            }
            _ => {}
        }
    }

    /// The checkpoint that saves what is confirmed; `None` where that could do harm.
    fn way_to_rescue(&self) -> Option<&'static str> {
        let is_there = |file: &Option<File>| file.as_ref().is_some_and(|file| !file.is_gone());
        if self.database.is_gone() {
            // The log has to be empty: whoever opens the file that has taken the name, a backup say, would read the log
            // as that file's, and so spoil it.
            return (is_there(&self.log) && is_there(&self.index)).then_some("truncate");
        }
        // A reader that comes too late makes an empty one.
        let is_alone = |file: &File| match std::fs::metadata(&file.path) {
            Ok(found) => found.len() == 0,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        // Not where somebody else has begun another log: that one may be further.
        let may = self.log.as_ref().is_some_and(is_alone)
            && !self.index.as_ref().is_some_and(|index| index.is_gone() && !is_alone(index));
        may.then_some("passive")
    }
}

/// Runs a checkpoint of this mode that waits for nobody: whether it was held up, the pages of the log, and those of them
/// that are in the file.
fn checkpoint_at_once(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64, i64)> {
    connection.busy_timeout(Duration::ZERO)?;
    let moved = connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    connection.busy_timeout(PATIENCE)?;
    moved
}

impl File {
    fn at(path: PathBuf) -> Option<Self> {
        let identity = identity(&path)?;
        Some(Self { path, identity })
    }

    fn is_gone(&self) -> bool {
        identity(&self.path) != Some(self.identity)
    }

    fn refused(&self, what: &str) -> DbError {
        let name = self.path.file_name().unwrap_or_default().display();
        DbError::Unwritable(format!("the database file {name} was {what} under the server"))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Other systems do not let an open file go.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Which of the files, or that their folder, is not this user's to write: the engine says only that something is.
pub(super) fn not_writable(path: &Path) -> Option<String> {
    let is_refused = |path: &Path| path.exists() && access(path, Access::WRITE_OK).is_err();
    let may_not =
        |what: &str, path: &Path| format!("this user may not write to the {what} {}", path.display());
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        if is_refused(&file) {
            return Some(may_not("file", &file));
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let why = ", in which the database needs files of its own beside it (-wal, -shm)";
    is_refused(folder).then(|| may_not("folder", folder) + why)
}
