//! Inspects a database and proposes a mapping: foreign keys first, names second. Asks what only the owner can answer.

mod choose;
mod fields;
mod guess;
mod links;
mod names;
mod proposal;
mod questions;
mod store;

pub use self::proposal::{
    OtherLink, Proposal, ProposedLine, Question, RowCounts, SampleCourse, SampleEnrollment, SampleStudent,
    Samples,
};
use self::questions::Mark;
use crate::db::catalog::{self, ListedTable};
use crate::db::{DbError, Tx};
use crate::mapping::{COURSE_CODE, EnrollmentsMapping, Mapping, RecordMapping, STUDENT_NUMBER};

/// Inspects the database in a transaction that the caller drops.
pub(super) async fn inspect(tx: &Tx<'_>) -> Result<Proposal, DbError> {
    let tables = catalog::tables(tx).await?;
    let mut proposal = guess::guess(&tables);
    leave_out_repeated(tx, &mut proposal).await?;
    if let Some(mapping) = proposal.mapping.clone() {
        proposal.samples = store::samples(tx, &tables, &mapping).await?;
        for (part, record) in [("students", &mapping.students), ("courses", &mapping.courses)] {
            if let Some(record) = record {
                proposal.questions.extend(about_record(tx, &tables, part, record).await?);
            }
        }
        if let Some(rows) = &mapping.enrollments {
            proposal.questions.extend(about_enrollments(tx, &tables, &mapping, rows).await?);
        }
    }
    // An answer may need a line of the mapping.
    proposal.fits &= proposal.questions.is_empty();
    // A mapping is still worth it for a column that has the external ids.
    if proposal.fits && !proposal.lines.iter().any(|line| is_external_id(line) && line.value.is_some()) {
        proposal.mapping = None;
        proposal.lines.clear();
    }
    Ok(proposal)
}

fn is_external_id(line: &ProposedLine) -> bool {
    [STUDENT_NUMBER, COURSE_CODE].contains(&line.key)
}

/// Leaves out columns for external ids that have a value twice.
async fn leave_out_repeated(tx: &Tx<'_>, proposal: &mut Proposal) -> Result<(), DbError> {
    let Some(mapping) = &mut proposal.mapping else { return Ok(()) };
    let parts =
        [("students", &mut mapping.students, STUDENT_NUMBER), ("courses", &mut mapping.courses, COURSE_CODE)];
    for (part, record, key) in parts {
        let Some(record) = record else { continue };
        let Some(column) = record.fields.get(key) else { continue };
        let repeated = store::repeated_values(tx, &record.table, column).await?;
        if repeated == 0 {
            continue;
        }
        let values = if repeated == 1 { "1 value is".to_owned() } else { format!("{repeated} values are") };
        let reason = format!("the column {column} looks like it, but {values} there more than once");
        record.fields.remove(key);
        if let Some(line) = proposal.lines.iter_mut().find(|line| (line.part, line.key) == (part, key)) {
            (line.value, line.reason) = (None, reason);
        }
    }
    Ok(())
}

/// The tables that seem to link students and courses, with their numbers of rows.
pub(super) async fn linking_tables(tx: &Tx<'_>) -> Result<Vec<OtherLink>, DbError> {
    let tables = catalog::tables(tx).await?;
    let proposal = guess::guess(&tables);
    let chosen = proposal.mapping.and_then(|mapping| mapping.enrollments).map(|rows| rows.table);
    let chosen = tables.into_iter().filter(|table| Some(&table.name) == chosen.as_ref());
    let chosen = chosen.map(|table| OtherLink { table: table.name, rows: table.rows });
    Ok(chosen.chain(proposal.other_links).collect())
}

async fn about_record(
    tx: &Tx<'_>,
    tables: &[ListedTable],
    part: &'static str,
    record: &RecordMapping,
) -> Result<Vec<Question>, DbError> {
    let mut questions = Vec::new();
    let Some(table) = tables.iter().find(|table| table.name == record.table) else { return Ok(questions) };
    let is_of_users = names::rank(names::Kind::Student, &table.name) == Some(names::USERS);
    for column in &table.definition.columns {
        let (name, column_name) = (table.name.as_str(), column.name.as_str());
        questions.extend(match questions::mark_of_record(column, is_of_users) {
            Some(Mark::Value) => {
                questions::roles(part, name, column_name, &store::values(tx, name, column_name).await?)
            }
            Some(Mark::Time) => {
                questions::deleted(part, name, column_name, store::filled(tx, name, column_name).await?)
            }
            None => None,
        });
    }
    Ok(questions)
}

async fn about_enrollments(
    tx: &Tx<'_>,
    tables: &[ListedTable],
    mapping: &Mapping,
    rows: &EnrollmentsMapping,
) -> Result<Vec<Question>, DbError> {
    let mut questions = Vec::new();
    let Some(table) = tables.iter().find(|table| table.name == rows.table && table.rows > 0) else {
        return Ok(questions);
    };
    for column in &table.definition.columns {
        let name = column.name.as_str();
        questions.extend(match questions::mark_of_enrollment(column) {
            Some(Mark::Value) => questions::status(rows, name, &store::values(tx, &rows.table, name).await?),
            Some(Mark::Time) => questions::ended(rows, name, store::filled(tx, &rows.table, name).await?),
            None => None,
        });
    }
    questions.extend(questions::dangling(mapping, rows, store::dangling(tx, mapping).await?));
    questions.extend(questions::repeated(table, rows, store::repeated_pairs(tx, rows).await?));
    Ok(questions)
}
