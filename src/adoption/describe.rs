//! Describes an existing database in messages.

use super::problem::AdoptionProblem;
use super::store;
use crate::count::{counted, to_i64};
use crate::db::catalog::{self, Name};
use crate::db::migrate::{self, Pending};
use crate::db::{DbError, Tx};

/// The problem that the database has other tables, but lacks `students` or `courses`: the school may be in those other
/// tables, so no empty one is created next to them.
pub(super) async fn other_tables(tx: &Tx<'_>) -> Result<Option<AdoptionProblem>, DbError> {
    let known = migrate::tables(tx);
    let tables = catalog::tables(tx).await?.into_iter().map(|table| table.name);
    let rows: Vec<_> = tables.filter(|name| !known.contains(name)).collect();
    let total = to_i64(rows.len());
    let what = "it has other tables, which may hold the students and courses: `matricula adopt --database ...` looks for \
                them. If it has none, `--new-school` creates the missing tables students and courses, empty. The other tables:";
    Ok((total > 0).then(|| AdoptionProblem { rows, total, ..AdoptionProblem::new(what) }))
}

/// The problem that a mapping names a table that does not exist.
pub(super) async fn unknown_table(tx: &Tx<'_>, part: &str, name: &str) -> Result<AdoptionProblem, DbError> {
    let names: Vec<_> = catalog::tables(tx).await?.into_iter().map(|table| table.name).collect();
    let what = format!("[{part}] table = {name:?}: there is no such table; there are {}", names.join(", "));
    Ok(AdoptionProblem::new(what))
}

/// The problem that a table has foreign keys to rows that do not exist.
pub(super) async fn broken_references(tx: &Tx<'_>, table: &str) -> Result<Option<AdoptionProblem>, DbError> {
    let (rows, total) = catalog::broken_references(tx, table, store::MAX_SHOWN).await?;
    let what = format!("{table} has rows that refer to rows that do not exist:");
    Ok((total > 0).then(|| AdoptionProblem { rows, total, ..AdoptionProblem::new(what) }))
}

/// Describes the content of a table: `2 rows, extra columns phone`.
pub(super) fn content(rows: i64, extra: &[&catalog::Column]) -> String {
    let names: Vec<&str> = extra.iter().map(|column| column.name.as_str()).collect();
    let rows = counted(rows, "row");
    if names.is_empty() { rows } else { format!("{rows}, extra columns {}", names.join(", ")) }
}

/// A problem for each name that a migration needs and that another object has.
pub(super) async fn taken_names(
    tx: &Tx<'_>,
    pending: &[Pending],
    is_new: bool,
) -> Result<Vec<AdoptionProblem>, DbError> {
    let created = pending.iter().flat_map(Pending::creates).map(|(_, name)| name);
    let wanted: Vec<&str> = created.chain([store::FOUND_COPY]).collect();
    let taken = catalog::names(tx).await?.into_iter().filter(|taken| {
        // Indexes of an existing student_courses are dropped with it when it is adopted.
        wanted.contains(&taken.name.as_str()) && !(is_new && taken.table == "student_courses")
    });
    let problem = |Name { name, kind, undo, .. }| {
        AdoptionProblem::new(format!("the name {name} is taken: there is another {kind} with that name"))
            .with_remedy(undo)
    };
    Ok(taken.map(problem).collect())
}
