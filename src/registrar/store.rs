//! What is read for the sweep.

use super::record::CourseId;
use crate::db::{Db, DbError, Reach};

/// Courses with rows of students or courses that are not there: what another program leaves behind when it deletes without
/// minding foreign keys.
///
/// # Errors
/// What the engine said.
pub(super) async fn courses_with_orphans(db: &Db) -> Result<Vec<CourseId>, DbError> {
    // As the Registrar sees them: a row whose ids are no numbers is about nobody.
    let sql = "select course_id from student_courses sc \
               where (not exists (select 1 from students s where s.id = sc.student_id) \
               or not exists (select 1 from courses c where c.id = sc.course_id)) \
               and sc.student_id = cast(sc.student_id as bigint) and sc.course_id = cast(sc.course_id as bigint) \
               union select course_id from waitlist w \
               where not exists (select 1 from students s where s.id = w.student_id) \
               or not exists (select 1 from courses c where c.id = w.course_id) \
               union select course_id from course_seats cs \
               where not exists (select 1 from courses c where c.id = cs.course_id)";
    db.read(Reach::Scan, sql, [], |row| Ok(row.int(0)?.into())).await
}
