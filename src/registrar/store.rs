//! Queries for the sweep.

use super::record::{CourseId, StudentId};
use crate::db::{Db, DbError, Reach};

/// Loads the courses that have orphaned rows: enrollments, waitlist entries or limits of a student or course that
/// another program deleted without enforcing foreign keys.
///
/// # Errors
/// When the engine fails.
pub(super) async fn courses_with_orphans(db: &Db) -> Result<Vec<CourseId>, DbError> {
    // As the Registrar does: rows whose ids are not numbers are left out.
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

/// Loads the students that are in the log without a final `student.deleted` and have no row: a new student with the
/// same id must not inherit their history.
///
/// # Errors
/// When the engine fails.
pub(super) async fn vanished_students(db: &Db) -> Result<Vec<StudentId>, DbError> {
    let sql = "select id from (select distinct student_id as id from events where student_id is not null) known \
               where not exists (select 1 from students s where s.id = known.id) and 'student.deleted' <> \
               (select type from events e where e.student_id = known.id order by seq desc limit 1)";
    db.read(Reach::Scan, sql, [], |row| Ok(row.int(0)?.into())).await
}

/// Loads the courses that are in the log without a final `course.deleted` and have no row.
///
/// # Errors
/// When the engine fails.
pub(super) async fn vanished_courses(db: &Db) -> Result<Vec<CourseId>, DbError> {
    let sql = "select id from (select distinct course_id as id from events where course_id is not null) known \
               where not exists (select 1 from courses c where c.id = known.id) and 'course.deleted' <> \
               (select type from events e where e.course_id = known.id order by seq desc limit 1)";
    db.read(Reach::Scan, sql, [], |row| Ok(row.int(0)?.into())).await
}
