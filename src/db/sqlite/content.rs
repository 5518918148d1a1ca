//! Detects changes that other programs make to the open database file. SQLite does not check: it keeps answering from
//! the pages and the log in its memory, and what it confirms then is lost when the process ends.
//!
//! While a database in WAL mode is open, only checkpoints write to its file, and the log's index records their
//! progress. So the file must not change between two checkpoints. Comparing all of it would take too long; this
//! compares its length, its header, and one page that every commit changes, which differs in an older copy of the
//! same database.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::kept_files::keep;

/// Length of the header in bytes (SQLite's file format, 1.3), and its first bytes.
const HEADER_LENGTH: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes at the start of the log's index that include the checkpoints' progress (SQLite's WAL-mode file format, 2).
const INDEX_LENGTH: usize = 132;
/// How many times a read is repeated if a checkpoint ended in the middle.
const MAX_ATTEMPTS: usize = 3;

/// Watches the content of an open database file.
#[derive(Debug)]
pub(super) struct FileContent {
    database: Arc<File>,
    index: Arc<File>,
    page_size: u64,
    /// Offset of the page that every commit changes.
    page: Option<u64>,
    last: Mutex<Option<FileState>>,
}

/// The relevant parts of the file at one moment.
#[derive(Debug)]
struct FileState {
    progress: Progress,
    /// Frames in the log.
    frames: u32,
    length: u64,
    header: Vec<u8>,
    page: Vec<u8>,
}

/// How far checkpoints have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Incremented each time the log starts over, except that a connection draws a random number the first time it
    /// begins an empty log.
    generation: u32,
    /// Frames of the log that have been copied to the file.
    moved: u32,
    /// The value of `moved` once the checkpoint under way ends; it may also have been interrupted.
    moving_to: u32,
}

impl FileContent {
    /// Starts to watch the database at `path`, which `connection` has open, and whose log has its index at `index`.
    /// `None` if a file cannot be read.
    pub(super) fn open(connection: &Connection, path: &Path, index: &Path, page_size: u64) -> Option<Self> {
        let sql = "select rootpage from sqlite_schema where name = 'log_head'";
        let page: Option<u32> = connection.query_row(sql, [], |row| row.get(0)).ok();
        let content = Self {
            database: keep(path).ok()?,
            index: keep(index).ok()?,
            page_size,
            page: page.map(|page| u64::from(page.saturating_sub(1)) * page_size),
            last: Mutex::new(None),
        };
        content.check().ok()?;
        Some(content)
    }

    /// Compares the file with what was last remembered, and remembers it now unless a checkpoint is under way. Best
    /// called in a write transaction, when nobody else appends to the log.
    ///
    /// # Errors
    /// What was done to the file: `shortened` or `overwritten`.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // SQLite reports files that cannot be read.
        let Ok(Some(state)) = self.read_state() else { return Ok(()) };
        state.compare(last.as_ref(), self.page_size)?;
        if !state.progress.is_under_way() {
            *last = Some(state);
        }
        Ok(())
    }

    /// Waits until what was written to the file is on the disk.
    ///
    /// # Errors
    /// When the disk reports one.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.database.sync_data()
    }

    /// Must be called after each commit: if all of the log had been copied to the file, the log has started over
    /// while the file stayed the same.
    pub(super) fn committed(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = last.as_mut().filter(|last| last.is_complete()) else { return };
        let Ok((now, frames)) = self.progress() else { return };
        let has_started_over =
            now.generation != last.progress.generation && (now.moved, now.moving_to) == (0, 0) && frames > 0;
        if has_started_over && (last.progress.is_followed_by(now) || self.is_still(last)) {
            last.progress = now;
            last.frames = frames;
        }
    }

    /// Whether the file is as it was remembered.
    fn is_still(&self, last: &FileState) -> bool {
        let state = self.read_state();
        state.is_ok_and(|state| {
            state.is_some_and(|now| {
                (&now.header, &now.page) == (&last.header, &last.page) && now.length >= last.length
            })
        })
    }

    /// Reads the file; `None` if a checkpoint ended during each attempt.
    fn read_state(&self) -> io::Result<Option<FileState>> {
        for _ in 0..MAX_ATTEMPTS {
            let (before, frames) = self.progress()?;
            let state = FileState {
                progress: before,
                frames,
                length: self.database.metadata()?.len(),
                header: read(&self.database, 0, HEADER_LENGTH)?,
                page: match self.page {
                    Some(page) => read(&self.database, page, usize::try_from(self.page_size).unwrap_or(0))?,
                    None => Vec::new(),
                },
            };
            if self.progress()?.0 == before {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }

    fn progress(&self) -> io::Result<(Progress, u32)> {
        let index = read(&self.index, 0, INDEX_LENGTH)?;
        let bytes = |at: usize| index.get(at..)?.first_chunk().copied();
        let number = |at: usize| bytes(at).map(u32::from_ne_bytes);
        match (number(16), bytes(32).map(u32::from_be_bytes), number(96), number(128)) {
            (Some(frames), Some(generation), Some(moved), Some(moving_to)) => {
                Ok((Progress { generation, moved, moving_to }, frames))
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl FileState {
    fn compare(&self, last: Option<&Self>, page_size: u64) -> Result<(), &'static str> {
        if self.header.len() < HEADER_LENGTH {
            return Err("shortened");
        }
        if !self.header.starts_with(MAGIC) {
            return Err("overwritten");
        }
        // A checkpoint under way may have written the header but not the rest yet.
        if self.progress.is_under_way() {
            return Ok(());
        }
        if let Some(last) = last.filter(|last| last.progress == self.progress) {
            if self.header != last.header {
                return Err("overwritten");
            }
            if self.length < last.length {
                return Err("shortened");
            }
            if self.page != last.page {
                return Err("overwritten");
            }
        }
        // While a reader delays a checkpoint, some of the pages that the header counts may only be in the log.
        if self.is_complete() && self.length < self.pages() * page_size {
            return Err("shortened");
        }
        Ok(())
    }

    /// Whether the file has all of the log.
    fn is_complete(&self) -> bool {
        self.progress.moved == self.frames
    }

    /// The number of pages according to the header.
    fn pages(&self) -> u64 {
        let pages = self.header.get(28..).and_then(|rest| rest.first_chunk().copied());
        pages.map_or(0, u32::from_be_bytes).into()
    }
}

impl Progress {
    fn is_under_way(self) -> bool {
        self.moving_to > self.moved
    }

    fn is_followed_by(self, next: Self) -> bool {
        next.generation == self.generation.wrapping_add(1)
    }
}

/// Reads up to `most` bytes from offset `at`; fewer at the end of the file.
#[cfg(unix)]
fn read(file: &File, at: u64, most: usize) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;

    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most {
        match file.read_at(&mut bytes[length..], at + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Other systems do not let other programs write to a locked file.
#[cfg(not(unix))]
fn read(_: &File, _: u64, _: usize) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::super::Writer;
    use crate::db::DbError;

    #[test]
    fn an_older_copy_of_the_file_is_noticed_even_after_the_log_has_started_over() {
        assert_older_copy_is_noticed(|writer, _| {
            writer.connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(())).unwrap();
        });
        assert_older_copy_is_noticed(|_, path| {
            let other = Connection::open(path).unwrap();
            other.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
        });
    }

    /// After `checkpoint` the file has all of the log, so the log starts over with the next commit.
    fn assert_older_copy_is_noticed(checkpoint: impl FnOnce(&Writer, &Path)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let commit = |writer: &mut Writer, sql: &str| {
            let tx = writer.begin().unwrap();
            tx.execute_batch(sql).unwrap();
            tx.commit().unwrap();
        };
        commit(&mut writer, "create table log_head (last_seq); insert into log_head values (0)");
        writer.close();
        let older = std::fs::read(&path).unwrap();
        let mut writer = Writer::open(&path).unwrap();
        let next = "update log_head set last_seq = last_seq + 1";
        commit(&mut writer, next);
        checkpoint(&writer, &path);
        commit(&mut writer, next);

        std::fs::write(&path, older).unwrap();

        let error = writer.begin().map(drop).unwrap_err();
        let message = "the database file a.db was overwritten while the server was running";
        assert_eq!(error, DbError::Unwritable(message.to_owned()));
    }
}
