//! SQLite: the connection that writes, and what every connection is: its settings, its prepared statements, its errors.

pub(super) mod catalog;
mod checkpoint;
mod content;
mod error;
mod files;
mod numbering;
mod readers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, Statement};

use self::checkpoint::Checkpointer;
use self::files::Files;
pub(super) use self::numbering::insert_numbered;
pub(super) use self::readers::{Readers, SCANNERS, STREAMS};
use super::{Arg, DbError, Map, Row};

/// Where the engines truly differ.
pub(super) const TOKENS: &[(&str, &str)] = &[
    ("{{key}}", "integer"),
    ("{{self_numbering_key}}", "integer primary key autoincrement"),
    ("{{any_value}}", ""),
    ("{{index_of}}", "instr"),
];

pub(super) const HAS_TABLE: &str =
    "select 1 from sqlite_schema where type = 'table' and name = $1 collate nocase";

/// Statements kept prepared on a connection; more than the service has.
const STATEMENTS: usize = 128;
/// Pages of WAL (128 MB) before a commit also checkpoints, as little as is left to do then: decides the tail of the write
/// latency.
const CHECKPOINT_PAGES: i64 = 64_000;
/// Memory for the pages that writes meet.
const WRITER_CACHE_KIB: i64 = 40 * 1024;
/// How long a write waits for another program that writes to the same file.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a migration waits for another: that one may be copying a million rows.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(1);
/// The message for a file that may not be written, where nothing more is known.
const NOT_WRITABLE: &str = "this user may not write to it";
/// How often the switch to WAL is tried again.
const WAL_RETRY: Duration = Duration::from_millis(10);

/// The connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    files: Option<Files>,
    checkpointer: Option<Checkpointer>,
}

impl Writer {
    /// Opens the database at `path`, making the file if there is none.
    ///
    /// # Errors
    /// When the file cannot be opened as a database that can be written.
    pub(in crate::db) fn open(path: &Path) -> Result<Self, DbError> {
        let mut writer = Self::open_as_found(path, true)?;
        if writer.connection.is_readonly("main")? {
            return Err(DbError::Unwritable(NOT_WRITABLE.to_owned()).at(path));
        }
        writer.switch_to_wal().map_err(|error| error.at(path))?;
        writer.connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let beside = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        writer.files = Files::of(&writer.connection, path)?;
        let content = writer.files.as_ref().and_then(Files::content);
        writer.checkpointer = Some(Checkpointer::start(path, beside, content)?);
        Ok(writer)
    }

    /// The switch needs the file for itself, and alone of all statements it does not wait for that: of eight servers
    /// that started together on a new file, one in a few failed.
    fn switch_to_wal(&self) -> Result<(), DbError> {
        let began = Instant::now();
        loop {
            match self.connection.pragma_update(None, "journal_mode", "wal").map_err(DbError::from) {
                Err(DbError::Busy) if began.elapsed() < PATIENCE => std::thread::sleep(WAL_RETRY),
                done => return done,
            }
        }
    }

    /// As [`Writer::open`], for migrations: foreign keys are checked at their end only, another server's migration is
    /// waited for, and no byte changes before the first commit: the file may be one that is refused.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub(in crate::db) fn open_for_migration(path: &Path) -> Result<Self, DbError> {
        let writer = Self::open_as_found(path, false)?;
        writer.connection.busy_timeout(MIGRATION_PATIENCE)?;
        Ok(writer)
    }

    fn open_as_found(path: &Path, foreign_keys: bool) -> Result<Self, DbError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = open(path, flags)?;
        // Only an empty file takes a page size; a smaller page makes a commit cheaper.
        connection.pragma_update(None, "page_size", 2048)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", foreign_keys)?;
        Ok(Self { connection, path: path.to_owned(), files: None, checkpointer: None })
    }

    /// Another number once another connection has written.
    pub(in crate::db) fn data_version(&self) -> Result<i64, DbError> {
        Ok(query(&self.connection, "pragma data_version", &[], |row| row.int(0))?.into_iter().sum())
    }

    /// Brings everything from the write-ahead log into the file, as far as nobody else is in the way.
    pub(in crate::db) fn close(mut self) {
        // Of two checkpoints at a time one is refused, and this one is the last.
        self.checkpointer = None;
        let check = |files: &Files| files.check(&self.connection).and_then(|()| files.check_content());
        if self.files.as_ref().is_some_and(|files| check(files).is_err()) {
            // The files there now are not ours to write to.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            return;
        }
        // Nothing is lost when it cannot be done: whoever opens the file next reads the log too.
        let _ = self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    }

    /// Begins a transaction that may write; no other writer of this database is in one at the same time.
    ///
    /// # Errors
    /// [`DbError::Busy`] when another program keeps writing.
    pub(in crate::db) fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        self.files.as_ref().map_or(Ok(()), |files| files.check(&self.connection))?;
        self.connection
            .execute_batch("begin immediate")
            .map_err(|error| DbError::from(error).at(&self.path))?;
        let tx = Tx {
            connection: &self.connection,
            files: self.files.as_ref(),
            checkpointer: self.checkpointer.as_ref(),
            open: true,
        };
        tx.files.map_or(Ok(()), Files::check_content)?;
        Ok(tx)
    }
}

/// A transaction that writes. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub(super) struct Tx<'a> {
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
        let mut statement = self.connection.prepare_cached(sql)?;
        sets.iter().map(|args| rows(&mut statement, args, map)).collect()
    }

    pub(in crate::db) fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        query(self.connection, sql, args, map)
    }

    /// How many rows each changed.
    pub(in crate::db) fn execute_many(&self, sql: &str, sets: &[Vec<Arg>]) -> Result<Vec<usize>, DbError> {
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(sql)?;
        let execute = |args: &Vec<Arg>| {
            bind(&mut statement, args)?;
            Ok(statement.raw_execute()?)
        };
        sets.iter().map(execute).collect()
    }

    pub(in crate::db) fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(in crate::db) fn commit(mut self) -> Result<(), DbError> {
        self.connection.execute_batch("commit")?;
        self.open = false;
        // Where it went to a file that is gone, it goes with this process.
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
        // A full disk has rolled back already; a second rollback would be an error.
        if self.open && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("rollback");
        }
    }
}

pub(super) fn query<T>(
    connection: &Connection,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
) -> Result<Vec<T>, DbError> {
    rows(&mut *connection.prepare_cached(sql)?, args, map)
}

fn rows<T>(statement: &mut Statement<'_>, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
    bind(statement, args)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(&Row::sqlite(row))?);
    }
    Ok(found)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, DbError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, DbError> {
    open_with(path, flags).map_err(|error| error.at(path))
}

fn open_with(path: &Path, flags: OpenFlags) -> Result<Connection, DbError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a cached statement with a bound comparison is planned again at every use: half the speed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.create_scalar_function(
        "casefold",
        1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        |context| {
            Ok(match context.get_raw(0) {
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    Some(String::from_utf8_lossy(text).to_lowercase())
                }
                ValueRef::Null => None,
                ValueRef::Integer(value) => Some(value.to_string()),
                ValueRef::Real(value) => Some(value.to_string()),
            })
        },
    )?;
    // As PostgreSQL calls it; ours compares texts as byte by byte as its own `binary` does.
    connection.create_collation("C", str::cmp)?;
    // Fails here, not at the first request, on a file that is no database.
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

pub(super) fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    args: &[Arg],
) -> Result<CachedStatement<'c>, DbError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, args)?;
    Ok(statement)
}

fn bind(statement: &mut Statement<'_>, args: &[Arg]) -> Result<(), DbError> {
    for (index, arg) in args.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, arg)?;
    }
    Ok(())
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(Some(value)) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Text(Some(value)) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Int(None) | Self::Text(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl DbError {
    /// The same of the file at this path; where it may not be written, which part of it.
    fn at(self, path: &Path) -> Self {
        match self {
            Self::Unwritable(what) => Self::Unwritable(files::not_writable(path).unwrap_or(what)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_file_that_is_closed_while_much_was_written_has_no_log_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for round in 0..5 {
            let mut writer = Writer::open(&path).unwrap();
            // The last connection to be closed would tidy up by itself.
            let _reader = open_reader(&path).unwrap();
            for _ in 0..20 {
                let tx = writer.begin().unwrap();
                tx.execute_batch(
                    "create table if not exists t (a blob); insert into t values (randomblob(2000000))",
                )
                .unwrap();
                tx.commit().unwrap();
            }
            writer.close();
            // Whoever opens it next would read the log from end to end.
            let log = std::fs::metadata(folder.path().join("a.db-wal")).map_or(0, |log| log.len());
            assert_eq!(log, 0, "round {round}");
        }
    }

    #[test]
    fn what_is_committed_to_a_log_without_a_name_is_not_confirmed_and_yet_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        let tx = writer.begin().unwrap();
        tx.execute_batch("create table t (a)").unwrap();
        tx.commit().unwrap();
        let tx = writer.begin().unwrap();
        tx.execute_batch("insert into t values (1)").unwrap();
        std::fs::remove_file(folder.path().join("a.db-wal")).unwrap();

        let told = tx.commit();

        assert!(matches!(&told, Err(DbError::Unknown(what)) if what.contains("a.db-wal")), "{told:?}");
        assert!(matches!(writer.begin().map(drop), Err(DbError::Unwritable(_))));
        // As after a crash, in which what the process still knows is lost.
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let kept = query(&open_reader(&copy).unwrap(), "select a from t", &[], |row| row.int(0));
        assert_eq!(kept, Ok(vec![1]));
    }

    #[test]
    fn a_prepared_statement_is_never_planned_again() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a.db"), OpenFlags::default()).unwrap();
        connection
            .execute_batch(
                "create table t (a integer, b integer); create index t_a on t (a); \
                 with recursive n (i) as (select 1 union all select i + 1 from n where i < 500) \
                 insert into t select i % 7, i from n; analyze;",
            )
            .unwrap();
        let sql = "select b from t where a > $1 and a < $2";
        for bound in 0..50_i64 {
            query(&connection, sql, &[bound.into(), (bound + 3).into()], |row| row.int(0)).unwrap();
        }
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        assert!(statement.get_status(StatementStatus::Run) >= 50);
    }
}
