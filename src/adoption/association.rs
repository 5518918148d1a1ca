//! Takes over the enrollments that a database already has: rebuilds an existing `student_courses` as ours, or copies the
//! rows of a table with another name.

use super::columns::{self, may_hold_ids};
use super::describe::{broken_references, content, unknown_table};
use super::problem::AdoptionProblem;
use super::store::{FoundRows, Referred};
use super::{recognize, store};
use crate::clock::Stamp;
use crate::count::counted;
use crate::db::catalog::{self, Table, quoted};
use crate::db::{DbError, Tx};
use crate::mapping::{EnrollmentsMapping, SchoolTables};

/// How existing enrollments are taken over, or the problems that prevent it.
#[derive(Default)]
pub(super) struct Takeover {
    /// The lines about it in the report.
    pub(super) found: Vec<String>,
    /// Statements to run before our tables are created.
    pub(super) before: Vec<String>,
    /// Statements to run afterwards.
    pub(super) after: Vec<String>,
    /// The number of rows that become enrollments.
    pub(super) rows: i64,
    /// Whether deleting a student, and whether deleting a course, also deletes their rows (`on delete cascade`).
    pub(super) cascades: [bool; 2],
    pub(super) problems: Vec<AdoptionProblem>,
}

/// Plans to rebuild an existing `student_courses` as ours. `referred`: whether its rows can be compared with the
/// students, and with the courses.
pub(super) async fn rebuild(
    tx: &Tx<'_>,
    table: &Table,
    referred: [Referred; 2],
    school: &SchoolTables,
    mapping: Option<&EnrollmentsMapping>,
    now: &Stamp,
) -> Result<Takeover, DbError> {
    let mut problems = recognize::check_association(table);
    let present: Vec<&str> =
        ["id", "student_id", "course_id"].into_iter().filter(|name| table.column(name).is_some()).collect();
    let rows = FoundRows {
        table: "student_courses".to_owned(),
        from: "student_courses".to_owned(),
        id: present.contains(&"id").then(|| "id".to_owned()),
        student_id: "student_id".to_owned(),
        course_id: "course_id".to_owned(),
        enrolled_at: time_column(tx, table, mapping),
        condition: mapping.and_then(|mapping| mapping.r#where.clone()),
    };
    if let Some(mapping) = mapping {
        problems.extend(misnamed_columns(table, mapping));
        problems.extend(without_times(mapping, rows.enrolled_at.is_some()));
    }
    if rows.condition.is_some() {
        problems.push(AdoptionProblem::new(
            "[enrollments] where: student_courses is rebuilt, so rows that it leaves out would be lost",
        ));
    }
    if present.contains(&"student_id")
        && present.contains(&"course_id")
        && present.iter().all(|name| may_hold_ids(table, name))
    {
        problems.extend(store::unusable_rows(tx, &rows, referred, school).await?);
    }
    let extra = columns::to_carry(table);
    if problems.is_empty() && !extra.is_empty() {
        problems.extend(broken_references(tx, "student_courses").await?);
    }
    if !problems.is_empty() {
        return Ok(Takeover { problems, ..Takeover::default() });
    }
    let count = store::count(tx, "student_courses").await?;
    let time = rows.enrolled_at.as_ref().map_or("the current time", |(column, _)| column.trim_matches('"'));
    let content = content(count, &extra);
    let numbered = if rows.id.is_none() { ", numbered," } else { "" };
    let mut found = vec![format!(
        "student_courses: found, {content}, will be adopted{numbered} with {time} as the time of enrollment"
    )];
    found.extend(extra.iter().filter(|column| columns::needs_value(column)).map(|column| {
        format!("student_courses.{} becomes optional: matricula does not set it", column.name)
    }));
    found.extend(table.remarks.iter().map(|remark| format!("student_courses: {remark}")));
    Ok(Takeover {
        found,
        before: store::copy_found(),
        after: store::adopt_found(tx, table, &rows, now).await?,
        rows: count,
        cascades: cascades(table, ["student_id", "course_id"]),
        problems,
    })
}

/// Plans to copy the rows of a table with another name, which stays as it is.
pub(super) async fn copy(
    tx: &Tx<'_>,
    mapping: &EnrollmentsMapping,
    referred: [Referred; 2],
    school: &SchoolTables,
    now: &Stamp,
) -> Result<Takeover, DbError> {
    let name = catalog::table_name(tx, &mapping.table).await?;
    let Some(table) = catalog::table(tx, &name.catalog).await? else {
        let problem = unknown_table(tx, "enrollments", &mapping.table).await?;
        return Ok(Takeover { problems: vec![problem], ..Takeover::default() });
    };
    let mut problems = Vec::new();
    let mut column = |key: &str, name: &str| {
        let found = table.column(name);
        if found.is_none() {
            problems.push(no_such_column(mapping, key, name));
        }
        found.map(|column| quoted(&column.name))
    };
    let (student_id, course_id) =
        (column("student_id", &mapping.student_id), column("course_id", &mapping.course_id));
    let enrolled_at = mapping.enrolled_at.as_ref().map(|name| column("enrolled_at", name));
    let time = time_column(tx, &table, Some(mapping));
    if enrolled_at.flatten().is_some() {
        problems.extend(without_times(mapping, time.is_some()));
    }
    let from = name.qualified;
    if let Some(condition) = &mapping.r#where {
        let fault = store::fault_of_condition(tx, &from, condition).await?;
        problems.extend(fault.map(|why| {
            AdoptionProblem::new(format!(
                "[enrollments] where = {condition:?} is not a condition on the table: {why}"
            ))
        }));
    }
    let (Some(student_id), Some(course_id)) = (student_id, course_id) else {
        return Ok(Takeover { problems, ..Takeover::default() });
    };
    for name in [&mapping.student_id, &mapping.course_id] {
        if table.strict && table.column(name).is_some_and(|column| !column.is_integer) {
            let what =
                format!("{}.{name} has no whole numbers: only those can be ids for now", mapping.table);
            problems.push(AdoptionProblem::new(what));
        }
    }
    let cascades = cascades(&table, [&mapping.student_id, &mapping.course_id]);
    let table = mapping.table.clone();
    let condition = mapping.r#where.clone();
    let rows = FoundRows { table, from, id: None, student_id, course_id, enrolled_at: time, condition };
    if problems.is_empty() {
        problems.extend(store::unusable_rows(tx, &rows, referred, school).await?);
    }
    if !problems.is_empty() {
        return Ok(Takeover { problems, ..Takeover::default() });
    }
    let (all, taken) = (store::count(tx, &rows.from).await?, store::count_taken(tx, &rows).await?);
    let time = mapping.enrolled_at.as_deref().unwrap_or("the current time");
    let mut found = vec![format!(
        "enrollments: {} of {} will be copied to student_courses, with {time} as the time of enrollment; later changes in \
         {} are not noticed",
        counted(taken, "row"),
        mapping.table,
        mapping.table
    )];
    if all > taken {
        found.push(format!(
            "enrollments: {} of {} left out by where",
            counted(all - taken, "row"),
            mapping.table
        ));
    }
    let after = store::adopt_copied(&rows, now);
    Ok(Takeover { found, after, rows: taken, cascades, ..Takeover::default() })
}

/// Problems for columns of an existing `student_courses` that the mapping does not call by our names, and for a time
/// column that does not exist.
fn misnamed_columns(table: &Table, mapping: &EnrollmentsMapping) -> Vec<AdoptionProblem> {
    let misnamed = |(given, ours): (&String, &str)| {
        let what =
            format!("[enrollments] {ours} = {given:?}: in student_courses this column is called {ours}");
        (!given.eq_ignore_ascii_case(ours)).then(|| AdoptionProblem::new(what))
    };
    let keys = [(&mapping.student_id, "student_id"), (&mapping.course_id, "course_id")];
    let time = mapping.enrolled_at.as_ref().filter(|name| table.column(name).is_none());
    let missing = time.map(|name| no_such_column(mapping, "enrolled_at", name));
    keys.into_iter().filter_map(misnamed).chain(missing).collect()
}

fn no_such_column(mapping: &EnrollmentsMapping, key: &str, name: &str) -> AdoptionProblem {
    let table = &mapping.table;
    AdoptionProblem::new(format!("[enrollments] {key} = {name:?}: the table {table} has no such column"))
}

/// The problem that the mapping names a column for the time of enrollment that has no times.
fn without_times(mapping: &EnrollmentsMapping, has_times: bool) -> Option<AdoptionProblem> {
    let is_named = mapping.enrolled_at.is_some();
    (is_named && !has_times)
        .then(|| AdoptionProblem::new(
            "[enrollments] enrolled_at has no times that can be read: leave it out, or change the type of the column",
        ))
}

/// Whether the foreign keys of these columns have `on delete cascade`.
fn cascades(table: &Table, columns: [&str; 2]) -> [bool; 2] {
    columns.map(|column| {
        let keys = table.references.iter().filter(|key| key.column.eq_ignore_ascii_case(column));
        keys.into_iter().any(|key| key.clause.to_lowercase().contains("on delete cascade"))
    })
}

/// Returns the column with the time of enrollment, and an expression that reads it: the column that the mapping names, or
/// without a mapping the one whose name and type say so.
fn time_column(tx: &Tx<'_>, table: &Table, mapping: Option<&EnrollmentsMapping>) -> Option<(String, String)> {
    let column = match mapping {
        Some(mapping) => table.column(mapping.enrolled_at.as_deref()?),
        // Our column replaces an existing `enrolled_at`, whatever its type.
        None => table.column("enrolled_at").or_else(|| columns::time_of_enrollment(&table.columns)),
    }?;
    let quoted = quoted(&column.name);
    let expr = catalog::stamp_expr(tx, &quoted, &column.kind)?;
    Some((quoted, expr))
}
