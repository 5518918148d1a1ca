//! Copies of a whole database, and a file that is replaced by one.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};

use super::connection::open;
use crate::db::DbError;
use crate::db::catalog::quoted;

/// Pages between two looks at whether to stop: about a hundredth of a second.
const PAGES_PER_STEP: i32 = 1_000;

/// Tables that a program which copies the file all the time keeps in it.
const TABLES_OF_LITESTREAM: [&str; 2] = ["_litestream_seq", "_litestream_lock"];

/// Stops a copy that is being made.
pub(in crate::db) struct Stop {
    interrupt: InterruptHandle,
    is_set: Arc<AtomicBool>,
}

impl Stop {
    fn new(connection: &Connection) -> Self {
        Self { interrupt: connection.get_interrupt_handle(), is_set: Arc::default() }
    }

    pub(in crate::db) fn stop(&self) {
        self.is_set.store(true, Ordering::Relaxed);
        self.interrupt.interrupt();
    }
}

/// Returns whether all was copied: `false` if it was stopped.
pub(in crate::db) type Job = Box<dyn FnOnce() -> Result<bool, DbError> + Send>;

/// A path as bytes: not every path is UTF-8.
struct PathText<'a>(&'a Path);

impl ToSql for PathText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0.as_os_str().as_bytes())))
    }
}

/// Copies the database as it is at one moment into a file that is empty or missing. Everything is in the copy: tables,
/// indexes, triggers and views of all programs, the ids that were given out, row ids. Free pages are not, and with them
/// what was deleted. The copy is one file: it is in rollback mode, also if the database is in WAL mode.
pub(in crate::db) fn vacuum_into(from: &Path, to: &Path) -> Result<(Job, Stop), DbError> {
    let connection = open(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let (stop, to) = (Stop::new(&connection), to.to_owned());
    let job = move || match connection.execute("vacuum into $1", [PathText(&to)]) {
        Ok(_) => Ok(true),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(false),
        Err(error) => Err(error.into()),
    };
    Ok((Box::new(job), stop))
}

/// The tables of the database at `path` that have rows, without those of SQLite and of Litestream.
pub(in crate::db) fn tables_with_rows(path: &Path) -> Result<Vec<String>, DbError> {
    // Not only for reading: the last transaction of a program that was killed has to be undone first.
    filled(&open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

fn filled(connection: &Connection) -> Result<Vec<String>, DbError> {
    let mut names = connection.prepare(
        r"select name from pragma_table_list where schema = 'main' and type in ('table', 'virtual')
        and name not like 'sqlite\_%' escape '\' order by name",
    )?;
    let names: Vec<String> =
        names.query_map([], |row| row.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
    let mut found = Vec::new();
    for name in names {
        let sql = format!("select exists (select 1 from main.{})", quoted(&name));
        if !TABLES_OF_LITESTREAM.contains(&&*name) && connection.query_row(&sql, [], |row| row.get(0))? {
            found.push(name);
        }
    }
    Ok(found)
}

/// A database file that no other program can use until this is dropped.
#[derive(Debug)]
pub(in crate::db) struct HeldFile(Connection);

impl HeldFile {
    /// Takes the file at `path`, moves its write-ahead log into it, and leaves WAL mode.
    ///
    /// # Errors
    /// [`DbError::Busy`] if another program uses it. A program that has opened the file in WAL mode, as a server does, is
    /// noticed in any case; another one only while it reads or writes.
    pub(in crate::db) fn open(path: &Path) -> Result<Self, DbError> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("pragma locking_mode = exclusive", [], |_| Ok(()))?;
        // Only the last connection can leave WAL mode.
        connection.query_row("pragma journal_mode = delete", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "extra")?;
        connection.execute_batch("begin exclusive; commit")?;
        Ok(Self(connection))
    }

    /// As [`tables_with_rows`].
    pub(in crate::db) fn tables_with_rows(&self) -> Result<Vec<String>, DbError> {
        filled(&self.0)
    }

    /// Replaces the whole content by that of `from`, in one transaction: after a crash, the next program that opens the
    /// file finds the one or the other. The file keeps its owner and its rights.
    pub(in crate::db) fn replace_with(self, from: &Path) -> Result<(Job, Stop), DbError> {
        let from = open(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let stop = Stop::new(&from);
        let is_stopped = Arc::clone(&stop.is_set);
        let job = move || copy_pages(&from, self, &is_stopped);
        Ok((Box::new(job), stop))
    }
}

fn copy_pages(from: &Connection, mut to: HeldFile, is_stopped: &AtomicBool) -> Result<bool, DbError> {
    // One snapshot for all steps.
    from.execute_batch("begin")?;
    from.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    let copied = copy_steps(&Backup::new(from, &mut to.0)?, is_stopped);
    if !matches!(copied, Ok(true)) {
        // Undoes what is half-done now: after an error, SQLite leaves that to the next read.
        #[expect(
            clippy::let_underscore_must_use,
            reason = "the next program that opens the file undoes it as well"
        )]
        let _ = to.0.query_row("select count(*) from sqlite_schema", [], |_| Ok(()));
    }
    copied
}

fn copy_steps(backup: &Backup<'_, '_>, is_stopped: &AtomicBool) -> Result<bool, DbError> {
    loop {
        if is_stopped.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match backup.step(PAGES_PER_STEP)? {
            StepResult::Done => return Ok(true),
            StepResult::More => {}
            _ => return Err(DbError::Busy),
        }
    }
}
