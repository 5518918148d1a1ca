//! What is read for the sweep.

use super::record::{CourseId, StudentId};
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

/// Students of whom the log tells without saying that they were deleted, and whose rows are gone: whoever gets the id must
/// not get their past with it.
///
/// # Errors
/// What the engine said.
pub(super) async fn vanished_students(db: &Db) -> Result<Vec<StudentId>, DbError> {
    let sql = "select id from (select distinct student_id as id from events where student_id is not null) known \
               where not exists (select 1 from students s where s.id = known.id) and 'student.deleted' <> \
               (select type from events e where e.student_id = known.id order by seq desc limit 1)";
    db.read(Reach::Scan, sql, [], |row| Ok(row.int(0)?.into())).await
}

/// The same of courses.
///
/// # Errors
/// What the engine said.
pub(super) async fn vanished_courses(db: &Db) -> Result<Vec<CourseId>, DbError> {
    let sql = "select id from (select distinct course_id as id from events where course_id is not null) known \
               where not exists (select 1 from courses c where c.id = known.id) and 'course.deleted' <> \
               (select type from events e where e.course_id = known.id order by seq desc limit 1)";
    db.read(Reach::Scan, sql, [], |row| Ok(row.int(0)?.into())).await
}
