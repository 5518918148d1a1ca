//! Reads the rows of a proposal: samples as they would appear, and what the questions are about.

use super::proposal::{SampleCourse, SampleEnrollment, SampleStudent, Samples};
use crate::db::catalog::{self, ListedTable, plain_or_quoted, quoted};
use crate::db::{DbError, Map, Row, Tx};
use crate::mapping::{COURSE_CODE, EnrollmentsMapping, Mapping, RecordMapping, STUDENT_NUMBER};

/// How many different values of a column are read.
pub(super) const MAX_VALUES: i64 = 10;

/// A value as an SQL literal, and how many rows have it.
pub(super) type Value = (String, i64);

/// A row of each part that has a table.
pub(super) async fn samples(
    tx: &Tx<'_>,
    tables: &[ListedTable],
    mapping: &Mapping,
) -> Result<Samples, DbError> {
    let fields = ["name", "email", STUDENT_NUMBER];
    let student = record(tx, tables, mapping.students.as_ref(), fields, |row: &Row<'_>| {
        let (name, email, number) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
        Ok(SampleStudent { id: row.int(0)?, name, email, number })
    });
    let fields = ["name", "level", COURSE_CODE];
    let course = record(tx, tables, mapping.courses.as_ref(), fields, |row: &Row<'_>| {
        let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
        Ok(SampleCourse { id: row.int(0)?, name, level, code })
    });
    let (student, course) = (student.await?, course.await?);
    let enrollment = match &mapping.enrollments {
        Some(rows) => enrollment(tx, rows).await?,
        None => None,
    };
    Ok(Samples { student, course, enrollment })
}

async fn record<T>(
    tx: &Tx<'_>,
    tables: &[ListedTable],
    record: Option<&RecordMapping>,
    fields: [&str; 3],
    map: Map<T>,
) -> Result<Option<T>, DbError> {
    let Some(record) = record else { return Ok(None) };
    let Some(table) = tables.iter().find(|table| table.name == record.table) else { return Ok(None) };
    let columns = fields.map(|field| {
        let value = record.fields.get(field);
        value.map_or_else(
            || "cast(null as text)".to_owned(),
            |value| format!("cast({} as text)", source(table, value)),
        )
    });
    let id = quoted(&record.id);
    let sql = format!(
        "select {id}, {} from {} where {} order by {id} limit 1",
        columns.join(", "),
        quoted(&table.name),
        catalog::is_whole_number(tx, &id)
    );
    Ok(tx.query(&sql, &[], map).await?.pop())
}

async fn enrollment(tx: &Tx<'_>, rows: &EnrollmentsMapping) -> Result<Option<SampleEnrollment>, DbError> {
    let [student, course] = [&rows.student_id, &rows.course_id].map(|column| quoted(column));
    let at = rows.enrolled_at.as_ref().map_or_else(|| "null".to_owned(), |column| quoted(column));
    let sql = format!(
        "select {student}, {course}, cast({at} as text) from {} where {} and {} order by 1, 2 limit 1",
        quoted(&rows.table),
        catalog::is_whole_number(tx, &student),
        catalog::is_whole_number(tx, &course)
    );
    let sample = |row: &Row<'_>| {
        Ok(SampleEnrollment {
            student_id: row.int(0)?,
            course_id: row.int(1)?,
            enrolled_at: row.opt_text(2)?,
        })
    };
    Ok(tx.query(&sql, &[], sample).await?.pop())
}

/// A value of a mapping as SQL: a column if the table has one of exactly that name, else an expression.
fn source(table: &ListedTable, value: &str) -> String {
    let is_column = table.definition.columns.iter().any(|column| column.name == value);
    if is_column { quoted(value) } else { format!("({value})") }
}

/// The most frequent values of a column, at most one more than [`MAX_VALUES`].
pub(super) async fn values(tx: &Tx<'_>, table: &str, column: &str) -> Result<Vec<Value>, DbError> {
    let (table, column) = (quoted(table), quoted(column));
    let literal = catalog::literal_expr(tx, &column);
    let sql = format!(
        "select coalesce({literal}, 'NULL'), count(*) from {table} group by {column} order by 2 desc, 1 limit {}",
        MAX_VALUES + 1
    );
    tx.query(&sql, &[], |row: &Row<'_>| Ok((row.text(0)?, row.int(1)?))).await
}

/// How many values of a column are there more than once, without null and the empty text.
pub(super) async fn repeated_values(tx: &Tx<'_>, table: &str, column: &str) -> Result<i64, DbError> {
    let (table, value) = (quoted(table), format!("cast({} as text)", quoted(column)));
    let sql = format!(
        "select count(*) from (select 1 from {table} where {value} <> '' group by {value} having count(*) > 1) repeated"
    );
    count(tx, &sql).await
}

/// How many rows have a value in a column.
pub(super) async fn filled(tx: &Tx<'_>, table: &str, column: &str) -> Result<i64, DbError> {
    let sql = format!("select count({}) from {}", quoted(column), quoted(table));
    count(tx, &sql).await
}

/// How many rows of enrollments name a student or a course that does not exist.
pub(super) async fn dangling(tx: &Tx<'_>, mapping: &Mapping) -> Result<i64, DbError> {
    let Some(rows) = &mapping.enrollments else { return Ok(0) };
    let missing = |record: &Option<RecordMapping>, column: &str| {
        let Some(record) = record else { return format!("link.{} is not null", quoted(column)) };
        format!(
            "not exists (select 1 from {} found where found.{} = link.{})",
            quoted(&record.table),
            quoted(&record.id),
            quoted(column)
        )
    };
    let sql = format!(
        "select count(*) from {} link where {} or {}",
        quoted(&rows.table),
        missing(&mapping.students, &rows.student_id),
        missing(&mapping.courses, &rows.course_id)
    );
    count(tx, &sql).await
}

/// How many pairs of a student and a course are there more than once.
pub(super) async fn repeated_pairs(tx: &Tx<'_>, rows: &EnrollmentsMapping) -> Result<i64, DbError> {
    let [student, course] = [&rows.student_id, &rows.course_id].map(|column| quoted(column));
    let sql = format!(
        "select count(*) from (select 1 from {} where {student} is not null and {course} is not null \
         group by {student}, {course} having count(*) > 1) pairs",
        quoted(&rows.table)
    );
    count(tx, &sql).await
}

async fn count(tx: &Tx<'_>, sql: &str) -> Result<i64, DbError> {
    Ok(tx.query(sql, &[], |row: &Row<'_>| row.int(0)).await?.into_iter().sum())
}

/// A condition that leaves out rows whose student or course does not exist. It works on every table with these columns.
pub(super) fn existing_only(mapping: &Mapping, rows: &EnrollmentsMapping) -> String {
    let one = |record: &RecordMapping, column: &str| {
        let [column, id, table] = [column, &record.id, &record.table].map(plain_or_quoted);
        format!("{column} in (select {id} from {table})")
    };
    let sides = [(&mapping.students, &rows.student_id), (&mapping.courses, &rows.course_id)];
    let conditions = sides.iter().filter_map(|(record, column)| Some(one(record.as_ref()?, column)));
    conditions.collect::<Vec<_>>().join(" and ")
}

/// A condition that keeps the first row of each pair, by the number `id` that tells the rows apart.
pub(super) fn first_of_each_pair(rows: &EnrollmentsMapping, id: &str) -> String {
    let [id, table, student, course] =
        [id, &rows.table, &rows.student_id, &rows.course_id].map(plain_or_quoted);
    format!("{id} in (select min({id}) from {table} group by {student}, {course})")
}
