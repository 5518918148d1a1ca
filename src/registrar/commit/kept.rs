//! What other programs keep in further columns of `student_courses` (a grade, a semester) outlives a drop: it is kept
//! with the pair, and given back when the student enrolls in the course again.

use std::collections::HashSet;

use super::effects::Effects;
use crate::db::catalog::{self, Further};
use crate::db::{Arg, DbError, Tx};
use crate::registrar::record::Enrollment;

/// Keeps the further columns of what the batch drops, before it does; forgets those of students and courses that are no
/// more. Whether anything is kept of anybody, given that something `was`.
pub(super) async fn keep(tx: &Tx<'_>, effects: &Effects<'_>, was: bool) -> Result<bool, DbError> {
    if was {
        let students: Vec<_> = effects.forgotten_students.iter().map(|id| vec![Arg::from(id.0)]).collect();
        forget(tx, "delete from kept_columns where student_id = $1 returning name", &students).await?;
        let courses: Vec<_> = effects.forgotten_courses.iter().map(|id| vec![Arg::from(id.0)]).collect();
        forget(tx, "delete from kept_columns where course_id = $1 returning name", &courses).await?;
    }
    let (students, courses): (HashSet<_>, HashSet<_>) =
        (effects.forgotten_students.iter().collect(), effects.forgotten_courses.iter().collect());
    let stays = |row: &&&Enrollment| !students.contains(&row.student_id) && !courses.contains(&row.course_id);
    let dropped: Vec<_> = effects.dropped.iter().filter(stays).copied().collect();
    if dropped.is_empty() {
        return Ok(was);
    }
    let columns = further(tx).await?;
    if columns.is_empty() {
        return Ok(was);
    }
    let pairs: Vec<_> = dropped.iter().map(|row| pair(row)).collect();
    forget(tx, FORGET, &pairs).await?;
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

/// Gives back to new enrollments what was kept of their pairs. What a table does not take (any more) is left out: the
/// enrollment counts for more.
pub(super) async fn give_back(tx: &Tx<'_>, enrolled: &[Enrollment]) -> Result<(), DbError> {
    let pairs: Vec<_> = enrolled.iter().map(pair).collect();
    let sql = "select name from kept_columns where student_id = $1 and course_id = $2";
    let kept = tx.query_many(sql, &pairs, |row| row.text(0)).await?;
    let kept: Vec<_> = enrolled.iter().zip(kept).filter(|(_, names)| !names.is_empty()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    for Further { name, quoted, given_back, .. } in further(tx).await? {
        let sql = format!(
            "update student_courses set {quoted} = (select {given_back} from kept_columns k \
             where k.student_id = $1 and k.course_id = $2 and k.name = $3) where id = $4"
        );
        let args = |row: &Enrollment| [pair(row), vec![name.as_str().into(), row.id.0.into()]].concat();
        let rows = kept.iter().filter(|(_, names)| names.contains(&name));
        let sets: Vec<_> = rows.map(|(row, _)| args(row)).collect();
        if takes(tx, &sql, &sets).await? {
            continue;
        }
        // One row that it does not take must not keep the others from theirs.
        for set in sets {
            if !takes(tx, &sql, &[set]).await? {
                tracing::warn!(column = name, "a column of a dropped enrollment cannot be given back");
            }
        }
    }
    let pairs: Vec<_> = kept.iter().map(|(row, _)| pair(row)).collect();
    forget(tx, FORGET, &pairs).await
}

/// Whether the table takes this; what it does not take is not written.
async fn takes(tx: &Tx<'_>, sql: &str, sets: &[Vec<Arg>]) -> Result<bool, DbError> {
    tx.execute_batch("savepoint give_back").await?;
    let judged = match tx.execute_many(sql, sets).await {
        // Also by what would otherwise be looked at when the batch is committed, which would then fail.
        Ok(()) => tx.execute_batch(catalog::check_now(tx)).await,
        refused => refused,
    };
    let (end, is_taken) = match judged {
        Ok(()) => ("release savepoint give_back", true),
        Err(DbError::Constraint(_)) => {
            ("rollback to savepoint give_back; release savepoint give_back", false)
        }
        Err(error) => return Err(error),
    };
    tx.execute_batch(end).await?;
    Ok(is_taken)
}

const FORGET: &str = "delete from kept_columns where student_id = $1 and course_id = $2 returning name";

async fn forget(tx: &Tx<'_>, sql: &str, sets: &[Vec<Arg>]) -> Result<(), DbError> {
    tx.query_many(sql, sets, |row| row.text(0)).await.map(drop)
}

async fn further(tx: &Tx<'_>) -> Result<Vec<Further>, DbError> {
    catalog::further_columns(tx, "student_courses", &["id", "student_id", "course_id", "enrolled_at"]).await
}

fn pair(row: &Enrollment) -> Vec<Arg> {
    vec![row.student_id.0.into(), row.course_id.0.into()]
}
