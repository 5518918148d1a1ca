//! Reads SQLite's catalog: tables, columns, indexes, names.

use crate::db::catalog::{Column, Index, Name, Reference, Referrer, Rights, Rule, Table, quoted};
use crate::db::{DbError, Row, Tx};

pub(in crate::db) const COMPUTED_COLUMNS: &str =
    "select lower(name) from pragma_table_xinfo($1, 'main') where hidden in (2, 3)";
pub(in crate::db) const PLAIN_COLUMNS: &str =
    "select name, type from pragma_table_xinfo($1) where hidden = 0";

pub(in crate::db) const TYPED_COLUMNS: &str =
    "select name, type, hidden in (2, 3) from pragma_table_xinfo($1, 'main') where hidden <> 1";

/// Whether the definition of `student_courses` has the words that the migration `V9__writes_by_others` replaces.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn takes_defaults(tx: &Tx<'_>) -> Result<bool, DbError> {
    let sql = "select 1 from sqlite_schema where type = 'table' and name = 'student_courses' \
               and sql like '%id integer not null primary key,%' and sql like '%enrolled_at text not null,%'";
    Ok(!tx.query(sql, &[], |row: &Row<'_>| row.int(0)).await?.is_empty())
}

/// The table or view with this name, in any case.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn table(tx: &Tx<'_>, name: &str) -> Result<Option<Table>, DbError> {
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
    let rights = Rights { role: String::new(), read: true, refer: true, add: true, own: true };
    if kind != "table" {
        return Ok(Some(Table { kind, rights, ..Table::default() }));
    }
    let columns = columns(tx, name).await?;
    let mut indexes = indexes(tx, name).await?;
    let mut references = references(tx, name).await?;
    let rebuild = rebuild(name, &indexes);
    for index in indexes.iter_mut().filter(|index| index.undo.is_empty()) {
        index.undo.clone_from(&rebuild);
    }
    for reference in &mut references {
        reference.undo.clone_from(&rebuild);
    }
    let referrers = referrers(tx, name).await?;
    let remarks = remarks(&definition);
    let rules = rules(&definition, &columns);
    let rules = rules.into_iter().map(|what| Rule { what, undo: Some(rebuild.clone()) }).collect();
    let triggers = tx
        .query(
            "select name from sqlite_schema where type = 'trigger' and lower(tbl_name) = lower($1) order by name",
            &[name.into()],
            |row: &Row<'_>| {
                let what = row.text(0)?;
                Ok(Rule { undo: Some(format!("drop trigger {};", quoted(&what))), what })
            },
        )
        .await?;
    Ok(Some(Table {
        kind,
        columns,
        indexes,
        references,
        referrers,
        triggers,
        rules,
        remarks,
        rights,
        ..Table::default()
    }))
}

/// Every name that is already taken.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn names(tx: &Tx<'_>) -> Result<Vec<Name>, DbError> {
    tx.query("select lower(name), type, lower(tbl_name) from sqlite_schema", &[], |row: &Row<'_>| {
        let (name, kind) = (row.text(0)?, row.text(1)?);
        let undo = if kind == "table" {
            format!("alter table {name} rename to {name}_before;")
        } else {
            format!("drop {kind} {};", quoted(&name))
        };
        Ok(Name { name, kind, table: row.text(2)?, undo })
    })
    .await
}

/// The highest key that SQLite has ever assigned in a table with `autoincrement`; `None` for other tables.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn last_assigned_id(tx: &Tx<'_>, table: &str) -> Result<Option<i64>, DbError> {
    if !names(tx).await?.iter().any(|taken| taken.name == "sqlite_sequence") {
        return Ok(None);
    }
    let sql = "select max(cast(seq as integer)) from sqlite_sequence where lower(name) = lower($1)";
    Ok(tx.query(sql, &[table.into()], |row: &Row<'_>| row.opt_int(0)).await?.into_iter().flatten().next())
}

/// The rows of a table whose foreign keys refer to missing rows: descriptions of the first `limit`, one per line, and
/// the total.
///
/// # Errors
/// When the rows cannot be read, or a foreign key does not fit the table that it refers to.
pub(in crate::db) async fn broken_references(
    tx: &Tx<'_>,
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

pub(super) async fn columns(tx: &Tx<'_>, table: &str) -> Result<Vec<Column>, DbError> {
    tx.query(
        r#"select name, type, "notnull", dflt_value, pk, hidden, sum(pk > 0) over () from pragma_table_xinfo($1)
        order by cid"#,
        &[table.into()],
        |row: &Row<'_>| {
            let kind = row.text(1)?;
            Ok(Column {
                name: row.text(0)?,
                // SQLite's rule: the type contains these letters anywhere.
                is_integer: kind.to_ascii_lowercase().contains("int"),
                // `integer primary key`, the alias of the rowid.
                numbers_itself: row.int(4)? == 1 && row.int(6)? == 1 && kind.eq_ignore_ascii_case("integer"),
                kind,
                required: row.int(2)? != 0,
                default: row.opt_text(3)?,
                key: row.int(4)?,
                generated: row.int(5)? >= 2,
            })
        },
    )
    .await
}

pub(super) async fn indexes(tx: &Tx<'_>, table: &str) -> Result<Vec<Index>, DbError> {
    let parts = tx
        .query(
            r#"select list.name, list."unique", list.partial, info.name, schema.sql
            from pragma_index_list($1) list, pragma_index_info(list.name) info
            left join sqlite_schema schema on schema.type = 'index' and schema.name = list.name
            order by list.seq, info.seqno"#,
            &[table.into()],
            |row: &Row<'_>| {
                let (name, definition) = (row.text(0)?, row.opt_text(4)?);
                Ok(Index {
                    undo: definition
                        .as_ref()
                        .map(|_| format!("drop index {};", quoted(&name)))
                        .unwrap_or_default(),
                    name,
                    unique: row.int(1)? != 0,
                    partial: row.int(2)? != 0,
                    columns: vec![row.opt_text(3)?],
                    definition,
                })
            },
        )
        .await?;
    Ok(Index::merge_columns(parts))
}

pub(super) async fn references(tx: &Tx<'_>, table: &str) -> Result<Vec<Reference>, DbError> {
    tx.query(
        r#"select "from", "table", "to", on_update, on_delete, count(*) over (partition by id) > 1
        from pragma_foreign_key_list($1) order by id, seq"#,
        &[table.into()],
        |row: &Row<'_>| {
            let table = row.text(1)?;
            let target = row.opt_text(2)?;
            let columns = target.as_ref().map(|target| format!(" ({})", quoted(target))).unwrap_or_default();
            let actions = format!("on update {} on delete {}", row.text(3)?, row.text(4)?).to_lowercase();
            Ok(Reference {
                column: row.text(0)?,
                clause: format!("references {}{columns} {actions}", quoted(&table)),
                table,
                target,
                composite: row.int(5)? != 0,
                undo: String::new(),
            })
        },
    )
    .await
}

async fn referrers(tx: &Tx<'_>, table: &str) -> Result<Vec<Referrer>, DbError> {
    let found = tx
        .query(
            r#"select distinct other.name, lower(keys.on_delete) from sqlite_schema other, pragma_foreign_key_list(other.name) keys
            where other.type = 'table' and lower(keys."table") = lower($1) and lower(other.name) <> lower($1) order by 1"#,
            &[table.into()],
            |row: &Row<'_>| Ok((row.text(0)?, row.text(1)?)),
        )
        .await?;
    let mut referrers = Vec::with_capacity(found.len());
    for (table, on_delete) in found {
        let undo = rebuild(&table, &indexes(tx, &table).await?);
        referrers.push(Referrer { table, on_delete, undo });
    }
    Ok(referrers)
}

/// What would be lost if the table were recreated from what the catalog reports.
fn rules(definition: &str, columns: &[Column]) -> Vec<String> {
    let mut rules: Vec<String> = words(definition)
        .filter(|word| ["check", "collate"].contains(&word.as_str()))
        .map(|word| format!("`{word}` in its definition"))
        .collect();
    rules.dedup();
    let computed = columns.iter().filter(|column| column.generated);
    rules.extend(computed.map(|column| format!("its computed column {}", column.name)));
    rules
}

fn remarks(definition: &str) -> Vec<String> {
    let is_deferrable = words(definition).any(|word| word == "deferrable");
    is_deferrable
        .then(|| "its foreign keys are checked at once, not at the commit".to_owned())
        .into_iter()
        .collect()
}

/// Statements that recreate the table with its rows, column values and indexes, but without its rules.
fn rebuild(table: &str, indexes: &[Index]) -> String {
    let indexes = indexes.iter().filter_map(|index| Some(format!("\n{};", index.definition.as_ref()?)));
    let indexes: String = indexes.collect();
    format!(
        "create table {table}_plain as select * from {table};\ndrop table {table};\n\
         create table {table} as select * from {table}_plain;\ndrop table {table}_plain;{indexes}"
    )
}

/// The words of a statement outside quotes and comments, in lower case.
fn words(sql: &str) -> impl Iterator<Item = String> {
    let mut bare = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' | '`' => Some(first.to_string()),
            '[' => Some("]".to_owned()),
            '-' if rest.starts_with("--") => Some("\n".to_owned()),
            '/' if rest.starts_with("/*") => Some("*/".to_owned()),
            _ => None,
        };
        if let Some(end) = end {
            // A doubled quote inside a quoted text reads as two adjacent texts, which makes no difference here.
            let inside = &rest[first.len_utf8()..];
            rest = inside.find(&end).map_or("", |at| &inside[at + end.len()..]);
            bare.push(' ');
        } else {
            bare.push(first.to_ascii_lowercase());
            rest = &rest[first.len_utf8()..];
        }
    }
    let separated: Vec<String> =
        bare.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect();
    separated.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes_and_comments_are_ignored() {
        let sql = "t (\"check\" text default 'it''s a check', [collate] int /* check */, -- check\n a int check(a>0))";
        let found: Vec<String> = words(sql).filter(|word| word == "check" || word == "collate").collect();
        assert_eq!(found, ["check"]);
    }
}
