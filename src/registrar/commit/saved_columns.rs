//! Extra columns that other programs keep in `student_courses` (a grade, a semester) survive a drop: they are stored
//! with the pair, and given back when the student enrolls in the course again.

use std::collections::{BTreeMap, HashSet};

use super::effects::Effects;
use crate::db::catalog::{self, ExtraColumn};
use crate::db::{Arg, DbError, Tx};
use crate::registrar::record::Enrollment;

/// Stores the further columns of the rows that the batch is about to drop, and deletes what was stored for students and
/// courses that no longer exist. Returns whether anything may be stored now; `has_saved` is whether
/// anything was before.
pub(super) async fn save_dropped(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    has_saved: bool,
) -> Result<bool, DbError> {
    if has_saved {
        let students: Vec<_> = effects.forgotten_students.iter().map(|id| vec![Arg::from(id.0)]).collect();
        tx.change_many("delete from kept_columns where student_id = $1", &students).await?;
        let courses: Vec<_> = effects.forgotten_courses.iter().map(|id| vec![Arg::from(id.0)]).collect();
        tx.change_many("delete from kept_columns where course_id = $1", &courses).await?;
    }
    let (students, courses): (HashSet<_>, HashSet<_>) =
        (effects.forgotten_students.iter().collect(), effects.forgotten_courses.iter().collect());
    let stays = |row: &&&Enrollment| !students.contains(&row.student_id) && !courses.contains(&row.course_id);
    let dropped: Vec<_> = effects.dropped.iter().filter(stays).copied().collect();
    if dropped.is_empty() {
        return Ok(has_saved);
    }
    let columns = extra_columns(tx).await?;
    if columns.is_empty() {
        return Ok(has_saved);
    }
    let stored = if has_saved { stored_names(tx, &dropped).await? } else { vec![Vec::new(); dropped.len()] };
    for column in &columns {
        let mut rows = Vec::with_capacity(dropped.len());
        for (row, stored) in dropped.iter().zip(&stored) {
            if stored.contains(&column.name) && !replaces_stored(tx, row, column, stored).await? {
                continue;
            }
            rows.push(vec![column.name.as_str().into(), row.id.0.into()]);
        }
        tx.execute_many(&insert_value(column), &rows).await?;
    }
    Ok(true)
}

/// Makes room for the value that the row has now, unless that is only what the row was left with when the stored value
/// could not be given back: then the stored value is still the one that counts.
async fn replaces_stored(
    tx: &Tx<'_>,
    row: &Enrollment,
    column: &ExtraColumn,
    stored: &[String],
) -> Result<bool, DbError> {
    let initial = initial(&column.name);
    if stored.contains(&initial) {
        let sql = format!(
            "select 1 from student_courses where ({quoted} is null or {kept} is not distinct from \
             (select k.value from kept_columns k where k.student_id = $1 and k.course_id = $2 and k.name = $3)) and id = $4",
            quoted = column.quoted,
            kept = column.save_expr,
        );
        let args = [pair(row), vec![initial.as_str().into(), row.id.0.into()]].concat();
        if !tx.query(&sql, &args, |row| row.int(0)).await?.is_empty() {
            return Ok(false);
        }
    }
    tx.change_many(DELETE_SAVED, &named(row, [column.name.as_str(), initial.as_str()])).await?;
    Ok(true)
}

/// Gives the stored values back to new enrollments of the same pairs. A value that the table refuses stays stored for
/// the next time: the enrollment matters more.
pub(super) async fn restore(tx: &Tx<'_>, enrolled: &[Enrollment]) -> Result<(), DbError> {
    let rows: Vec<_> = enrolled.iter().collect();
    let stored = stored_names(tx, &rows).await?;
    if stored.iter().all(Vec::is_empty) {
        return Ok(());
    }
    let columns = extra_columns(tx).await?;
    // Rows with the same columns share their statements.
    let mut groups: BTreeMap<Vec<usize>, Vec<&Enrollment>> = BTreeMap::new();
    for (row, stored) in rows.into_iter().zip(&stored) {
        let of_row = (0..columns.len()).filter(|index| stored.contains(&columns[*index].name)).collect();
        groups.entry(of_row).or_default().push(row);
    }
    for (of_rows, rows) in groups.into_iter().filter(|(of_rows, _)| !of_rows.is_empty()) {
        let of_rows: Vec<_> = of_rows.into_iter().map(|index| &columns[index]).collect();
        if restores(tx, &of_rows, &rows).await? {
            continue;
        }
        // One row that the table refuses must not keep the others from theirs.
        for row in rows {
            restore_to(tx, &of_rows, row).await?;
        }
    }
    Ok(())
}

/// Gives one row as many of its columns as the table takes. All at once first, since a rule may span several of them.
async fn restore_to(tx: &Tx<'_>, columns: &[&ExtraColumn], row: &Enrollment) -> Result<(), DbError> {
    if restores(tx, columns, &[row]).await? {
        return Ok(());
    }
    if columns.len() > 1 {
        for at_fault in columns {
            let others: Vec<_> = columns.iter().filter(|column| *column != at_fault).copied().collect();
            if restores(tx, &others, &[row]).await? {
                return refused(tx, at_fault, row).await;
            }
        }
        for column in columns {
            if !restores(tx, &[column], &[row]).await? {
                refused(tx, column, row).await?;
            }
        }
        return Ok(());
    }
    for column in columns {
        refused(tx, column, row).await?;
    }
    Ok(())
}

/// Remembers what the row has in place of the value that was refused, so that the next drop can see whether somebody
/// has written another value in between.
async fn refused(tx: &Tx<'_>, column: &ExtraColumn, row: &Enrollment) -> Result<(), DbError> {
    tracing::warn!(
        column = column.name,
        "a column of a dropped enrollment cannot be given back; its value stays in kept_columns"
    );
    let initial = initial(&column.name);
    tx.change_many(DELETE_SAVED, &named(row, [initial.as_str()])).await?;
    tx.execute_many(&insert_value(column), &[vec![initial.as_str().into(), row.id.0.into()]]).await
}

/// Gives these columns of these rows back, with one statement per row, and deletes the stored values. Returns whether
/// the table accepted them; if not, nothing is changed.
async fn restores(tx: &Tx<'_>, columns: &[&ExtraColumn], rows: &[&Enrollment]) -> Result<bool, DbError> {
    let set = |(index, column): (usize, &&ExtraColumn)| {
        let (quoted, restore_expr, name) = (&column.quoted, &column.restore_expr, index + 3);
        format!(
            "{quoted} = (select {restore_expr} from kept_columns k \
             where k.student_id = $1 and k.course_id = $2 and k.name = ${name})"
        )
    };
    let sets: Vec<_> = columns.iter().enumerate().map(set).collect();
    // SQLite numbers parameters as it meets them.
    let sql = format!("update student_courses set {} where id = ${}", sets.join(", "), columns.len() + 3);
    let names: Vec<Arg> = columns.iter().map(|column| column.name.as_str().into()).collect();
    let args: Vec<_> =
        rows.iter().map(|row| [pair(row), names.clone(), vec![row.id.0.into()]].concat()).collect();
    if !try_write(tx, &sql, &args).await? {
        return Ok(false);
    }
    let initials: Vec<_> = columns.iter().map(|column| initial(&column.name)).collect();
    let names =
        || columns.iter().map(|column| column.name.as_str()).chain(initials.iter().map(String::as_str));
    let given: Vec<_> = rows.iter().flat_map(|row| named(row, names())).collect();
    tx.change_many(DELETE_SAVED, &given).await?;
    Ok(true)
}

/// Whether the table takes this; what it refuses is not written.
async fn try_write(tx: &Tx<'_>, sql: &str, sets: &[Vec<Arg>]) -> Result<bool, DbError> {
    tx.execute_batch("savepoint restore_columns").await?;
    let result = match tx.execute_many(sql, sets).await {
        // Also by what would otherwise be looked at when the batch is committed, which would then fail.
        Ok(()) => tx.execute_batch(catalog::check_now(tx)).await,
        refused => refused,
    };
    let (end, is_written) = match result {
        Ok(()) => ("release savepoint restore_columns", true),
        Err(DbError::Constraint(_)) => {
            ("rollback to savepoint restore_columns; release savepoint restore_columns", false)
        }
        Err(error) => return Err(error),
    };
    tx.execute_batch(end).await?;
    Ok(is_written)
}

/// A statement that stores the column's value in the row `$2` under the name `$1`.
fn insert_value(column: &ExtraColumn) -> String {
    format!(
        "insert into kept_columns (student_id, course_id, name, value) \
         select student_id, course_id, cast($1 as text), {} from student_courses where id = $2",
        column.save_expr
    )
}

/// The name under which `kept_columns` has the value of a row whose stored value was refused.
fn initial(column: &str) -> String {
    format!("{column} (in place of the value that was refused)")
}

/// The names under which something is stored for each row's pair.
async fn stored_names(tx: &Tx<'_>, rows: &[&Enrollment]) -> Result<Vec<Vec<String>>, DbError> {
    let pairs: Vec<_> = rows.iter().map(|row| pair(row)).collect();
    let sql = "select name from kept_columns where student_id = $1 and course_id = $2";
    tx.query_many(sql, &pairs, |row| row.text(0)).await
}

const DELETE_SAVED: &str = "delete from kept_columns where student_id = $1 and course_id = $2 and name = $3";

async fn extra_columns(tx: &Tx<'_>) -> Result<Vec<ExtraColumn>, DbError> {
    catalog::extra_columns(tx, "student_courses", &["id", "student_id", "course_id", "enrolled_at"]).await
}

fn pair(row: &Enrollment) -> Vec<Arg> {
    vec![row.student_id.0.into(), row.course_id.0.into()]
}

/// The arguments of [`DELETE_SAVED`] for these names.
fn named<'n>(row: &Enrollment, names: impl IntoIterator<Item = &'n str>) -> Vec<Vec<Arg>> {
    names.into_iter().map(|name| [pair(row), vec![name.into()]].concat()).collect()
}
