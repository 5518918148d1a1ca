//! What an engine says of the tables that it holds.

use super::{DbError, Row, Tx};

/// A column as its table defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as written.
    pub name: String,
    /// Its declared type, as written; may be empty.
    pub kind: String,
    /// Whether it refuses a null.
    pub required: bool,
    /// Its default, an SQL expression.
    pub default: Option<String>,
    /// Its place in the primary key, from 1; 0 when it is not part of it.
    pub key: i64,
    /// Whether the engine computes it.
    pub generated: bool,
}

/// An index, or the unique key of a table's definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Its name; the engine's own for a key of the definition.
    pub name: String,
    /// Whether it refuses the same value twice.
    pub unique: bool,
    /// Whether it leaves rows out.
    pub partial: bool,
    /// Its columns in order; an expression has no name.
    pub columns: Vec<Option<String>>,
    /// Its statement; `None` for a key of the table's definition.
    pub definition: Option<String>,
}

/// One column of a foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The column that refers.
    pub column: String,
    /// The table referred to.
    pub table: String,
    /// The column referred to; `None` means the primary key.
    pub target: Option<String>,
    /// What an update does, as in `on update <this>`.
    pub on_update: String,
    /// What a delete does, as in `on delete <this>`.
    pub on_delete: String,
    /// Whether it is one of several columns that refer together.
    pub composite: bool,
}

/// A table, or something else that is read like one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// `table`, `view` or `virtual table`.
    pub kind: String,
    /// The statement that made it.
    pub definition: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its indexes and unique keys.
    pub indexes: Vec<Index>,
    /// Its foreign keys.
    pub references: Vec<Reference>,
    /// The names of the triggers on it.
    pub triggers: Vec<String>,
}

impl Table {
    /// The column of this name, in whatever case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// The table or view of this name, in whatever case.
///
/// # Errors
/// What the engine said.
pub async fn table(tx: &mut Tx<'_>, name: &str) -> Result<Option<Table>, DbError> {
    let found = tx
        .query(
            "select case when lower(sql) like 'create virtual%' then 'virtual table' else type end, sql
            from sqlite_schema where type in ('table', 'view') and lower(name) = lower($1)",
            &[name.into()],
            |row: &Row<'_>| Ok((row.text(0)?, row.text(1)?)),
        )
        .await?;
    let Some((kind, definition)) = found.into_iter().next() else {
        return Ok(None);
    };
    if kind != "table" {
        return Ok(Some(Table { kind, definition, ..Table::default() }));
    }
    Ok(Some(Table {
        kind,
        definition,
        columns: columns(tx, name).await?,
        indexes: indexes(tx, name).await?,
        references: references(tx, name).await?,
        triggers: tx
            .query(
                "select name from sqlite_schema where type = 'trigger' and lower(tbl_name) = lower($1) order by name",
                &[name.into()],
                |row: &Row<'_>| row.text(0),
            )
            .await?,
    }))
}

/// Every name that is taken, in lower case, with what it is (`table`, `index`, ...) and the table that it belongs to.
///
/// # Errors
/// What the engine said.
pub async fn names(tx: &mut Tx<'_>) -> Result<Vec<(String, String, String)>, DbError> {
    tx.query("select lower(name), type, lower(tbl_name) from sqlite_schema", &[], |row: &Row<'_>| {
        Ok((row.text(0)?, row.text(1)?, row.text(2)?))
    })
    .await
}

/// The highest key that the engine has ever given out for a table that numbers its own rows.
///
/// # Errors
/// What the engine said.
pub async fn last_number(tx: &mut Tx<'_>, table: &str) -> Result<Option<i64>, DbError> {
    if !names(tx).await?.iter().any(|(name, ..)| name == "sqlite_sequence") {
        return Ok(None);
    }
    let sql = "select max(cast(seq as integer)) from sqlite_sequence where lower(name) = lower($1)";
    Ok(tx.query(sql, &[table.into()], |row: &Row<'_>| row.opt_int(0)).await?.into_iter().flatten().next())
}

/// The rows of a table whose foreign keys lead nowhere: the first of them, a line each, and how many there are.
///
/// # Errors
/// What the engine said; also that a foreign key does not fit the table that it refers to.
pub async fn broken_references(
    tx: &mut Tx<'_>,
    table: &str,
    limit: i64,
) -> Result<(Vec<String>, i64), DbError> {
    let found = tx
        .query(
            "select 'row ' || coalesce(rowid, '') || ' refers to ' || parent, count(*) over ()
            from pragma_foreign_key_check($1) limit $2",
            &[table.into(), limit.into()],
            |row: &Row<'_>| Ok((row.text(0)?, row.int(1)?)),
        )
        .await?;
    let total = found.first().map_or(0, |(_, total)| *total);
    Ok((found.into_iter().map(|(line, _)| line).collect(), total))
}

async fn columns(tx: &mut Tx<'_>, table: &str) -> Result<Vec<Column>, DbError> {
    tx.query(
        r#"select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo($1) order by cid"#,
        &[table.into()],
        |row: &Row<'_>| {
            Ok(Column {
                name: row.text(0)?,
                kind: row.text(1)?,
                required: row.int(2)? != 0,
                default: row.opt_text(3)?,
                key: row.int(4)?,
                generated: row.int(5)? >= 2,
            })
        },
    )
    .await
}

async fn indexes(tx: &mut Tx<'_>, table: &str) -> Result<Vec<Index>, DbError> {
    let parts = tx
        .query(
            r#"select list.name, list."unique", list.partial, info.name, schema.sql
            from pragma_index_list($1) list, pragma_index_info(list.name) info
            left join sqlite_schema schema on schema.type = 'index' and schema.name = list.name
            order by list.seq, info.seqno"#,
            &[table.into()],
            |row: &Row<'_>| {
                Ok(Index {
                    name: row.text(0)?,
                    unique: row.int(1)? != 0,
                    partial: row.int(2)? != 0,
                    columns: vec![row.opt_text(3)?],
                    definition: row.opt_text(4)?,
                })
            },
        )
        .await?;
    let mut indexes: Vec<Index> = Vec::new();
    for part in parts {
        match indexes.last_mut().filter(|index| index.name == part.name) {
            Some(index) => index.columns.extend(part.columns),
            None => indexes.push(part),
        }
    }
    Ok(indexes)
}

async fn references(tx: &mut Tx<'_>, table: &str) -> Result<Vec<Reference>, DbError> {
    tx.query(
        r#"select "from", "table", "to", on_update, on_delete, count(*) over (partition by id) > 1
        from pragma_foreign_key_list($1) order by id, seq"#,
        &[table.into()],
        |row: &Row<'_>| {
            Ok(Reference {
                column: row.text(0)?,
                table: row.text(1)?,
                target: row.opt_text(2)?,
                on_update: row.text(3)?,
                on_delete: row.text(4)?,
                composite: row.int(5)? != 0,
            })
        },
    )
    .await
}
