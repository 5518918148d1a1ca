//! Reads holds.

use crate::db::DbError;
use crate::lists::{ListRow, ShortListing};
use crate::registrar::{Hold, StudentId, hold};
use crate::viewer::Viewer;

/// The holds of a student, in the order in which they were placed; none if the caller may not see the student.
#[must_use]
pub fn holds_of(viewer: &Viewer, student_id: StudentId) -> ShortListing<Hold> {
    ShortListing {
        order: format!("holds-of-{student_id}"),
        rows: "select h.id, h.student_id, h.reason, h.placed_at from matricula_holds h \
               join students s on s.id = h.student_id where h.student_id = $1",
        args: vec![viewer.student(student_id).into()],
        map: |row| {
            let hold = hold(row)?;
            let id = hold.id;
            Ok(ListRow { row: hold, text: None, id })
        },
    }
}

/// A hold of a student; `None` if the student does not have it, or the caller may not see the student.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, student_id: StudentId, hold_id: i64) -> Result<Option<Hold>, DbError> {
    let sql = "select h.id, h.student_id, h.reason, h.placed_at from matricula_holds h \
               join students s on s.id = h.student_id where h.student_id = $1 and h.id = $2";
    viewer.db().query_opt(sql, [viewer.student(student_id).into(), hold_id.into()], hold).await
}
