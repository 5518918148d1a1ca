//! Ids for new rows. They come from the table's sequence, because other programs use it too. It can be behind: a
//! program may have inserted rows with ids of its own, or set it back.

use crate::db::{Arg, DbError, NumberedTable, Tx};

/// How many numbers are drawn at most to bring a sequence up to the highest id: about a second's worth.
const MAX_DRAWN: i64 = 1_000_000;

/// Inserts rows with ids from the table's sequence. If the sequence is behind, numbers are drawn until it has caught
/// up: `setval` could set it back for another program that draws at the same time.
pub(in crate::db) async fn insert_numbered(
    tx: &Tx<'_>,
    table: &NumberedTable,
    columns: &[&str],
    rows: &[Vec<Arg>],
    above: i64,
) -> Result<Vec<i64>, DbError> {
    if !rows.is_empty() {
        catch_up(tx, table, above).await?;
    }
    let (name, id) = (&table.qualified, table.quoted_id());
    let places: Vec<_> = (1..=columns.len()).map(|place| format!("${place}")).collect();
    let sql = if columns.is_empty() {
        format!("insert into {name} default values returning cast({id} as bigint)")
    } else {
        let (columns, places) = (columns.join(", "), places.join(", "));
        format!("insert into {name} ({columns}) values ({places}) returning cast({id} as bigint)")
    };
    let given = tx.query_each(&sql, rows, |row| row.opt_int(0)).await?;
    let ids: Option<Vec<_>> = given.into_iter().map(|row| row.into_iter().flatten().next()).collect();
    ids.ok_or_else(|| DbError::Constraint("the table does not assign ids to new rows".to_owned()))
}

async fn catch_up(tx: &Tx<'_>, table: &NumberedTable, above: i64) -> Result<(), DbError> {
    // A sequence that this role cannot read is assumed to be right. The highest id is the last entry of the key; with
    // a cast inside `max`, it would read every row.
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let (name, table, key) =
        (&table.qualified, literal(&table.catalog_name), (table.quoted_id(), literal(&table.id)));
    let (id, column) = key;
    let sql = format!(
        "select cast(s.seq as text), s.highest - s.last from (select n.seq, \
         greatest(cast($1 as bigint), coalesce(cast((select max({id}) from {name}) as bigint), 0)) as highest, \
         case when has_sequence_privilege(n.seq, 'usage') then coalesce(pg_sequence_last_value(n.seq), 0) end as last \
         from (select to_regclass(pg_get_serial_sequence({table}, {column})) as seq) n where n.seq is not null) s \
         where s.last < s.highest"
    );
    let behind = tx.query(&sql, &[above.into()], |row| Ok((row.text(0)?, row.int(1)?))).await?;
    for (sequence, gap) in behind.into_iter().filter(|(_, gap)| *gap <= MAX_DRAWN) {
        let sql =
            "select max(nextval(cast($1 as text)::regclass)) from generate_series(1, cast($2 as bigint))";
        tx.query(sql, &[sequence.into(), gap.into()], |row| row.opt_int(0)).await?;
    }
    Ok(())
}
