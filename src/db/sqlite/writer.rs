//! The connection that writes, and its transactions.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::checkpoint::Checkpointer;
use super::connection::{BUSY_TIMEOUT, bind, cached, open, query, rows};
use super::error::NOT_WRITABLE;
use super::files::Files;
use crate::db::{Arg, DbError, Map, Write};

/// Pages in the write-ahead log (128 MB) before a commit also checkpoints the little that is left by then. Determines
/// the tail of the write latency.
const CHECKPOINT_PAGES: i64 = 64_000;
/// Page cache for writes.
const WRITER_CACHE_KIB: i64 = 40 * 1024;
/// The pause before another attempt to get a lock that another program holds. SQLite's own pauses grow to 100 ms; a
/// program that commits all the time, such as an import, would take the lock again and again in between.
const BUSY_RETRY: Duration = Duration::from_micros(500);
/// How long a migration waits for another one, which may be copying a million rows.
const MIGRATION_BUSY_TIMEOUT: Duration = Duration::from_mins(1);
/// How long to wait before the switch to WAL mode is tried again.
const WAL_RETRY: Duration = Duration::from_millis(10);

/// Page cache of a migration, in KiB: a key over millions of adopted rows is built in memory.
const MIGRATION_CACHE_KIB: i64 = 96 * 1024;

/// The connection that writes.
#[derive(Debug)]
pub(in crate::db) struct Writer {
    pub(super) connection: Connection,
    path: PathBuf,
    /// How long to wait for the lock of another program.
    busy_timeout: Duration,
    files: Option<Files>,
    checkpointer: Option<Checkpointer>,
}

impl Writer {
    /// Opens the database at `path`, creating a missing file.
    ///
    /// # Errors
    /// When the file cannot be opened as a writable database.
    #[cfg(test)]
    pub(in crate::db) fn open(path: &Path) -> Result<Self, DbError> {
        Self::open_with_views(path, "")
    }

    /// Opens the database at `path`, creating a missing file, and runs the statements that create temporary views.
    ///
    /// # Errors
    /// When the file cannot be opened as a writable database.
    pub(in crate::db) fn open_with_views(path: &Path, views: &str) -> Result<Self, DbError> {
        let mut writer = Self::open_file(path, true)?;
        if writer.connection.is_readonly("main")? {
            return Err(DbError::Unwritable(NOT_WRITABLE.to_owned()).with_path(path));
        }
        writer.switch_to_wal().map_err(|error| error.with_path(path))?;
        writer.connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        writer.files = Files::open(&writer.connection, path)?;
        let content = writer.files.as_ref().and_then(Files::content);
        writer.checkpointer = Some(Checkpointer::start(path, connection, content)?);
        writer.connection.execute_batch(views)?;
        Ok(writer)
    }

    /// The switch needs exclusive access, and unlike all other statements it does not wait for it: of eight servers
    /// that started together on a new file, every few times one failed.
    fn switch_to_wal(&self) -> Result<(), DbError> {
        let began = Instant::now();
        loop {
            match self.connection.pragma_update(None, "journal_mode", "wal").map_err(DbError::from) {
                Err(DbError::Busy) if began.elapsed() < BUSY_TIMEOUT => std::thread::sleep(WAL_RETRY),
                done => return done,
            }
        }
    }

    /// As [`Writer::open`], for migrations: foreign keys are only checked at the end, a migration by another server
    /// is waited for, and no byte changes before the first commit, since the file may be refused.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub(in crate::db) fn open_for_migration(path: &Path) -> Result<Self, DbError> {
        let mut writer = Self::open_file(path, false)?;
        writer.busy_timeout = MIGRATION_BUSY_TIMEOUT;
        writer.connection.busy_timeout(writer.busy_timeout)?;
        writer.connection.pragma_update(None, "cache_size", -MIGRATION_CACHE_KIB)?;
        Ok(writer)
    }

    fn open_file(path: &Path, foreign_keys: bool) -> Result<Self, DbError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if path != Path::new(":memory:") {
            create_for_few(path);
        }
        let connection = open(path, flags)?;
        // Only an empty file accepts a page size; smaller pages make commits cheaper.
        connection.pragma_update(None, "page_size", 2048)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", foreign_keys)?;
        let (path, busy_timeout) = (path.to_owned(), BUSY_TIMEOUT);
        Ok(Self { connection, path, busy_timeout, files: None, checkpointer: None })
    }

    /// A number that changes when another connection has written.
    pub(in crate::db) fn data_version(&self) -> Result<i64, DbError> {
        Ok(query(&self.connection, "pragma data_version", &[], |row| row.int(0))?.into_iter().sum())
    }

    /// Moves the write-ahead log into the file unless another connection prevents it, and closes.
    pub(in crate::db) fn close(mut self) {
        // Stop the other checkpointer first: two checkpoints at a time are not possible, and this one is the last.
        self.checkpointer = None;
        let check = |files: &Files| files.check(&self.connection).and_then(|()| files.check_content());
        if self.files.as_ref().is_some_and(|files| check(files).is_err()) {
            // Other files have taken their place, and are not ours to write to.
            let disabled = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = disabled {
                tracing::error!(%error, "closing may write to the files that replaced the database");
            }
            return;
        }
        #[expect(
            clippy::let_underscore_must_use,
            reason = "without it nothing is lost: the next program reads the log too"
        )]
        let _ = self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    }

    /// Begins a transaction that may write; there is only one at a time per database.
    ///
    /// # Errors
    /// [`DbError::Busy`] if another program keeps writing.
    pub(in crate::db) fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        self.files.as_ref().map_or(Ok(()), |files| files.check(&self.connection))?;
        self.lock().map_err(|error| error.with_path(&self.path))?;
        let tx = Tx {
            connection: &self.connection,
            files: self.files.as_ref(),
            checkpointer: self.checkpointer.as_ref(),
            open: true,
        };
        tx.files.map_or(Ok(()), Files::check_content)?;
        Ok(tx)
    }

    /// Begins a transaction once no other program writes.
    fn lock(&self) -> Result<(), DbError> {
        let began = Instant::now();
        self.connection.busy_timeout(Duration::ZERO)?;
        let result = loop {
            match self.connection.execute_batch("begin immediate").map_err(DbError::from) {
                Err(DbError::Busy) if began.elapsed() < self.busy_timeout => std::thread::sleep(BUSY_RETRY),
                done => break done,
            }
        };
        self.connection.busy_timeout(self.busy_timeout)?;
        result
    }
}

/// A transaction that writes. Dropping it without [`Tx::commit`] rolls it back.
#[derive(Debug)]
pub(in crate::db) struct Tx<'a> {
    connection: &'a Connection,
    files: Option<&'a Files>,
    checkpointer: Option<&'a Checkpointer>,
    open: bool,
}

impl Tx<'_> {
    pub(in crate::db) fn query_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = cached(self.connection, sql)?;
        sets.iter().map(|args| rows(&mut statement, args, map)).collect()
    }

    pub(in crate::db) fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        query(self.connection, sql, args, map)
    }

    /// How many rows each execution changed.
    pub(in crate::db) fn execute_many(&self, sql: &str, sets: &[Vec<Arg>]) -> Result<Vec<usize>, DbError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = cached(self.connection, sql)?;
        let execute = |args: &Vec<Arg>| {
            bind(&mut statement, args)?;
            Ok(statement.raw_execute()?)
        };
        sets.iter().map(execute).collect()
    }

    pub(in crate::db) fn write_in_order(&self, writes: &[Write<'_>]) -> Result<Vec<Vec<usize>>, DbError> {
        let write = |write: &Write<'_>| match write {
            Write::Insert(insert, sets) => self.execute_many(&insert.one_row(), sets),
            Write::Change(sql, sets) | Write::Delete(sql, sets) => self.execute_many(sql, sets),
        };
        writes.iter().map(write).collect()
    }

    pub(in crate::db) fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(in crate::db) fn commit(mut self) -> Result<(), DbError> {
        self.connection.execute_batch("commit")?;
        self.open = false;
        // If the files have been deleted, the commit is lost when this process ends.
        self.files
            .map_or(Ok(()), |files| files.check_names(self.connection))
            .map_err(|error| DbError::Unknown(error.to_string()))?;
        if let Some(files) = self.files {
            files.committed();
        }
        if let Some(checkpointer) = self.checkpointer {
            checkpointer.wake();
        }
        Ok(())
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        // SQLite has already rolled back if the disk is full; a second rollback would be an error.
        if self.open
            && !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("rollback")
        {
            tracing::error!(%error, "a transaction cannot be rolled back; the next one will be refused");
        }
    }
}

/// Creates a missing file, empty, with rights for its owner and group only: it will have names and addresses in it. The
/// files next to it get the same rights. If it cannot be created, opening it says why. It never opens a file that is there:
/// closing that again would release the locks that SQLite holds on it in this process.
fn create_for_few(path: &Path) {
    // A link may lead to the missing file.
    let target = fs::read_link(path).map(|target| path.parent().unwrap_or(path).join(target));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o660);
    #[expect(clippy::let_underscore_must_use, reason = "opening it says why")]
    let _ = options.open(target.as_deref().unwrap_or(path));
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::super::connection::open_reader;
    use super::*;

    static BARRIER: Barrier = Barrier::new(2);

    #[test]
    fn closing_after_many_writes_leaves_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for round in 0..5 {
            let mut writer = Writer::open(&path).unwrap();
            // The last connection that is closed would remove the log by itself.
            let _reader = open_reader(&path, "").unwrap();
            for _ in 0..20 {
                let tx = writer.begin().unwrap();
                tx.execute_batch(
                    "create table if not exists t (a blob); insert into t values (randomblob(2000000))",
                )
                .unwrap();
                tx.commit().unwrap();
            }
            writer.close();
            // Otherwise the next program would have to read the log from end to end.
            let log = std::fs::metadata(folder.path().join("a.db-wal")).map_or(0, |log| log.len());
            assert_eq!(log, 0, "round {round}");
        }
    }

    #[test]
    fn a_commit_to_a_deleted_log_is_not_confirmed_but_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let tx = writer.begin().unwrap();
        tx.execute_batch("create table t (a)").unwrap();
        tx.commit().unwrap();
        let tx = writer.begin().unwrap();
        tx.execute_batch("insert into t values (1)").unwrap();
        std::fs::remove_file(folder.path().join("a.db-wal")).unwrap();

        let result = tx.commit();

        assert!(matches!(&result, Err(DbError::Unknown(what)) if what.contains("a.db-wal")), "{result:?}");
        assert!(matches!(writer.begin().map(drop), Err(DbError::Unwritable(_))));
        // As after a crash, when everything in the process's memory is lost.
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let rows = query(&open_reader(&copy, "").unwrap(), "select a from t", &[], |row| row.int(0));
        assert_eq!(rows, Ok(vec![1]));
    }

    #[test]
    #[cfg(unix)]
    fn a_new_file_is_for_its_owner_and_group_and_one_that_exists_keeps_its_rights() {
        use std::fs::{File, Permissions};
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.db");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        Writer::open(&path).unwrap();
        assert_eq!(mode(&path) & 0o607, 0o600);
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink("far.db", &link).unwrap();
        Writer::open(&link).unwrap();
        assert_eq!(mode(&folder.path().join("far.db")) & 0o607, 0o600);
        let shared = folder.path().join("shared.db");
        File::create(&shared).unwrap();
        std::fs::set_permissions(&shared, Permissions::from_mode(0o664)).unwrap();
        Writer::open(&shared).unwrap();
        assert_eq!(mode(&shared), 0o664);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "another program checkpoints at the same time")]
    fn a_deleted_log_does_not_count_as_saved_while_another_checkpoint_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let mut other = Connection::open(&path).unwrap();
        other.query_row("select count(*) from sqlite_schema", [], |_| Ok(())).unwrap();
        let tx = writer.begin().unwrap();
        tx.execute_batch("create table t (a)").unwrap();
        // The checkpoint has begun, and runs into the transaction.
        let on_busy = |_| {
            BARRIER.wait();
            BARRIER.wait();
            false
        };
        other.busy_handler(Some(on_busy)).unwrap();
        let checkpoint = std::thread::spawn(move || {
            other.query_row("pragma wal_checkpoint(full)", [], |_| Ok(())).unwrap();
        });
        BARRIER.wait();
        std::fs::remove_file(folder.path().join("a.db-wal")).unwrap();
        assert!(matches!(tx.commit(), Err(DbError::Unknown(_))));
        let is_rescued = |writer: &Writer| writer.files.as_ref().unwrap().is_rescued.get();
        assert!(!is_rescued(&writer));
        BARRIER.wait();
        checkpoint.join().unwrap();

        assert!(matches!(writer.begin().map(drop), Err(DbError::Unwritable(_))));
        assert!(is_rescued(&writer));
    }
}
