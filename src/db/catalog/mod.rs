//! Reads the engine's catalog: tables, columns, indexes, names.

mod definition;

pub use self::definition::{
    Column, ExtraColumn, Index, ListedTable, Name, Reference, Referrer, Rights, Rule, Table, TableName,
    TableNodes, TypedColumn, plain_or_quoted, quoted,
};
use super::{Db, DbError, EngineTx, Readers, Row, Tx, migrate, postgres, sqlite};

/// Reasons why no table can be created at all; empty if there are none.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn obstacles(tx: &Tx<'_>) -> Result<Vec<Rule>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => Ok(Vec::new()),
        EngineTx::Postgres(_) => postgres::catalog::obstacles(tx).await,
    }
}

/// The nodes on which these tables are stored; empty on a database with a single node.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn table_nodes(tx: &Tx<'_>, tables: &[&str]) -> Result<Vec<TableNodes>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => Ok(Vec::new()),
        EngineTx::Postgres(_) => postgres::nodes::table_nodes(tx, tables).await,
    }
}

/// Whether triggers can be created on a table of ours with this name, whether it exists or not.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn allows_triggers(tx: &Tx<'_>, table: &str) -> Result<bool, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => Ok(true),
        EngineTx::Postgres(_) => Ok(!postgres::nodes::is_distributed(tx, table).await?),
    }
}

/// Whether a `student_courses` that an earlier build created can be given defaults for its id and its time. In a file,
/// another program may have recreated it with a definition of its own.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn takes_defaults(tx: &Tx<'_>) -> Result<bool, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::takes_defaults(tx).await,
        EngineTx::Postgres(_) => Ok(true),
    }
}

/// The table or view with this name, in any case.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn table(tx: &Tx<'_>, name: &str) -> Result<Option<Table>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::table(tx, name).await,
        EngineTx::Postgres(_) => postgres::catalog::table(tx, name).await,
    }
}

/// The names by which statements refer to the table that is called `name` in the database.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn table_name(tx: &Tx<'_>, name: &str) -> Result<TableName, DbError> {
    let reference = quoted(name);
    match tx.0 {
        EngineTx::Sqlite(_) => {
            Ok(TableName { catalog: name.to_owned(), qualified: format!("main.{reference}"), reference })
        }
        EngineTx::Postgres(_) => {
            let sql = "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c \
                       join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)";
            let found = tx.query(sql, &[reference.as_str().into()], |row| row.text(0)).await?.pop();
            let qualified = found.unwrap_or_else(|| reference.clone());
            Ok(TableName { catalog: qualified.clone(), reference: qualified.clone(), qualified })
        }
    }
}

/// The ordinary tables of the database, by name, with their numbers of rows: in a file all, on a server those that a
/// statement finds without a schema. Tables of ours are left out; so are, once matricula has migrated the database, the
/// ones that it created, except `students` and `courses`, which may be another program's.
///
/// # Errors
/// When the catalog or the rows cannot be read.
pub async fn tables(tx: &Tx<'_>) -> Result<Vec<ListedTable>, DbError> {
    let mut ours = Vec::new();
    if tx.has_table(migrate::HISTORY).await? {
        ours = migrate::tables(tx);
        ours.retain(|name| !["students", "courses"].contains(&name.as_str()));
    }
    let mut tables = match tx.0 {
        EngineTx::Sqlite(_) => sqlite::tables::tables(tx).await?,
        EngineTx::Postgres(_) => postgres::tables::tables(tx).await?,
    };
    tables.retain(|table| !table.name.starts_with("matricula_") && !ours.contains(&table.name));
    for table in tables.iter_mut().filter(|table| table.definition.rights.read) {
        let sql = format!("select count(*) from {}", quoted(&table.name));
        table.rows = tx.query(&sql, &[], |row| row.int(0)).await?.into_iter().sum();
    }
    Ok(tables)
}

/// Every name that is already taken.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn names(tx: &Tx<'_>) -> Result<Vec<Name>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::names(tx).await,
        EngineTx::Postgres(_) => postgres::catalog::names(tx).await,
    }
}

/// The highest key that the engine has ever assigned in a table that numbers its own rows.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn last_assigned_id(tx: &Tx<'_>, table: &str) -> Result<Option<i64>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::last_assigned_id(tx, table).await,
        EngineTx::Postgres(_) => postgres::catalog::last_assigned_id(tx, table).await,
    }
}

/// The columns of a table, as a reader finds them.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn columns(db: &Db, table: &str) -> Result<Vec<TypedColumn>, DbError> {
    let sql = match db.readers {
        Readers::Sqlite(_) => sqlite::catalog::TYPED_COLUMNS,
        Readers::Postgres(_) => postgres::catalog::TYPED_COLUMNS,
    };
    let column = |row: &Row<'_>| {
        Ok(TypedColumn { name: row.text(0)?, kind: row.text(1)?, is_computed: row.int(2)? != 0 })
    };
    db.query(sql, [table.into()], column).await
}

/// The names of a table's computed columns, in lower case.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn computed_columns(tx: &Tx<'_>, table: &str) -> Result<Vec<String>, DbError> {
    let sql = match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::COMPUTED_COLUMNS,
        EngineTx::Postgres(_) => postgres::catalog::COMPUTED_COLUMNS,
    };
    tx.query(sql, &[table.into()], |row| row.text(0)).await
}

/// The writable columns of a table, except `known`.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn extra_columns(tx: &Tx<'_>, table: &str, known: &[&str]) -> Result<Vec<ExtraColumn>, DbError> {
    let sql = match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::PLAIN_COLUMNS,
        EngineTx::Postgres(_) => postgres::catalog::PLAIN_COLUMNS,
    };
    let columns = tx.query(sql, &[table.into()], |row| Ok((row.text(0)?, row.text(1)?))).await?;
    // On PostgreSQL, "ID" and id are two columns.
    let is_same = |name: &str, known: &str| match tx.0 {
        EngineTx::Sqlite(_) => name.eq_ignore_ascii_case(known),
        EngineTx::Postgres(_) => name == known,
    };
    let is_extra = |(name, _): &(String, String)| !known.iter().any(|known| is_same(name, known));
    let extra = columns.into_iter().filter(is_extra).map(|(name, kind)| {
        let quoted = quoted(&name);
        let (save_expr, restore_expr) = match tx.0 {
            EngineTx::Sqlite(_) => (quoted.clone(), "value".to_owned()),
            EngineTx::Postgres(_) => (format!("cast({quoted} as text)"), format!("cast(value as {kind})")),
        };
        ExtraColumn { name, quoted, save_expr, restore_expr }
    });
    Ok(extra.collect())
}

/// The rows of a table whose foreign keys refer to missing rows: descriptions of the first `limit`, one per line, and
/// the total. PostgreSQL never lets such rows in, so it always returns none.
///
/// # Errors
/// When the rows cannot be read, or a foreign key does not fit the table that it refers to.
pub async fn broken_references(tx: &Tx<'_>, table: &str, limit: i64) -> Result<(Vec<String>, i64), DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => sqlite::catalog::broken_references(tx, table, limit).await,
        EngineTx::Postgres(_) => Ok((Vec::new(), 0)),
    }
}

/// An SQL expression: whether a value is a whole number.
#[must_use]
pub fn is_whole_number(tx: &Tx<'_>, column: &str) -> String {
    match tx.0 {
        EngineTx::Sqlite(_) => format!("typeof({column}) = 'integer'"),
        // The column's type already guarantees it.
        EngineTx::Postgres(_) => format!("{column} is not null"),
    }
}

/// An SQL expression: a value in readable form.
#[must_use]
pub fn display_expr(tx: &Tx<'_>, column: &str) -> String {
    match tx.0 {
        EngineTx::Sqlite(_) => format!("quote({column})"),
        EngineTx::Postgres(_) => format!("coalesce(cast({column} as text), 'NULL')"),
    }
}

/// An SQL expression: a column of this type as a time in the form in which times are stored, null for a null or what is no
/// time; `None` if the type has no times. A time without a time zone counts as UTC.
#[must_use]
pub fn stamp_expr(tx: &Tx<'_>, column: &str, kind: &str) -> Option<String> {
    let kind = kind.to_ascii_lowercase();
    match tx.0 {
        // In a file the type says little about the values. Numbers are seconds or milliseconds since 1970; smaller ones are
        // years or other things.
        EngineTx::Sqlite(_) => Some(format!(
            "case when typeof({column}) = 'text' and date(substr({column}, 1, 10)) = substr({column}, 1, 10) \
             then strftime('%Y-%m-%dT%H:%M:%fZ', {column}) when typeof({column}) = 'integer' and {column} >= 100000000 then strftime('%Y-%m-%dT%H:%M:%fZ', \
             case when abs({column}) > 100000000000 then {column} / 1000.0 else {column} end, 'unixepoch') end"
        )),
        EngineTx::Postgres(_) => {
            let utc = if kind.ends_with("with time zone") && kind.starts_with("timestamp") {
                format!("({column} at time zone 'UTC')")
            } else if kind.starts_with("timestamp") || kind == "date" {
                format!("cast({column} as timestamp)")
            } else if kind == "bigint" {
                format!(
                    "(case when {column} >= 100000000 then to_timestamp(case when {column} > 100000000000 \
                     then {column} / 1000.0 else {column} end) at time zone 'UTC' end)"
                )
            } else {
                return None;
            };
            // Stored times have years of four digits; a later one counts as still to come.
            Some(format!(
                "to_char(case when {utc} > timestamp '9999-12-31' then timestamp '9999-12-31' \
                 when {utc} >= timestamp '0001-01-01' then {utc} end, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
            ))
        }
    }
}

/// Whether the role may create the temporary views through which a school with a mapping is read.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn can_create_views(tx: &Tx<'_>) -> Result<bool, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => Ok(true),
        EngineTx::Postgres(_) => {
            let sql = "select 1 where has_database_privilege(current_database(), 'temporary')";
            Ok(!tx.query(sql, &[], |row| row.int(0)).await?.is_empty())
        }
    }
}

/// Whether a statement that reads can run, without an effect on the transaction; if not, the engine's message.
///
/// # Errors
/// When the transaction has failed.
pub async fn can_run(tx: &Tx<'_>, sql: &str) -> Result<Result<(), String>, DbError> {
    tx.execute_batch("savepoint can_run").await?;
    let ran = tx.query(sql, &[], |_| Ok(())).await;
    tx.execute_batch("rollback to savepoint can_run").await?;
    tx.execute_batch("release savepoint can_run").await?;
    Ok(ran.map(|_| ()).map_err(|error| error.to_string()))
}

/// An SQL expression: a value as a literal for a condition, like `'active'` or `1`.
#[must_use]
pub fn literal_expr(tx: &Tx<'_>, column: &str) -> String {
    match tx.0 {
        EngineTx::Sqlite(_) => format!("quote({column})"),
        // The type of a quoted literal follows the column that it is compared with.
        EngineTx::Postgres(_) => format!("quote_nullable(cast({column} as text))"),
    }
}

/// Statements that add a column `id` to a table and number its rows.
#[must_use]
pub fn number_rows(tx: &Tx<'_>, table: &str) -> String {
    match tx.0 {
        EngineTx::Sqlite(_) => {
            format!("alter table {table} add column id integer;\nupdate {table} set id = rowid;")
        }
        EngineTx::Postgres(_) => {
            format!("alter table {table} add column id bigint generated by default as identity;")
        }
    }
}

/// Statements that check deferred constraints for everything the transaction has written so far. Empty for SQLite,
/// which needs none.
#[must_use]
pub fn check_now(tx: &Tx<'_>) -> &'static str {
    match tx.0 {
        EngineTx::Sqlite(_) => "",
        EngineTx::Postgres(_) => "set constraints all immediate; set constraints all deferred",
    }
}
