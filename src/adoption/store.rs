//! The SQL of adoption: checks of existing tables, the statements that turn an existing `student_courses` into ours,
//! and the statements that problems suggest to the owner.

use super::columns::{indexes_to_keep, to_carry as columns_to_carry};
use super::problem::AdoptionProblem;
use crate::clock::Stamp;
use crate::db::catalog::{self, Column, Table, plain_or_quoted, quoted};
use crate::db::{DbError, Row, Tx};
use crate::mapping::SchoolTables;

/// Holds the rows of an existing `student_courses` while ours is created. A copy, not a rename: a rename would
/// rewrite the views and triggers of other programs.
pub(super) const FOUND_COPY: &str = "matricula_found_student_courses";
/// How many rows a refusal lists.
pub(super) const MAX_SHOWN: i64 = 20;
/// The largest safe integer of JavaScript.
const MAX_ID: i64 = (1 << 53) - 1;

/// Rows to take over as enrollments.
pub(super) struct FoundRows {
    /// The table, as it is called in the database.
    pub(super) table: String,
    /// The table in a statement.
    pub(super) from: String,
    /// The columns in statements; without an id, the rows are numbered.
    pub(super) id: Option<String>,
    pub(super) student_id: String,
    pub(super) course_id: String,
    /// The time of enrollment: the column, and an expression with the time as it is stored.
    pub(super) enrolled_at: Option<(String, String)>,
    /// Which rows to take over.
    pub(super) condition: Option<String>,
}

/// Whether the table that enrollments refer to can be compared with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Referred {
    /// There is no such table, so no row of it.
    Missing,
    /// The table is refused itself, so its rows cannot be compared.
    Refused,
    /// The table and its key.
    Usable,
}

/// What is wrong with an expression over the columns of a table; `None` if nothing is. In a condition, so that it is one
/// value for each row: no aggregate, no set of rows. It is computed for each row, since it may fail for some, and in a
/// view, which cannot have values of every type.
pub(super) async fn fault_of_expression(
    tx: &Tx<'_>,
    table: &str,
    expression: &str,
) -> Result<Option<String>, DbError> {
    let computed = format!("select count(*) from {table} where ({expression}) is null");
    let view =
        format!("create temporary view matricula_expression as select ({expression}) as value from {table}");
    Ok(match fault_of(tx, expression, &computed).await? {
        None => fault_of(tx, expression, &view).await?,
        fault => fault,
    })
}

/// What is wrong with a condition on the rows of a table; `None` if nothing is.
pub(super) async fn fault_of_condition(
    tx: &Tx<'_>,
    table: &str,
    condition: &str,
) -> Result<Option<String>, DbError> {
    fault_of(tx, condition, &format!("select 1 from {table} where ({condition}) limit 0")).await
}

/// What is wrong with a text, which stands in parentheses in `sql`.
async fn fault_of(tx: &Tx<'_>, text: &str, sql: &str) -> Result<Option<String>, DbError> {
    match fault_of_text(text) {
        Some(fault) => Ok(Some(fault.to_owned())),
        None => Ok(catalog::can_run(tx, sql).await?.err()),
    }
}

/// Why a text cannot stand in parentheses in a statement of ours: it would end them, or it has a parameter, a comment or
/// more than one statement.
fn fault_of_text(text: &str) -> Option<&'static str> {
    let (mut depth, mut quote, mut before, mut before_that) = (0_usize, None, ' ', ' ');
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some("a parenthesis closes that was not opened"),
            (None, ')') => depth -= 1,
            (None, ';') => return Some("it has a semicolon"),
            (None, '?' | '$' | '@') => return Some("it has a parameter"),
            (None, '-') if before == '-' => return Some("it has a comment"),
            (None, '*') if before == '/' => return Some("it has a comment"),
            // A cast is `::`, a parameter `:name`.
            (None, _) if before == ':' && before_that != ':' && character.is_alphabetic() => {
                return Some("it has a parameter");
            }
            (None, '\0') => return Some("it has a NUL character"),
            (_, _) => {}
        }
        (before_that, before) = (before, character);
    }
    if depth > 0 {
        return Some("a parenthesis is not closed");
    }
    quote.map(|_| "a quote is not closed")
}

pub(super) async fn count(tx: &Tx<'_>, table: &str) -> Result<i64, DbError> {
    let rows = tx.query(&format!("select count(*) from {table}"), &[], |row: &Row<'_>| row.int(0)).await?;
    Ok(rows.into_iter().sum())
}

/// Rows of a table of students or courses, which a statement calls `from`, with an `id` that we cannot use.
pub(super) async fn unusable_ids(
    tx: &Tx<'_>,
    table: &str,
    from: &str,
    id: &str,
) -> Result<Option<AdoptionProblem>, DbError> {
    let what = format!("{table} has ids that are not whole numbers from 1 to {MAX_ID}:");
    let (wrong, shown) = (not_a_key(tx, id), catalog::display_expr(tx, id));
    let sql = format!("select 'id ' || {shown}, count(*) over () from {from} where {wrong} order by {id}");
    offending(tx, what, &sql).await
}

/// Rows that ours could not hold; `referred` are the tables of students and of courses.
pub(super) async fn unusable_rows(
    tx: &Tx<'_>,
    rows: &FoundRows,
    referred: [Referred; 2],
    school: &SchoolTables,
) -> Result<Vec<AdoptionProblem>, DbError> {
    let FoundRows { from, student_id, course_id, .. } = rows;
    let taken = taken(rows);
    let ids = rows.id.iter().chain([student_id, course_id]);
    let mut checks: Vec<_> = ids
        .map(|column| {
            let name = column.trim_matches('"');
            let what = format!("rows without a usable {name} (a whole number from 1 to {MAX_ID})");
            (what, not_a_key(tx, column))
        })
        .collect();
    if let Some((column, time)) = &rows.enrolled_at {
        let what = format!("values in {} that are not times", column.trim_matches('"'));
        checks.push((what, format!("{column} is not null and ({time}) is null")));
    }
    if let Some(id) = &rows.id {
        checks.push((
            "the same id more than once".to_owned(),
            format!("{id} in (select {id} from {from} group by {id} having count(*) > 1)"),
        ));
    }
    checks.push((
        "the same student and course more than once".to_owned(),
        format!(
            "({student_id}, {course_id}) in (select {student_id}, {course_id} from {from} where {taken} \
             group by {student_id}, {course_id} having count(*) > 1)"
        ),
    ));
    let keys = [(&school.students, student_id), (&school.courses, course_id)];
    for (referred, (table, column)) in referred.into_iter().zip(keys) {
        let (other, id) = (&table.key.qualified, table.key.quoted_id());
        let missing = match referred {
            Referred::Missing => "1 = 1".to_owned(),
            Referred::Refused => continue,
            Referred::Usable => {
                format!("not exists (select 1 from {other} where {other}.{id} = {from}.{column})")
            }
        };
        let (column_name, table_name) = (column.trim_matches('"'), table.key.catalog_name.trim_matches('"'));
        checks.push((
            format!("rows whose {column_name} is not in {table_name}"),
            format!("{column} is not null and {missing}"),
        ));
    }
    let mut problems = Vec::new();
    let described: Vec<_> = rows
        .id
        .iter()
        .chain([student_id, course_id])
        .map(|column| {
            let name = column.trim_matches('"').replace('\'', "''");
            format!("'{name} ' || {}", catalog::display_expr(tx, column))
        })
        .collect();
    for (what, condition) in checks {
        let sql = format!(
            "select {}, count(*) over () from {from} where {taken} and {condition} order by {student_id}, {course_id}",
            described.join(" || ', ' || "),
        );
        problems.extend(offending(tx, format!("{} has {what}:", rows.table), &sql).await?);
    }
    Ok(problems)
}

/// The condition for rows that are taken over.
fn taken(rows: &FoundRows) -> String {
    rows.condition.as_ref().map_or_else(|| "1 = 1".to_owned(), |condition| format!("({condition})"))
}

/// How many rows are taken over.
pub(super) async fn count_taken(tx: &Tx<'_>, rows: &FoundRows) -> Result<i64, DbError> {
    count(tx, &format!("{} where {}", rows.from, taken(rows))).await
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

/// The migration logs the rows itself, so the triggers of `student_courses` have to leave them out.
const PAUSE_TRIGGERS: &str = "update log_head set in_batch = -1 where id = 1;";

/// Statements that fill our `student_courses` from the copy of an existing one, and start the log with its rows.
pub(super) async fn adopt_found(
    tx: &Tx<'_>,
    found: &Table,
    rows: &FoundRows,
    now: &Stamp,
) -> Result<Vec<String>, DbError> {
    let carried = columns_to_carry(found);
    let mut statements = vec![PAUSE_TRIGGERS.to_owned()];
    statements.extend(carried.iter().map(|column| add_column(found, column)));
    let extra =
        carried.iter().map(|column| format!(", {}", quoted(&column.name))).collect::<Vec<_>>().concat();
    statements.push(insert_rows(rows, FOUND_COPY, &extra, now));
    statements.push(format!("drop table {FOUND_COPY};"));
    statements
        .extend(indexes_to_keep(found).filter_map(|index| Some(format!("{};", index.definition.as_ref()?))));
    statements.extend(found.restores.iter().cloned());
    // Ids that the existing table had assigned to rows deleted since are not reused either.
    let assigned = match rows.id {
        Some(_) => catalog::last_assigned_id(tx, "student_courses").await?.filter(|number| *number <= MAX_ID),
        None => None,
    };
    statements.extend(start_log(assigned.unwrap_or(0)));
    Ok(statements)
}

/// Statements that fill our `student_courses` from another table, and start the log with its rows.
pub(super) fn adopt_copied(rows: &FoundRows, now: &Stamp) -> Vec<String> {
    let mut statements = vec![PAUSE_TRIGGERS.to_owned(), insert_rows(rows, &rows.from, "", now)];
    statements.extend(start_log(0));
    statements
}

fn insert_rows(rows: &FoundRows, from: &str, extra: &str, now: &Stamp) -> String {
    let FoundRows { student_id, course_id, .. } = rows;
    let (id, own_id) = match &rows.id {
        Some(id) => (id.as_str(), format!("{id}, ")),
        None => ("row_number() over (order by at, student, course)", String::new()),
    };
    // A time that is still to come would put the log ahead of the clock.
    let time = match &rows.enrolled_at {
        None => format!("'{now}'"),
        Some(_) => format!("case when at > '{now}' then '{now}' else coalesce(at, '{now}') end"),
    };
    let at = rows.enrolled_at.as_ref().map_or("null", |(_, expr)| expr);
    format!(
        "insert into student_courses (id, student_id, course_id, enrolled_at{extra})\n\
         select {id}, student, course, {time}{extra} from (select {own_id}{student_id} as student, \
         {course_id} as course, {at} as at{extra} from {from} where {}) found order by 1;",
        taken(rows)
    )
}

/// Statements that log each row as adopted, in order of time, and set the head of the log.
fn start_log(last_assigned: i64) -> [String; 2] {
    [
        "insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, request_id, data)\n\
         select row_number() over (order by enrolled_at, id), enrolled_at, 'enrollment.adopted', student_id, course_id, id, \
         'migration', null, '{}'\nfrom student_courses order by enrolled_at, id;"
            .to_owned(),
        format!(
            "update log_head set last_seq = (select count(*) from events), last_enrollment_id = \
             (select case when coalesce(max(id), 0) < {last_assigned} then {last_assigned} else coalesce(max(id), 0) end \
             from student_courses), last_at = (select coalesce(max(at), '') from events), in_batch = 0 where id = 1;"
        ),
    ]
}

/// What a statement of an adoption does, if it takes long for many rows.
pub(super) fn step(statement: &str) -> Option<&'static str> {
    let steps = [
        ("insert into student_courses ", "copying the enrollments"),
        ("insert into events ", "writing the log"),
        ("create index ", "creating an index"),
    ];
    steps.into_iter().find_map(|(start, step)| statement.starts_with(start).then_some(step))
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

pub(super) fn create_key(table: &str, id: &str) -> String {
    format!(
        "create unique index {} on {} ({});",
        plain_or_quoted(&format!("{table}_{id}")),
        plain_or_quoted(table),
        plain_or_quoted(id)
    )
}

pub(super) fn rename(from: &str, to: &str) -> String {
    format!("alter table student_courses rename column {from} to {to};")
}

pub(super) fn grant(right: &str, table: &str, role: &str) -> String {
    format!("grant {right} on {} to {};", plain_or_quoted(table), plain_or_quoted(role))
}

pub(super) fn set_owner(role: &str) -> String {
    format!("alter table student_courses owner to {};", plain_or_quoted(role))
}
