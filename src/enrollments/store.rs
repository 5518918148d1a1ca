//! What is read of enrollments.

use super::RosterEntry;
use crate::clock::Time;
use crate::db::{Db, DbError, Reach, Row};
use crate::events::store::{same_course, same_student};
use crate::lists::{ArgsAfter, Listed, Listing, ShortListing};
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
    let sql = "select sc.id, sc.student_id, sc.course_id, sc.enrolled_at from student_courses sc \
               join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
               where sc.student_id = $1 and sc.course_id = $2";
    db.query_opt(sql, [student_id.0.into(), course_id.0.into()], enrollment).await
}

/// The courses that a student takes, in order of enrollment. Empty also when there is no such student.
#[must_use]
pub fn courses_of(student_id: StudentId) -> ShortListing<Course> {
    ShortListing {
        order: format!("courses-of-{student_id}"),
        rows: "select sc.id, cast(c.id as bigint), cast(c.name as text), cast(c.level as text) from student_courses sc \
               join students s on s.id = sc.student_id join courses c on c.id = sc.course_id where sc.student_id = $1",
        args: vec![student_id.0.into()],
        map: listed_course,
    }
}

/// The courses that a student took at a time, as the log tells, in order of enrollment. A course that has been deleted
/// since has no name any more. Of what was before the `seq` `beginning` nothing is told: see [`crate::events::store::beginning`].
#[must_use]
pub fn courses_of_at(student_id: StudentId, time: &Time, beginning: i64) -> ShortListing<Course> {
    ShortListing {
        order: format!("courses-of-{student_id}-at-{}", time.0),
        rows: concat!(
            "select e.enrollment_id, e.other_id, cast(c.name as text), cast(c.level as text) from (",
            standing!("student_id", "course_id"),
            ") e left join courses c on c.id = e.other_id and ",
            same_course!("e.other_id", "e.seq")
        ),
        args: vec![student_id.0.into(), time.0.as_str().into(), 0.into(), beginning.into()],
        map: listed_course,
    }
}

/// The students of a course, in order of enrollment. Empty also when there is no such course.
#[must_use]
pub fn roster_of(course_id: CourseId) -> Listing<RosterEntry> {
    Listing {
        reach: Reach::Key,
        count_reach: Reach::Range,
        order: format!("roster-of-{course_id}"),
        count: "select count(*) from student_courses sc join courses c on c.id = sc.course_id \
                join students s on s.id = sc.student_id where sc.course_id = $1",
        count_args: vec![course_id.0.into()],
        rows: "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), sc.enrolled_at, sc.id from student_courses sc \
               join courses c on c.id = sc.course_id join students s on s.id = sc.student_id \
               where sc.course_id = $1 and sc.id > $2 order by sc.id limit $3",
        args: Box::new(move |after| vec![course_id.0.into(), after.map_or(0, |after| after.id).into()]),
        map: listed_on_roster,
    }
}

/// The roster of a course at a time, as the log tells, in order of enrollment. A student who has been deleted since has no
/// name any more: the log keeps none. `beginning` as for [`courses_of_at`].
#[must_use]
pub fn roster_of_at(course_id: CourseId, time: &Time, beginning: i64) -> Listing<RosterEntry> {
    Listing {
        // Whoever stood then is known only once all that the log has of the course is read.
        reach: Reach::Range,
        count_reach: Reach::Range,
        order: format!("roster-of-{course_id}-at-{}", time.0),
        count: concat!("select count(*) from (", standing!("course_id", "student_id"), ") e"),
        count_args: vec![course_id.0.into(), time.0.as_str().into(), 0.into(), beginning.into()],
        rows: concat!(
            "select e.other_id, cast(s.name as text), cast(s.email as text), e.enrolled_at, e.enrollment_id from (",
            standing!("course_id", "student_id"),
            ") e left join students s on s.id = e.other_id and ",
            same_student!("e.other_id", "e.seq"),
            " order by e.enrollment_id limit $5"
        ),
        args: args_at(course_id, time.clone(), beginning),
        map: listed_on_roster,
    }
}

/// Whether the log has ever told of this student.
///
/// # Errors
/// What the engine said.
pub async fn log_knows_student(db: &Db, id: StudentId) -> Result<bool, DbError> {
    let sql = "select seq from events where student_id = $1 order by seq limit 1";
    Ok(db.query_opt(sql, [id.0.into()], |row| row.int(0)).await?.is_some())
}

/// Whether the log has ever told of this course.
///
/// # Errors
/// What the engine said.
pub async fn log_knows_course(db: &Db, id: CourseId) -> Result<bool, DbError> {
    let sql = "select seq from events where course_id = $1 order by seq limit 1";
    Ok(db.query_opt(sql, [id.0.into()], |row| row.int(0)).await?.is_some())
}

/// The times of the first and the last entry of the log about a course.
///
/// # Errors
/// What the engine said.
pub async fn told_between(
    db: &Db,
    id: CourseId,
    beginning: i64,
) -> Result<Option<(String, String)>, DbError> {
    let at = async |sql| db.query_opt(sql, [id.0.into(), beginning.into()], |row| row.text(0)).await;
    let first = at("select at from events where course_id = $1 and seq > $2 order by seq limit 1").await?;
    let last =
        at("select at from events where course_id = $1 and seq > $2 order by seq desc limit 1").await?;
    Ok(first.zip(last))
}

/// By how many the students of a course became more or fewer, in order, each with the first `precision` characters of its
/// time.
///
/// # Errors
/// What the engine said.
pub async fn steps(
    db: &Db,
    id: CourseId,
    beginning: i64,
    precision: i64,
) -> Result<Vec<(String, i64)>, DbError> {
    let sql = "select substr(at, 1, cast(cast($1 as bigint) as integer)) as step, \
               sum(case when type = 'enrollment.dropped' then -1 else 1 end) from events where course_id = $2 and seq > $3 and type in \
               ('enrollment.created', 'enrollment.adopted', 'enrollment.dropped', 'waitlist.promoted') \
               group by 1 order by 1";
    let args = [precision.into(), id.0.into(), beginning.into()];
    db.read(Reach::Range, sql, args, |row| Ok((row.text(0)?, row.int(1)?))).await
}

/// The enrollments of `$1` that stood at the time `$2`, those after `$3`. Of each the log tells twice at most, that it
/// began and that it ended: what it has told of once has not ended. The log's order is that of its times.
macro_rules! standing {
    ($of:literal, $other:literal) => {
        concat!(
            "select enrollment_id, min(",
            $other,
            ") as other_id, min(at) as enrolled_at, min(seq) as seq from events where ",
            $of,
            " = $1 and at <= $2 and enrollment_id > $3 and seq > $4 group by enrollment_id having count(*) = 1"
        )
    };
}
use standing;

fn args_at(course_id: CourseId, time: Time, beginning: i64) -> ArgsAfter {
    Box::new(move |after| {
        let after = after.map_or(0, |after| after.id);
        vec![course_id.0.into(), time.0.as_str().into(), after.into(), beginning.into()]
    })
}

fn listed_course(row: &Row<'_>) -> Result<Listed<Course>, DbError> {
    let course =
        Course { id: row.int(1)?.into(), name: row.opt_text(2)?, level: row.opt_text(3)?, seats: None };
    Ok(Listed { row: course, text: None, id: row.int(0)? })
}

fn listed_on_roster(row: &Row<'_>) -> Result<Listed<RosterEntry>, DbError> {
    let entry = RosterEntry {
        id: row.int(0)?.into(),
        name: row.opt_text(1)?,
        email: row.opt_text(2)?,
        enrolled_at: row.text(3)?,
    };
    Ok(Listed { row: entry, text: None, id: row.int(4)? })
}
