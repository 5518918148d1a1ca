//! What all connections have in common: settings, prepared statements, conversion of parameters.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, Statement};

use crate::db::casefold::casefold;
use crate::db::{Arg, DbError, Map, Row, trace};

/// Prepared statements cached per connection; more than the service has.
const MAX_STATEMENTS: usize = 128;
/// How long a write waits for another program that writes to the same file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn query<T>(
    connection: &Connection,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
) -> Result<Vec<T>, DbError> {
    rows(&mut *cached(connection, sql)?, args, map)
}

pub(super) fn rows<T>(statement: &mut Statement<'_>, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
    bind(statement, args)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(&Row::from_sqlite(row))?);
    }
    Ok(found)
}

/// A connection that reads; `views` are statements that create its temporary views.
pub(super) fn open_reader(path: &Path, views: &str) -> Result<Connection, DbError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch(views)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection, DbError> {
    open_with(path, flags).map_err(|error| error.with_path(path))
}

fn open_with(path: &Path, flags: OpenFlags) -> Result<Connection, DbError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
    // Without it SQLite prepares a cached statement with a bound comparison again at every use, at half the speed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A column that is not there is an error, not its own name as a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.create_scalar_function(
        "casefold",
        1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        |context| {
            Ok(match context.get_raw(0) {
                ValueRef::Text(text) | ValueRef::Blob(text) => Some(casefold(&String::from_utf8_lossy(text))),
                ValueRef::Null => None,
                ValueRef::Integer(value) => Some(value.to_string()),
                ValueRef::Real(value) => Some(value.to_string()),
            })
        },
    )?;
    // PostgreSQL's name for this order; like SQLite's `binary`, it compares bytes.
    connection.create_collation("C", str::cmp)?;
    // Fail here, not at the first request, if the file is not a database.
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

pub(super) fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    args: &[Arg],
) -> Result<CachedStatement<'c>, DbError> {
    let mut statement = cached(connection, sql)?;
    bind(&mut statement, args)?;
    Ok(statement)
}

/// The prepared statement. Log output shows it, without the values of its parameters.
pub(super) fn cached<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    trace::statement(sql);
    connection.prepare_cached(sql)
}

pub(super) fn bind(statement: &mut Statement<'_>, args: &[Arg]) -> Result<(), DbError> {
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

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_cached_statement_is_not_prepared_again() {
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
