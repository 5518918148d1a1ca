//! Ids for new rows. By default, a table with a plain `integer primary key` reuses the id of its last row once that
//! row is deleted.

use super::HAS_TABLE;
use crate::db::{Arg, DbError, NumberedTable, Tx};

/// Inserts rows with ids above `above`, above the highest in the table, and above the highest that `autoincrement`
/// has assigned.
pub(in crate::db) async fn insert_numbered(
    tx: &Tx<'_>,
    table: &NumberedTable,
    columns: &[&str],
    rows: &[Vec<Arg>],
    above: i64,
) -> Result<Vec<i64>, DbError> {
    let mut last = above.max(number(tx, &highest(&table.quoted_id(), &table.qualified), &[]).await?);
    if number(tx, HAS_TABLE, &["sqlite_sequence".into()]).await? == 1 {
        let sql =
            "select coalesce(max(cast(seq as bigint)), 0) from sqlite_sequence where lower(name) = lower($1)";
        last = last.max(number(tx, sql, &[table.catalog_name.as_str().into()]).await?);
    }
    let out_of_range = || DbError::Constraint(format!("the table {} has no ids left", table.catalog_name));
    let end =
        i64::try_from(rows.len()).ok().and_then(|rows| last.checked_add(rows)).ok_or_else(out_of_range)?;
    let ids: Vec<_> = (last + 1..=end).collect();
    let places: Vec<_> = (1..=columns.len() + 1).map(|place| format!("${place}")).collect();
    let id = table.quoted_id();
    let names = [&[id.as_str()], columns].concat().join(", ");
    let sql = format!("insert into {} ({names}) values ({})", table.qualified, places.join(", "));
    let numbered: Vec<_> =
        ids.iter().zip(rows).map(|(id, row)| [vec![(*id).into()], row.clone()].concat()).collect();
    tx.execute_many(&sql, &numbered).await?;
    Ok(ids)
}

/// Reads only the last entry of the key; with a cast inside `max`, it would read every row.
fn highest(id: &str, table: &str) -> String {
    format!("select coalesce(cast(max({id}) as bigint), 0) from {table}")
}

async fn number(tx: &Tx<'_>, sql: &str, args: &[Arg]) -> Result<i64, DbError> {
    Ok(tx.query(sql, args, |row| row.int(0)).await?.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_row_does_not_cause_a_table_scan() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for key in ["id integer primary key", "id bigint primary key", "id int unique"] {
            connection
                .execute_batch(&format!(
                    "drop table if exists students; create table students ({key}, name text)"
                ))
                .unwrap();
            let plan = format!("explain query plan {}", highest("id", "students"));
            let plan: String = connection.query_row(&plan, [], |row| row.get("detail")).unwrap();
            assert!(plan.starts_with("SEARCH students"), "{key}: {plan}");
        }
    }
}
