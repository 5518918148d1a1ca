//! Checks the tables of students and courses that a mapping names.

use super::columns::{extra_columns, may_hold_ids};
use super::describe::{content, unknown_table};
use super::problem::AdoptionProblem;
use super::{recognize, store};
use crate::db::catalog;
use crate::db::{DbError, Tx};
use crate::mapping::{RecordMapping, RecordTable, Source};

/// A table that a mapping names.
pub(super) struct MappedTable {
    pub(super) table: RecordTable,
    /// What is remarkable about it, one per line.
    pub(super) found: Vec<String>,
}

/// Finds and checks the table of students or courses; `part` is the mapping's part. All problems at once.
pub(super) async fn mapped_table(
    tx: &Tx<'_>,
    part: &str,
    mapping: &RecordMapping,
) -> Result<Result<MappedTable, Vec<AdoptionProblem>>, DbError> {
    let name = catalog::table_name(tx, &mapping.table).await?;
    let Some(definition) = catalog::table(tx, &name.catalog).await? else {
        return Ok(Err(vec![unknown_table(tx, part, &mapping.table).await?]));
    };
    let table = RecordTable::from_mapping(mapping, &definition, name);
    let id = table.key.id.as_str();
    let mut problems = recognize::check_key(&mapping.table, id, &definition);
    for (field, source) in &table.fields {
        if let Source::Expression(expression) = source {
            problems.extend(check_expression(tx, part, field, expression, &table.key.qualified).await?);
        }
    }
    if may_hold_ids(&definition, id) {
        let (from, key) = (&table.key.qualified, table.key.quoted_id());
        problems.extend(store::unusable_ids(tx, &mapping.table, from, &key).await?);
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let known: Vec<_> = std::iter::once(id).chain(mapping.fields.values().map(String::as_str)).collect();
    let rows = store::count(tx, &table.key.qualified).await?;
    let content = content(rows, &extra_columns(&definition, &known));
    let mut found = vec![format!("{part}: the table {}, {content}, will not be changed", mapping.table)];
    found.extend(recognize::remarks(&mapping.table, id, &known[1..], &definition));
    Ok(Ok(MappedTable { table, found }))
}

async fn check_expression(
    tx: &Tx<'_>,
    part: &str,
    key: &str,
    expression: &str,
    table: &str,
) -> Result<Option<AdoptionProblem>, DbError> {
    let fault = store::fault_of_expression(tx, table, expression).await?;
    Ok(fault.map(|why| {
        AdoptionProblem::new(format!(
            "[{part}] {key} = {expression:?} is neither a column of the table nor an expression over its columns: {why}"
        ))
    }))
}
