//! Whether the database file still has the content that the engine left in it. SQLite does not look: it goes on answering
//! from the pages and the log that it has in memory, and what it confirms then is lost with the process.
//!
//! While a database in WAL mode is open, only checkpoints write to its file, and the index of the log says how far they have
//! come. So between two checkpoints the file must not change. To compare all of it would take too long: compared are its
//! length, its header, and one page that every commit changes, which an older copy of the same database has otherwise.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

/// Bytes of the header (SQLite's file format, 1.3), and how it begins.
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the log's index that say how far checkpoints have come (SQLite's WAL-mode file format, 2).
const INDEX: usize = 132;
/// How often it looks again where a checkpoint ended in between.
const LOOKS: usize = 3;

/// The content of the file of an open database.
#[derive(Debug)]
pub(super) struct Content {
    /// Never closed: when a process closes a file, it loses all its locks on that file (POSIX), also those of the engine.
    database: ManuallyDrop<File>,
    index: ManuallyDrop<File>,
    page_size: u64,
    /// Where the page is that every commit changes.
    page: Option<u64>,
    last: Mutex<Option<Look>>,
}

/// What was in the file, once a checkpoint had ended.
#[derive(Debug)]
struct Look {
    progress: Progress,
    /// Frames of the log.
    frames: u32,
    length: u64,
    header: Vec<u8>,
    page: Vec<u8>,
}

/// How far checkpoints have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Counted up by one each time that the log begins again.
    generation: u32,
    /// Frames of the log that are in the file.
    moved: u32,
    /// The same once the checkpoint has ended that is under way; it may also have been cut off.
    to_be_moved: u32,
}

impl Content {
    /// The content of the database at `path` that this connection has open, with the index of its log.
    pub(super) fn of(connection: &Connection, path: &Path, index: &Path, page_size: u64) -> Option<Self> {
        let sql = "select rootpage from sqlite_schema where name = 'log_head'";
        let page: Option<u32> = connection.query_row(sql, [], |row| row.get(0)).ok();
        let content = Self {
            database: ManuallyDrop::new(File::open(path).ok()?),
            index: ManuallyDrop::new(File::open(index).ok()?),
            page_size,
            page: page.map(|page| u64::from(page.saturating_sub(1)) * page_size),
            last: Mutex::new(None),
        };
        content.check().ok()?;
        Some(content)
    }

    /// Looks at the file, and remembers it if no checkpoint is under way. Best in a transaction that writes: then nobody else
    /// adds to the log.
    ///
    /// # Errors
    /// What was done to it: `shortened` or `overwritten`.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that cannot be read is for the engine to report.
        let Ok(Some(look)) = self.look() else { return Ok(()) };
        look.judge(last.as_ref(), self.page_size)?;
        if !look.progress.is_under_way() {
            *last = Some(look);
        }
        Ok(())
    }

    /// To be called after a commit: if all of the log was in the file, it has begun again, and the file is still the same.
    pub(super) fn committed(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_mut().filter(|last| last.is_complete())
            && let Ok((now, frames)) = self.progress()
            && now.generation == last.progress.generation.wrapping_add(1)
            && (now.moved, now.to_be_moved) == (0, 0)
            && frames > 0
        {
            last.progress = now;
            last.frames = frames;
        }
    }

    /// The file between two checkpoints, or during one; `None` where one ended while it looked.
    fn look(&self) -> io::Result<Option<Look>> {
        for _ in 0..LOOKS {
            let (before, frames) = self.progress()?;
            let look = Look {
                progress: before,
                frames,
                length: self.database.metadata()?.len(),
                header: read(&self.database, 0, HEADER)?,
                page: match self.page {
                    Some(page) => read(&self.database, page, usize::try_from(self.page_size).unwrap_or(0))?,
                    None => Vec::new(),
                },
            };
            if self.progress()?.0 == before {
                return Ok(Some(look));
            }
        }
        Ok(None)
    }

    fn progress(&self) -> io::Result<(Progress, u32)> {
        let index = read(&self.index, 0, INDEX)?;
        let bytes = |at: usize| index.get(at..)?.first_chunk().copied();
        let number = |at: usize| bytes(at).map(u32::from_ne_bytes);
        match (number(16), bytes(32).map(u32::from_be_bytes), number(96), number(128)) {
            (Some(frames), Some(generation), Some(moved), Some(to_be_moved)) => {
                Ok((Progress { generation, moved, to_be_moved }, frames))
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Look {
    fn judge(&self, last: Option<&Self>, page_size: u64) -> Result<(), &'static str> {
        if self.header.len() < HEADER {
            return Err("shortened");
        }
        if !self.header.starts_with(MAGIC) {
            return Err("overwritten");
        }
        // A checkpoint that is under way may have written the header, and not yet the rest.
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
        // While a reader holds a checkpoint up, pages that the header counts may be in the log only.
        if self.is_complete() && self.length < self.pages() * page_size {
            return Err("shortened");
        }
        Ok(())
    }

    /// Whether all of the log is in the file.
    fn is_complete(&self) -> bool {
        self.progress.moved == self.frames
    }

    /// How many pages the header counts.
    fn pages(&self) -> u64 {
        let pages = self.header.get(28..).and_then(|rest| rest.first_chunk().copied());
        pages.map_or(0, u32::from_be_bytes).into()
    }
}

impl Progress {
    fn is_under_way(self) -> bool {
        self.to_be_moved > self.moved
    }
}

/// As many bytes from there on as the file has, `most` at most.
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

/// Other systems do not let others write to a file that is locked.
#[cfg(not(unix))]
fn read(_: &File, _: u64, _: usize) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use crate::db::DbError;

    #[test]
    fn an_older_copy_in_its_place_is_noticed_though_the_log_has_begun_again() {
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
        writer.connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(())).unwrap();
        // All is in the file: the log begins again.
        commit(&mut writer, next);

        std::fs::write(&path, older).unwrap();

        let said = writer.begin().map(drop).unwrap_err();
        let told = "the database file a.db was overwritten under the server";
        assert_eq!(said, DbError::Unwritable(told.to_owned()));
    }
}
