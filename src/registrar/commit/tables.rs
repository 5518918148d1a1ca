//! Writes the rows of a batch, in a fixed number of statements.

use std::collections::{BTreeMap, HashMap};

use super::effects::{Assigned, ColumnChanges, Effects};
use super::rows::{COURSE, STUDENT, course, sets, student};
use crate::db::catalog;
use crate::db::{Arg, DbError, Tx};
use crate::registrar::facts::ReadOnlyColumns;
use crate::registrar::record::{CourseId, MAX_ID, StudentId};

/// The columns of `students` and `courses` that the database computes.
pub(super) async fn read_only(tx: &Tx<'_>) -> Result<ReadOnlyColumns, DbError> {
    Ok(ReadOnlyColumns {
        students: catalog::computed_columns(tx, "students").await?,
        courses: catalog::computed_columns(tx, "courses").await?,
    })
}

pub(super) async fn apply_to_tables(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    read_only: &ReadOnlyColumns,
) -> Result<Assigned, DbError> {
    let dropped = effects.dropped();
    tx.execute_many("delete from student_courses where student_id = $1 and id = $2", &dropped).await?;
    tx.execute_many("delete from waitlist where student_id = $1 and course_id = $2", &effects.left()).await?;
    tx.execute_many("delete from course_seats where course_id = $1", &effects.seats_removed()).await?;
    for (columns, sql) in UPDATE_STUDENTS {
        tx.execute_many(sql, &changing(columns, &effects.students)).await?;
    }
    for (columns, sql) in UPDATE_COURSES {
        tx.execute_many(sql, &changing(columns, &effects.courses)).await?;
    }

    let values = effects.new_students.iter().map(|s| [("name", &s.name), ("email", &s.email)]);
    let ids = insert_rows(tx, "students", values, &read_only.students).await?;
    let students: HashMap<_, _> =
        effects.new_students.iter().map(|s| s.id).zip(ids.into_iter().map(StudentId)).collect();
    let values = effects.new_courses.iter().map(|c| [("name", &c.name), ("level", &c.level)]);
    let ids = insert_rows(tx, "courses", values, &read_only.courses).await?;
    let courses: HashMap<_, _> =
        effects.new_courses.iter().map(|c| c.id).zip(ids.into_iter().map(CourseId)).collect();

    tx.execute_many(
        "insert into course_seats (course_id, capacity, waitlist_capacity, opens_at, closes_at) \
         values ($1, $2, $3, $4, $5) on conflict (course_id) do update set capacity = excluded.capacity, \
         waitlist_capacity = excluded.waitlist_capacity, opens_at = excluded.opens_at, closes_at = excluded.closes_at",
        &effects.seats_set(),
    )
    .await?;

    let mut assigned = Assigned { students, courses, ..Assigned::default() };
    read_computed_columns(tx, effects, read_only, &mut assigned).await?;

    // After the inserts, so that no new row gets the id of one that the log is about to record as deleted.
    tx.execute_many("delete from students where id = cast($1 as bigint)", &sets(&effects.deleted_students))
        .await?;
    tx.execute_many("delete from courses where id = cast($1 as bigint)", &sets(&effects.deleted_courses))
        .await?;

    Ok(assigned)
}

/// Reads back the written rows of tables with computed columns.
async fn read_computed_columns(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    read_only: &ReadOnlyColumns,
    assigned: &mut Assigned,
) -> Result<(), DbError> {
    if !read_only.students.is_empty() {
        let written: Vec<_> = assigned.students.values().chain(effects.students.keys()).copied().collect();
        let rows = tx.query_many(STUDENT, &sets(&written), student).await?;
        assigned.computed_students = rows.into_iter().flatten().map(|row| (row.id, row)).collect();
    }
    if !read_only.courses.is_empty() {
        let written: Vec<_> = assigned.courses.values().chain(effects.courses.keys()).copied().collect();
        let rows = tx.query_many(COURSE, &sets(&written), course).await?;
        assigned.computed_courses = rows.into_iter().flatten().map(|row| (row.id, row)).collect();
    }
    Ok(())
}

/// A statement for each set of columns that can change together, so that other columns are not written.
const UPDATE_STUDENTS: [(&[&str], &str); 3] = [
    (&["name"], "update students set name = $1 where id = cast($2 as bigint)"),
    (&["email"], "update students set email = $1 where id = cast($2 as bigint)"),
    (&["email", "name"], "update students set email = $1, name = $2 where id = cast($3 as bigint)"),
];
const UPDATE_COURSES: [(&[&str], &str); 3] = [
    (&["name"], "update courses set name = $1 where id = cast($2 as bigint)"),
    (&["level"], "update courses set level = $1 where id = cast($2 as bigint)"),
    (&["level", "name"], "update courses set level = $1, name = $2 where id = cast($3 as bigint)"),
];

/// The new values and the id of each row that changes exactly these columns.
fn changing<Id: Copy + Into<i64>>(columns: &[&str], rows: &BTreeMap<Id, ColumnChanges<'_>>) -> Vec<Vec<Arg>> {
    let changing = rows.iter().filter(|(_, changes)| changes.keys().copied().eq(columns.iter().copied()));
    let args = |(id, changes): (&Id, &ColumnChanges<'_>)| {
        changes.values().copied().map(Arg::from).chain([(*id).into().into()]).collect()
    };
    changing.map(args).collect()
}

/// Inserts rows without their computed columns. Returns their ids, which are above every id in the log.
///
/// # Errors
/// [`DbError::Constraint`] when the table assigns an id that has been used before or is out of range.
async fn insert_rows<'a>(
    tx: &Tx<'_>,
    table: &'static str,
    rows: impl Iterator<Item = [(&'static str, &'a Option<String>); 2]>,
    read_only: &[String],
) -> Result<Vec<i64>, DbError> {
    let is_writable =
        |(column, _): &(&'static str, &Option<String>)| !read_only.iter().any(|one| one == column);
    let rows: Vec<Vec<_>> = rows.map(|row| row.into_iter().filter(is_writable).collect()).collect();
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns: Vec<_> = first.iter().map(|(column, _)| *column).collect();
    let rows: Vec<Vec<Arg>> =
        rows.iter().map(|row| row.iter().map(|(_, value)| (*value).clone().into()).collect()).collect();
    // Ids out of our range (the sweep logs orphaned rows of other programs) have no successor.
    let last_in_log = match table {
        "students" => "select coalesce(max(student_id), 0) from events where student_id <= $1",
        _ => "select coalesce(max(course_id), 0) from events where course_id <= $1",
    };
    let last: i64 = tx.query(last_in_log, &[MAX_ID.into()], |row| row.int(0)).await?.into_iter().sum();
    let ids = tx.insert_numbered(table, &columns, &rows, last).await?;
    // A sequence too far behind to be moved forward may still assign ids that were never used.
    let known = match table {
        "students" => "select student_id from events where student_id = $1 limit 1",
        _ => "select course_id from events where course_id = $1 limit 1",
    };
    let low_ids: Vec<_> = ids.iter().filter(|id| **id <= last).map(|id| vec![(*id).into()]).collect();
    let known = tx.query_many(known, &low_ids, |row| row.int(0)).await?;
    if let Some(id) = known.into_iter().flatten().next() {
        return Err(DbError::Constraint(format!(
            "the table {table} assigns ids that were used before, like {id}: its owner has to move its sequence forward"
        )));
    }
    match ids.iter().find(|id| !(1..=MAX_ID).contains(*id)) {
        Some(id) => Err(DbError::Constraint(format!(
            "the table {table} assigns ids like {id}, which is not from 1 to {MAX_ID}"
        ))),
        None => Ok(ids),
    }
}
