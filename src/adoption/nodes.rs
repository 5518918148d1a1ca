//! Refuses a database whose tables are on several nodes, where a commit is not atomic.

use std::collections::BTreeSet;

use super::error::Reason;
use crate::db::catalog::{self, Spread};
use crate::db::{Tx, migrate};

/// The rest of the refusal: the reason, and what works instead.
const WHY: &str = "matricula keeps all of its tables on one node, because a commit over several can be kept on one and \
    lost on another: a seat would be sold twice. What works is one institution, one schema, one node. In Citus that is \
    sharding by schema (set citus.enable_schema_based_sharding to on; create schema ...), or tables that are not \
    distributed (select undistribute_table('...', cascade_via_foreign_keys => true))";

/// Checks that all of our tables, and the existing ones, are on the same node.
pub(super) async fn on_one(tx: &Tx<'_>) -> Result<(), Reason> {
    let tables = migrate::tables(tx);
    let names: Vec<_> = tables.iter().map(String::as_str).collect();
    let spread = catalog::spread(tx, &names).await?;
    let nodes: BTreeSet<_> = spread.iter().flat_map(|table| &table.nodes).collect();
    if nodes.len() < 2 {
        return Ok(());
    }
    let told: Vec<_> = spread.iter().map(told).collect();
    Err(Reason::Unusable(format!("its tables lie on several nodes ({}). {WHY}", told.join("; "))))
}

fn told(table: &Spread) -> String {
    let nodes: Vec<_> = table.nodes.iter().map(ToString::to_string).collect();
    let nodes = nodes.join(", ");
    let name = &table.table;
    match table.nodes.as_slice() {
        [_] => format!("{name} on node {nodes}"),
        _ if table.is_sharded => format!("{name} divided over the nodes {nodes}"),
        _ => format!("{name} copied to the nodes {nodes}"),
    }
}
