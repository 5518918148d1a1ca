//! Lists the tables of a file.

use super::catalog;
use crate::db::catalog::{ListedTable, Rights, Table};
use crate::db::{DbError, Row, Tx};

/// The ordinary tables, by name, without their numbers of rows.
///
/// # Errors
/// When the catalog cannot be read.
pub(in crate::db) async fn tables(tx: &Tx<'_>) -> Result<Vec<ListedTable>, DbError> {
    let names = tx
        .query(
            r"select name from pragma_table_list where schema = 'main' and type = 'table'
            and name not like 'sqlite\_%' escape '\' order by name",
            &[],
            |row: &Row<'_>| row.text(0),
        )
        .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let definition = Table {
            kind: "table".to_owned(),
            columns: catalog::columns(tx, &name).await?,
            indexes: catalog::indexes(tx, &name).await?,
            references: catalog::references(tx, &name).await?,
            rights: Rights { role: String::new(), read: true, refer: true, add: true, own: true },
            ..Table::default()
        };
        tables.push(ListedTable { name, definition, rows: 0 });
    }
    Ok(tables)
}
