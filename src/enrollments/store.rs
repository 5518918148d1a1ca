//! What is read of enrollments.

use super::RosterEntry;
use crate::db::{Db, DbError, Reach};
use crate::http::paging::{Listed, Listing};
use crate::registrar::{Course, CourseId, Enrollment, StudentId, enrollment};

/// The enrollment of a student in a course.
///
/// # Errors
/// What the engine said.
pub async fn find(
    db: &Db,
    student_id: StudentId,
    course_id: CourseId,
) -> Result<Option<Enrollment>, DbError> {
    let sql = "select id, student_id, course_id, enrolled_at from student_courses where student_id = $1 and course_id = $2";
    db.query_opt(sql, [student_id.0.into(), course_id.0.into()], enrollment).await
}

/// The courses that a student takes, in order of enrollment. Empty also when there is no such student.
#[must_use]
pub fn courses_of(student_id: StudentId) -> Listing<Course> {
    Listing {
        // `+ 0` keeps a server that does not know yet how few courses a student takes from going through everybody's
        // enrollments in their order.
        reach: Reach::Key,
        order: format!("courses-of-{student_id}"),
        count: "select count(*) from student_courses sc join courses c on c.id = sc.course_id where sc.student_id = $1",
        count_args: vec![student_id.0.into()],
        rows: "select sc.id, cast(c.id as bigint), cast(c.name as text), cast(c.level as text) from student_courses sc \
               join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
               where sc.student_id = $1 and sc.id + 0 > $2 order by sc.id + 0 limit $3",
        args: Box::new(move |after| vec![student_id.0.into(), after.map_or(0, |after| after.id).into()]),
        map: |row| {
            let course = Course { id: row.int(1)?.into(), name: row.opt_text(2)?, level: row.opt_text(3)? };
            Ok(Listed { row: course, text: None, id: row.int(0)? })
        },
    }
}

/// The students of a course, in order of enrollment. Empty also when there is no such course.
#[must_use]
pub fn roster_of(course_id: CourseId) -> Listing<RosterEntry> {
    Listing {
        reach: Reach::Key,
        order: format!("roster-of-{course_id}"),
        count: "select count(*) from student_courses sc join students s on s.id = sc.student_id where sc.course_id = $1",
        count_args: vec![course_id.0.into()],
        rows: "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), sc.enrolled_at, sc.id from student_courses sc \
               join courses c on c.id = sc.course_id join students s on s.id = sc.student_id \
               where sc.course_id = $1 and sc.id > $2 order by sc.id limit $3",
        args: Box::new(move |after| vec![course_id.0.into(), after.map_or(0, |after| after.id).into()]),
        map: |row| {
            let entry = RosterEntry {
                id: row.int(0)?.into(),
                name: row.opt_text(1)?,
                email: row.opt_text(2)?,
                enrolled_at: row.text(3)?,
            };
            Ok(Listed { row: entry, text: None, id: row.int(4)? })
        },
    }
}
