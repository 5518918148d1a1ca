//! Queries for the sweep.

use super::commit::no_log_head;
use super::record::{CourseId, StudentId};
use crate::clock::Stamp;
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

/// Loads the courses with a free seat and a waitlist that moves up at this time: another program has dropped an enrollment.
///
/// # Errors
/// When the engine fails.
pub(super) async fn courses_with_free_seats(db: &Db, now: &Stamp) -> Result<Vec<CourseId>, DbError> {
    let sql = "select course_id from waitlist w group by course_id \
               having not exists (select 1 from course_seats cs where cs.course_id = w.course_id and cs.capacity <= \
               (select count(*) from student_courses sc \
               where sc.course_id = w.course_id and sc.student_id = cast(sc.student_id as bigint))) \
               and not exists (select 1 from course_seats cs where cs.course_id = w.course_id \
               and coalesce(cs.waitlist_closes_at, cs.closes_at) <= $1)";
    db.read(Reach::Scan, sql, [now.into()], |row| Ok(row.int(0)?.into())).await
}

/// The last `seq` of the log.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn last_seq(db: &Db) -> Result<i64, DbError> {
    let last = db.query_opt("select last_seq from log_head where id = 1", [], |row| row.int(0)).await?;
    last.ok_or_else(no_log_head)
}

/// The last `seq` of the log, and how many entries after `seq` are about enrollments that other programs have written.
///
/// # Errors
/// When the engine fails.
pub(super) async fn entries_by_others(db: &Db, seq: i64) -> Result<(i64, i64), DbError> {
    let sql = "select last_seq, (select count(*) from events where seq > $1 and actor = 'database' \
               and type in ('enrollment.created', 'enrollment.dropped')) from log_head where id = 1";
    let found = db.query_opt(sql, [seq.into()], |row| Ok((row.int(0)?, row.int(1)?))).await?;
    found.ok_or_else(no_log_head)
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
