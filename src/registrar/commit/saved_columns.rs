//! Values that other programs store in additional columns of `student_courses` (a grade, a semester) outlive a drop:
//! they are saved for the pair of student and course, and restored when the student enrolls again.

use std::collections::HashSet;

use super::effects::Effects;
use crate::db::catalog::{self, Further};
use crate::db::{Arg, DbError, Tx};
use crate::registrar::record::Enrollment;

/// Saves the additional columns of the enrollments that the batch is about to drop, and deletes those saved for
/// deleted students and courses. Returns whether anything may be saved now; `has_saved` is whether anything was
/// before.
pub(super) async fn save_dropped(
    tx: &Tx<'_>,
    effects: &Effects<'_>,
    has_saved: bool,
) -> Result<bool, DbError> {
    if has_saved {
        let students: Vec<_> = effects.forgotten_students.iter().map(|id| vec![Arg::from(id.0)]).collect();
        delete_saved(tx, "delete from kept_columns where student_id = $1 returning name", &students).await?;
        let courses: Vec<_> = effects.forgotten_courses.iter().map(|id| vec![Arg::from(id.0)]).collect();
        delete_saved(tx, "delete from kept_columns where course_id = $1 returning name", &courses).await?;
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
    let pairs: Vec<_> = dropped.iter().map(|row| pair(row)).collect();
    delete_saved(tx, DELETE_SAVED, &pairs).await?;
    for Further { name, kept, .. } in &columns {
        let sql = format!(
            "insert into kept_columns (student_id, course_id, name, value) \
             select student_id, course_id, cast($1 as text), {kept} from student_courses where id = $2"
        );
        let rows: Vec<_> = dropped.iter().map(|row| vec![name.as_str().into(), row.id.0.into()]).collect();
        tx.execute_many(&sql, &rows).await?;
    }
    Ok(true)
}

/// Restores saved columns to new enrollments. Values that the table does not accept (any more) are left out: the
/// enrollment is more important.
pub(super) async fn restore(tx: &Tx<'_>, enrolled: &[Enrollment]) -> Result<(), DbError> {
    let pairs: Vec<_> = enrolled.iter().map(pair).collect();
    let sql = "select name from kept_columns where student_id = $1 and course_id = $2";
    let saved = tx.query_many(sql, &pairs, |row| row.text(0)).await?;
    let saved: Vec<_> = enrolled.iter().zip(saved).filter(|(_, names)| !names.is_empty()).collect();
    if saved.is_empty() {
        return Ok(());
    }
    for Further { name, quoted, given_back, .. } in extra_columns(tx).await? {
        let sql = format!(
            "update student_courses set {quoted} = (select {given_back} from kept_columns k \
             where k.student_id = $1 and k.course_id = $2 and k.name = $3) where id = $4"
        );
        let args = |row: &Enrollment| [pair(row), vec![name.as_str().into(), row.id.0.into()]].concat();
        let rows = saved.iter().filter(|(_, names)| names.contains(&name));
        let sets: Vec<_> = rows.map(|(row, _)| args(row)).collect();
        if try_write(tx, &sql, &sets).await? {
            continue;
        }
        // One row that is refused must not prevent the others.
        for set in sets {
            if !try_write(tx, &sql, &[set]).await? {
                tracing::warn!(column = name, "a column of a dropped enrollment cannot be restored");
            }
        }
    }
    let pairs: Vec<_> = saved.iter().map(|(row, _)| pair(row)).collect();
    delete_saved(tx, DELETE_SAVED, &pairs).await
}

/// Whether the table accepts the values; if not, none of them is written.
async fn try_write(tx: &Tx<'_>, sql: &str, sets: &[Vec<Arg>]) -> Result<bool, DbError> {
    tx.execute_batch("savepoint restore_columns").await?;
    let result = match tx.execute_many(sql, sets).await {
        // Deferred constraints too: otherwise they would fail the commit of the batch.
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

const DELETE_SAVED: &str = "delete from kept_columns where student_id = $1 and course_id = $2 returning name";

async fn delete_saved(tx: &Tx<'_>, sql: &str, sets: &[Vec<Arg>]) -> Result<(), DbError> {
    tx.query_many(sql, sets, |row| row.text(0)).await.map(drop)
}

async fn extra_columns(tx: &Tx<'_>) -> Result<Vec<Further>, DbError> {
    catalog::further_columns(tx, "student_courses", &["id", "student_id", "course_id", "enrolled_at"]).await
}

fn pair(row: &Enrollment) -> Vec<Arg> {
    vec![row.student_id.0.into(), row.course_id.0.into()]
}
