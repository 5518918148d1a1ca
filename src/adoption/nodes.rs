//! Refuses a database whose tables are on several nodes, where a commit is not atomic.

use std::collections::BTreeSet;

use super::error::MigrateErrorReason;
use crate::db::catalog::{self, TableNodes};
use crate::db::{Tx, migrate};

/// The rest of the message: the reason, and what works instead.
const EXPLANATION: &str = "matricula keeps all of its tables on one node, because a commit over several nodes may be \
    kept on one and lost on another: a seat could be given out twice. Keep each institution in one schema on one node. In Citus, \
    shard by schema (set citus.enable_schema_based_sharding to on; create schema ...), or use tables that are not \
    distributed (select undistribute_table('...', cascade_via_foreign_keys => true))";

/// Checks that all of our tables, and the existing ones, are on the same node.
pub(super) async fn check_single_node(tx: &Tx<'_>) -> Result<(), MigrateErrorReason> {
    let tables = migrate::tables(tx);
    let names: Vec<_> = tables.iter().map(String::as_str).collect();
    let placements = catalog::table_nodes(tx, &names).await?;
    let nodes: BTreeSet<_> = placements.iter().flat_map(|table| &table.nodes).collect();
    if nodes.len() < 2 {
        return Ok(());
    }
    let described: Vec<_> = placements.iter().map(describe).collect();
    Err(MigrateErrorReason::Unusable(format!(
        "its tables are on several nodes ({}). {EXPLANATION}",
        described.join("; ")
    )))
}

fn describe(table: &TableNodes) -> String {
    let nodes: Vec<_> = table.nodes.iter().map(ToString::to_string).collect();
    let nodes = nodes.join(", ");
    let name = &table.table;
    match table.nodes.as_slice() {
        [_] => format!("{name} on node {nodes}"),
        _ if table.is_sharded => format!("{name} divided over the nodes {nodes}"),
        _ => format!("{name} copied to the nodes {nodes}"),
    }
}
