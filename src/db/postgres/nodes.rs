//! The nodes of a Citus cluster on which tables are stored.

use crate::db::catalog::TableNodes;
use crate::db::{DbError, Row, Tx};

/// A row for each table and node: the distribution method, and the node's group. A table that Citus does not know is
/// on the node of the connection.
const TABLE_NODES: &str = "select distinct cast(name as text), coalesce(cast(p.partmethod as text), ''), \
    coalesce(cast(placed.groupid as bigint), {{local}}) \
    from unnest(cast(string_to_array($1, ' ') as text[])) as ours (name) \
    left join pg_dist_partition p on p.logicalrelid = to_regclass(name) \
    left join pg_dist_shard s on s.logicalrelid = p.logicalrelid \
    left join pg_dist_placement placed on placed.shardid = s.shardid and placed.shardstate = 1 \
    where to_regclass(name) is not null order by 1, 3";
const LOCAL_NODE: &str = "coalesce((select cast(max(groupid) as bigint) from pg_dist_local_group), 0)";

/// Whether the table is, or would be, distributed by Citus, which allows no triggers then.
pub(in crate::db) async fn is_distributed(tx: &Tx<'_>, table: &str) -> Result<bool, DbError> {
    for (catalog, sql) in [
        ("pg_dist_partition", "select 1 from pg_dist_partition where logicalrelid = to_regclass($1)"),
        (
            "pg_dist_schema",
            "select 1 from pg_dist_schema where schemaid = to_regnamespace(quote_ident(current_schema())) and $1 <> ''",
        ),
    ] {
        if tx.has_table(catalog).await? && !tx.query(sql, &[table.into()], |row| row.int(0)).await?.is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The nodes on which these tables are stored; empty if the server is not a cluster.
pub(in crate::db) async fn table_nodes(tx: &Tx<'_>, tables: &[&str]) -> Result<Vec<TableNodes>, DbError> {
    for catalog in ["pg_dist_partition", "pg_dist_shard", "pg_dist_placement"] {
        if !tx.has_table(catalog).await? {
            return Ok(Vec::new());
        }
    }
    let local = if tx.has_table("pg_dist_local_group").await? { LOCAL_NODE } else { "0" };
    let sql = TABLE_NODES.replace("{{local}}", local);
    let place = |row: &Row<'_>| Ok((row.text(0)?, row.text(1)?, row.int(2)?));
    let mut placements: Vec<TableNodes> = Vec::new();
    for (table, method, node) in tx.query(&sql, &[tables.join(" ").into()], place).await? {
        match placements.last_mut().filter(|last| last.table == table) {
            Some(last) => last.nodes.push(node),
            None => placements.push(TableNodes {
                table,
                is_sharded: !["", "n"].contains(&method.as_str()),
                nodes: vec![node],
            }),
        }
    }
    Ok(placements)
}
