//! Lists the tables of a server's database.

use std::collections::HashMap;

use super::catalog;
use crate::db::catalog::{ListedTable, Rights, Table};
use crate::db::{DbError, Row, Tx};

/// A table as the first query finds it.
struct Found {
    oid: i64,
    name: String,
    /// The name as a statement writes it, which is also the form of foreign keys in the catalog.
    written: String,
    rights: Rights,
}

/// The ordinary tables of the schema for new tables and of `public`, by name, without their numbers of rows. Tables of
/// extensions are left out. A table that only its schema would make unique is left out, since a mapping names no schema.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn tables(tx: &Tx<'_>) -> Result<Vec<ListedTable>, DbError> {
    let found = tx
        .query(
            "select cast(c.oid as bigint), cast(c.relname as text), cast(cast(c.oid as regclass) as text),
            quote_ident(current_user),
            (select coalesce(bool_and(has_column_privilege(c.oid, attnum, 'select')), true) from pg_attribute
                where attrelid = c.oid and attnum > 0 and not attisdropped),
            has_table_privilege(c.oid, 'references'), has_any_column_privilege(c.oid, 'insert'),
            pg_has_role(c.relowner, 'usage')
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
            and n.nspname in (current_schema(), 'public') and pg_table_is_visible(c.oid)
            and not exists (select 1 from pg_depend d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') order by 2",
            &[],
            |row: &Row<'_>| {
                let rights = Rights {
                    role: row.text(3)?,
                    read: row.int(4)? != 0,
                    refer: row.int(5)? != 0,
                    add: row.int(6)? != 0,
                    own: row.int(7)? != 0,
                };
                Ok(Found { oid: row.int(0)?, name: row.text(1)?, written: row.text(2)?, rights })
            },
        )
        .await?;
    let names: HashMap<_, _> =
        found.iter().map(|table| (table.written.clone(), table.name.clone())).collect();
    let mut tables = Vec::with_capacity(found.len());
    for Found { oid, name, written, rights } in found {
        let args = [oid.into(), written.into()];
        let mut references = catalog::references(tx, &args).await?;
        for reference in &mut references {
            if let Some(name) = names.get(&reference.table) {
                reference.table.clone_from(name);
            }
        }
        let definition = Table {
            kind: "table".to_owned(),
            strict: true,
            columns: catalog::columns(tx, &args[..1]).await?,
            indexes: catalog::indexes(tx, &args).await?,
            references,
            rights,
            ..Table::default()
        };
        tables.push(ListedTable { name, definition, rows: 0 });
    }
    Ok(tables)
}
