//! Writes the rows of a batch, in a fixed number of statements.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::assigned::Assigned;
use super::effects::{ColumnChanges, Effects};
use super::log::{ADVANCE_HEAD, END_BATCH, INTO_EVENTS};
use super::rows::{COURSE, COURSE_WITH_CODE, STUDENT, STUDENT_WITH_NUMBER, course, sets, student};
use crate::db::catalog;
use crate::db::{Arg, DbError, Insert, Tx, Write};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::read_only::{ReadOnly, ReadOnlyFields};
use crate::registrar::record::{Course, MAX_ID, Student};
use crate::registrar::records::{Record, RecordField};

/// The fields of students and courses that cannot be written.
pub(super) async fn read_only(tx: &Tx<'_>, tables: &SchoolTables) -> Result<ReadOnly, DbError> {
    Ok(ReadOnly {
        students: read_only_fields::<Student>(tx, &tables.students).await?,
        courses: read_only_fields::<Course>(tx, &tables.courses).await?,
    })
}

async fn read_only_fields<R: Record>(tx: &Tx<'_>, table: &RecordTable) -> Result<ReadOnlyFields, DbError> {
    let computed = catalog::computed_columns(tx, &table.key.catalog_name).await?;
    let fields: Vec<_> = R::FIELDS.iter().map(|field| field.name).collect();
    Ok(ReadOnlyFields::find(table, &fields, R::EXTERNAL_ID, &computed))
}

/// Updates and inserts students and courses.
pub(super) async fn write_records(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    tables: &SchoolTables,
    read_only: &ReadOnly,
) -> Result<Assigned, DbError> {
    update_rows(tx, &tables.students, &effects.students).await?;
    update_rows(tx, &tables.courses, &effects.courses).await?;

    let last_id = "select coalesce(max(student_id), 0) from events where student_id <= $1";
    let known_id = "select student_id from events where student_id = $1 limit 1";
    let used = UsedIds { last_id, known_id };
    let students =
        insert_records(tx, &tables.students, &effects.new_students, &read_only.students, &used).await?;
    let last_id = "select coalesce(max(course_id), 0) from events where course_id <= $1";
    let known_id = "select course_id from events where course_id = $1 limit 1";
    let used = UsedIds { last_id, known_id };
    let courses =
        insert_records(tx, &tables.courses, &effects.new_courses, &read_only.courses, &used).await?;

    let mut assigned = Assigned {
        students,
        courses,
        has_own_numbers: !tables.students.has(Student::EXTERNAL_ID),
        has_own_codes: !tables.courses.has(Course::EXTERNAL_ID),
        ..Assigned::default()
    };
    read_computed_columns(tx, effects, read_only, &mut assigned).await?;
    Ok(assigned)
}

const INTO_STUDENT_COURSES: Insert =
    Insert { table: "student_courses", columns: &["id", "student_id", "course_id", "enrolled_at"] };
const INTO_IMPORTED: Insert =
    Insert { table: "matricula_import_entries", columns: &["import_id", "first_seq", "last_seq"] };
const INTO_WAITLIST: Insert =
    Insert { table: "waitlist", columns: &["student_id", "course_id", "joined_seq", "joined_at"] };

/// Appends the entries to the log, then writes the rows that they are about, and deletes students and courses. In this
/// order, since triggers of other programs may write enrollments too: those that the log does not have are theirs.
/// `head` are the parameters of [`ADVANCE_HEAD`], unless that has been done.
pub(super) async fn write_log_and_rows(
    tx: &Tx<'_>,
    head: Option<Vec<Arg>>,
    entries: Vec<Vec<Arg>>,
    effects: &Effects<'_>,
    tables: &SchoolTables,
) -> Result<(), DbError> {
    let dropped = effects.dropped();
    let (delete_student, delete_course) = (delete_row(&tables.students), delete_row(&tables.courses));
    let written = tx
        .write_in_order(&[
            Write::Change(ADVANCE_HEAD, head.into_iter().collect()),
            Write::Insert(&INTO_EVENTS, entries),
            Write::Delete("delete from student_courses where student_id = $1 and id = $2", dropped.clone()),
            Write::Change("delete from waitlist where student_id = $1 and course_id = $2", effects.left()),
            Write::Change("delete from course_seats where course_id = $1", effects.seats_removed()),
            Write::Change(
                "insert into course_seats \
             (course_id, capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until, group_opens_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (course_id) do update set capacity = excluded.capacity, \
             waitlist_capacity = excluded.waitlist_capacity, opens_at = excluded.opens_at, \
             closes_at = excluded.closes_at, waitlist_closes_at = excluded.waitlist_closes_at, \
             drop_until = excluded.drop_until, \
             group_opens_at = excluded.group_opens_at",
                effects.seats_set(),
            ),
            Write::Insert(&INTO_WAITLIST, effects.waiting()),
            Write::Insert(&INTO_STUDENT_COURSES, effects.enrolled()),
            Write::Insert(&INTO_IMPORTED, effects.imported()),
            Write::Change(
                "update matricula_imports set status = 'applied', done = $1, applied_at = $2, touched_at = $2, not_done = $3 \
                 where id = $4",
                effects.applied_imports.clone(),
            ),
            Write::Change(
                "update matricula_imports set status = 'undone', done = $1, undone_at = $2, touched_at = $2, remaining = $3 \
                 where id = $4",
                effects.undone_imports.clone(),
            ),
            Write::Change(
                "update matricula_seat_change_courses set status = $1, moved_up = moved_up + $2 \
                 where change_id = $3 and course_id = $4",
                effects.seat_changes(),
            ),
            // After the inserts, so that no new row gets the id of one that the log is about to record as deleted.
            Write::Change(&delete_student, sets(&effects.deleted_students)),
            Write::Change(&delete_course, sets(&effects.deleted_courses)),
            Write::Change(END_BATCH, vec![Vec::new()]),
        ])
        .await?;
    let deleted: usize = written.iter().sum();
    if deleted < dropped.len() { verify_dropped(tx, &dropped).await } else { Ok(()) }
}

/// Checks that a row that was not deleted is gone: a trigger of another program may have deleted it first.
async fn verify_dropped(tx: &Tx<'_>, dropped: &[Vec<Arg>]) -> Result<(), DbError> {
    let sql = "select 1 from student_courses where student_id = $1 and id = $2";
    let rows = tx.query_many(sql, dropped, |row| row.int(0)).await?;
    if rows.iter().all(Vec::is_empty) {
        Ok(())
    } else {
        Err(DbError::Constraint("the table student_courses kept the row".to_owned()))
    }
}

/// Reads back the written rows of tables with computed columns.
async fn read_computed_columns(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    read_only: &ReadOnly,
    assigned: &mut Assigned,
) -> Result<(), DbError> {
    if read_only.students.are_computed() {
        let written: Vec<_> = assigned.students.values().chain(effects.students.keys()).copied().collect();
        let sql = if assigned.has_own_numbers { STUDENT } else { STUDENT_WITH_NUMBER };
        let rows = tx.query_many(sql, &sets(&written), student).await?;
        assigned.computed_students = rows.into_iter().flatten().map(|row| (row.id, row)).collect();
    }
    if read_only.courses.are_computed() {
        let written: Vec<_> = assigned.courses.values().chain(effects.courses.keys()).copied().collect();
        let sql = if assigned.has_own_codes { COURSE } else { COURSE_WITH_CODE };
        let rows = tx.query_many(sql, &sets(&written), course).await?;
        assigned.computed_courses = rows.into_iter().flatten().map(|row| (row.id, row)).collect();
    }
    Ok(())
}

/// Writes the changed columns of each row, and no others: rows that change the same columns share a statement.
async fn update_rows<Id: Copy + Into<i64>>(
    tx: &Tx<'_>,
    table: &RecordTable,
    rows: &BTreeMap<Id, ColumnChanges<'_>>,
) -> Result<(), DbError> {
    // An external id may be in a table of ours instead.
    let written = |row: &ColumnChanges<'_>| -> Vec<&str> {
        row.keys().copied().filter(|field| table.column(field).is_some()).collect()
    };
    let together: BTreeSet<Vec<&str>> = rows.values().map(written).filter(|it| !it.is_empty()).collect();
    for fields in together {
        let columns = fields.iter().filter_map(|field| table.column(field));
        let set: Vec<_> = columns.zip(1..).map(|(column, place)| format!("{column} = ${place}")).collect();
        let (name, id) = (&table.key.qualified, table.key.quoted_id());
        let sql =
            format!("update {name} set {} where {id} = cast(${} as bigint)", set.join(", "), set.len() + 1);
        let changing = rows.iter().filter(|(_, changes)| written(changes) == fields);
        let args: Vec<Vec<Arg>> = changing
            .map(|(id, changes)| {
                let values = fields.iter().map(|field| Arg::from(changes[field].map(str::to_owned)));
                values.chain([(*id).into().into()]).collect()
            })
            .collect();
        tx.execute_many(&sql, &args).await?;
    }
    Ok(())
}

fn delete_row(table: &RecordTable) -> String {
    format!("delete from {} where {} = cast($1 as bigint)", table.key.qualified, table.key.quoted_id())
}

/// The fields that a new row gets a value for, and their columns.
fn writable_columns<'t>(
    table: &'t RecordTable,
    fields: &'static [RecordField],
    read_only: &ReadOnlyFields,
) -> Vec<(&'static RecordField, &'t str)> {
    let is_written = |field: &&RecordField| !read_only.generated.iter().any(|one| one == field.name);
    fields.iter().filter(is_written).filter_map(|field| Some((field, table.column(field.name)?))).collect()
}

/// Statements about the ids of records in the log.
struct UsedIds {
    /// The highest id up to `$1`.
    last_id: &'static str,
    /// Whether the id `$1` was used.
    known_id: &'static str,
}

/// Inserts records; returns their ids by their provisional ids. A column for external ids is left to its default in the
/// rows of records that have none.
async fn insert_records<R: Record<Id: Hash + Eq>>(
    tx: &Tx<'_>,
    table: &RecordTable,
    records: &[&R],
    read_only: &ReadOnlyFields,
    used: &UsedIds,
) -> Result<HashMap<R::Id, R::Id>, DbError> {
    let all = writable_columns(table, R::FIELDS, read_only);
    let has_external_id =
        |record: &&R| all.iter().any(|(field, _)| field.is_optional() && record.value(field).is_some());
    let (with, without): (Vec<&R>, Vec<&R>) = records.iter().copied().partition(has_external_id);
    let required: Vec<_> = all.iter().copied().filter(|(field, _)| !field.is_optional()).collect();
    let mut assigned = HashMap::with_capacity(records.len());
    for (records, columns) in [(without, &required), (with, &all)] {
        let ids = insert_rows(tx, table, &records, columns, used).await?;
        assigned.extend(records.iter().map(|record| record.id()).zip(ids.into_iter().map(R::Id::from)));
    }
    Ok(assigned)
}

/// Inserts rows with these columns. Returns their ids, which are above every id in the log.
///
/// # Errors
/// [`DbError::Constraint`] when the table assigns an id that has been used before or is out of range.
async fn insert_rows<R: Record>(
    tx: &Tx<'_>,
    table: &RecordTable,
    records: &[&R],
    columns: &[(&RecordField, &str)],
    used: &UsedIds,
) -> Result<Vec<i64>, DbError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let value = |record: &R, field: &RecordField| Arg::Text(record.value(field).cloned());
    let rows: Vec<Vec<Arg>> = records
        .iter()
        .map(|record| columns.iter().map(|(field, _)| value(record, field)).collect())
        .collect();
    let names: Vec<_> = columns.iter().map(|(_, column)| *column).collect();
    // Ids out of our range (the sweep logs orphaned rows of other programs) have no successor.
    let last: i64 = tx.query(used.last_id, &[MAX_ID.into()], |row| row.int(0)).await?.into_iter().sum();
    let ids = tx.insert_numbered(&table.key, &names, &rows, last).await?;
    // A sequence too far behind to be moved forward may still assign ids that were never used.
    let low_ids: Vec<_> = ids.iter().filter(|id| **id <= last).map(|id| vec![(*id).into()]).collect();
    let known = tx.query_many(used.known_id, &low_ids, |row| row.int(0)).await?;
    let name = &table.key.catalog_name;
    if let Some(id) = known.into_iter().flatten().next() {
        return Err(DbError::Constraint(format!(
            "the table {name} assigns ids that were used before, like {id}: its owner has to move its sequence forward"
        )));
    }
    match ids.iter().find(|id| !(1..=MAX_ID).contains(*id)) {
        Some(id) => Err(DbError::Constraint(format!(
            "the table {name} assigns ids like {id}, which is not from 1 to {MAX_ID}"
        ))),
        None => Ok(ids),
    }
}
