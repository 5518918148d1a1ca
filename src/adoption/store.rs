//! The SQL of adoption: checks of existing tables, the statements that turn an existing `student_courses` into ours,
//! and the statements that problems suggest to the owner.

use super::columns::{indexes_to_keep, may_hold_ids, to_carry as columns_to_carry};
use super::problem::AdoptionProblem;
use crate::clock::Stamp;
use crate::db::catalog::{self, Column, Table, quoted};
use crate::db::{DbError, Row, Tx};

/// Holds the rows of an existing `student_courses` while ours is created. A copy, not a rename: a rename would
/// rewrite the views and triggers of other programs.
pub(super) const FOUND_COPY: &str = "matricula_found_student_courses";
/// How many rows a refusal lists.
pub(super) const MAX_SHOWN: i64 = 20;
/// The largest safe integer of JavaScript.
const MAX_ID: i64 = (1 << 53) - 1;

pub(super) async fn count(tx: &Tx<'_>, table: &str) -> Result<i64, DbError> {
    let rows = tx.query(&format!("select count(*) from {table}"), &[], |row: &Row<'_>| row.int(0)).await?;
    Ok(rows.into_iter().sum())
}

/// Rows of `students` or `courses` with an id that we cannot use.
pub(super) async fn unusable_ids(tx: &Tx<'_>, table: &str) -> Result<Option<AdoptionProblem>, DbError> {
    let what = format!("{table} has ids that are not whole numbers from 1 to {MAX_ID}:");
    let (wrong, id) = (not_a_key(tx, "id"), catalog::display_expr(tx, "id"));
    offending(
        tx,
        what,
        &format!("select 'id ' || {id}, count(*) over () from {table} where {wrong} order by id"),
    )
    .await
}

/// Rows of an existing `student_courses` that ours could not hold; `served` are the tables that they refer to.
pub(super) async fn unusable_rows(
    tx: &Tx<'_>,
    served: &[(&str, Option<Table>)],
) -> Result<Vec<AdoptionProblem>, DbError> {
    let mut checks = Vec::new();
    for column in ["id", "student_id", "course_id"] {
        checks.push((
            format!("rows without a usable {column} (a whole number from 1 to {MAX_ID})"),
            not_a_key(tx, column),
        ));
    }
    checks.push((
        "the same id more than once".to_owned(),
        "id in (select id from student_courses group by id having count(*) > 1)".to_owned(),
    ));
    checks.push((
        "the same student and course more than once".to_owned(),
        "(student_id, course_id) in (select student_id, course_id from student_courses \
         group by student_id, course_id having count(*) > 1)"
            .to_owned(),
    ));
    for ((name, table), column) in served.iter().zip(["student_id", "course_id"]) {
        let missing = match table {
            None => "1 = 1".to_owned(),
            Some(table) if may_hold_ids(table, "id") => {
                format!("not exists (select 1 from {name} where {name}.id = student_courses.{column})")
            }
            // That table is refused itself, so its rows cannot be compared.
            Some(_) => continue,
        };
        checks.push((
            format!("rows whose {column} is not in {name}"),
            format!("{column} is not null and {missing}"),
        ));
    }
    let mut problems = Vec::new();
    let [id, student, course] =
        ["id", "student_id", "course_id"].map(|column| catalog::display_expr(tx, column));
    for (what, condition) in checks {
        let sql = format!(
            "select 'id ' || {id} || ', student_id ' || {student} || ', course_id ' || {course}, \
             count(*) over () from student_courses where {condition} order by student_id, course_id, id"
        );
        problems.extend(offending(tx, format!("student_courses has {what}:"), &sql).await?);
    }
    Ok(problems)
}

async fn offending(tx: &Tx<'_>, what: String, sql: &str) -> Result<Option<AdoptionProblem>, DbError> {
    let found = tx
        .query(&format!("{sql} limit {MAX_SHOWN}"), &[], |row: &Row<'_>| Ok((row.text(0)?, row.int(1)?)))
        .await?;
    Ok(found.first().map(|&(_, total)| total).map(|total| AdoptionProblem {
        what,
        rows: found.into_iter().map(|(row, _)| row).collect(),
        total,
        remedy: None,
    }))
}

fn not_a_key(tx: &Tx<'_>, column: &str) -> String {
    format!("not ({} and {column} between 1 and {MAX_ID})", catalog::is_whole_number(tx, column))
}

pub(super) fn copy_found() -> Vec<String> {
    vec![
        format!("create table {FOUND_COPY} as select * from student_courses;"),
        "drop table student_courses;".to_owned(),
    ]
}

/// Statements that fill our `student_courses` from the copy and start the log with its rows.
pub(super) async fn adopt_rows(
    tx: &Tx<'_>,
    found: &Table,
    rows: i64,
    now: &Stamp,
) -> Result<Vec<String>, DbError> {
    let carried = columns_to_carry(found);
    // The triggers leave these rows out, as those of a batch.
    let mut statements = vec!["update log_head set in_batch = 1 where id = 1;".to_owned()];
    statements.extend(carried.iter().map(|column| add_column(found, column)));
    let extra =
        carried.iter().map(|column| format!(", {}", quoted(&column.name))).collect::<Vec<_>>().concat();
    statements.push(format!(
        "insert into student_courses (id, student_id, course_id, enrolled_at{extra})\n\
         select id, student_id, course_id, '{now}'{extra} from {FOUND_COPY} order by id;"
    ));
    statements.push(format!("drop table {FOUND_COPY};"));
    statements
        .extend(indexes_to_keep(found).filter_map(|index| Some(format!("{};", index.definition.as_ref()?))));
    statements.extend(found.restores.iter().cloned());
    statements.push(format!(
        "insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data)\n\
         select row_number() over (order by id), '{now}', 'enrollment.adopted', student_id, course_id, id, \
         'migration', null, '{{}}'\nfrom student_courses order by id;"
    ));
    let highest =
        tx.query("select max(id) from student_courses", &[], |row: &Row<'_>| row.opt_int(0)).await?;
    // Ids that the existing table had assigned to rows deleted since are not reused either.
    let assigned = catalog::last_assigned_id(tx, "student_courses").await?.filter(|number| *number <= MAX_ID);
    let last = highest.into_iter().flatten().chain(assigned).max().unwrap_or(0);
    let at = if rows == 0 { "" } else { now.as_str() };
    statements.push(format!(
        "update log_head set last_seq = {rows}, last_enrollment_id = {last}, last_at = '{at}', in_batch = 0 where id = 1;"
    ));
    Ok(statements)
}

/// Adds an extra column as it was, except that a required one without a default becomes optional.
fn add_column(found: &Table, column: &Column) -> String {
    let default = column.default.as_ref().map(|default| {
        let required =
            if column.required && !default.eq_ignore_ascii_case("null") { " not null" } else { "" };
        format!("{required} default ({default})")
    });
    let reference = found
        .references
        .iter()
        .find(|reference| reference.column.eq_ignore_ascii_case(&column.name))
        .map(|reference| format!(" {}", reference.clause));
    format!(
        "alter table student_courses add column {} {}{}{};",
        quoted(&column.name),
        column.kind,
        default.unwrap_or_default(),
        reference.unwrap_or_default()
    )
}

pub(super) fn add_text_column(table: &str, column: &str) -> String {
    format!("alter table {table} add column {column} text not null default '';")
}

pub(super) fn create_key(table: &str) -> String {
    format!("create unique index {table}_id on {table} (id);")
}

pub(super) fn rename(from: &str, to: &str) -> String {
    format!("alter table student_courses rename column {from} to {to};")
}

pub(super) fn grant(right: &str, table: &str, role: &str) -> String {
    format!("grant {right} on {table} to {role};")
}

pub(super) fn set_owner(role: &str) -> String {
    format!("alter table student_courses owner to {role};")
}
