//! Reads enrollments from the database.

use super::{OwnEnrollment, RosterEntry};
use crate::clock::Stamp;
use crate::courses::store::find as find_course;
use crate::db::{Arg, DbError, Reach, Row};
use crate::events::About;
use crate::events::store::{history_start, same_course, same_student};
use crate::instructors::store::{ensure_sees_roster, visible_course};
use crate::lists::{ArgsAfter, ListRow, Listing, ShortListing};
use crate::registrar::{Course, CourseId, Enrollment, Refusal, StudentId, enrollment, limits};
use crate::viewer::Viewer;

/// The enrollment of a student in a course.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    viewer: &Viewer,
    student_id: StudentId,
    course_id: CourseId,
) -> Result<Option<Enrollment>, DbError> {
    if !viewer.sees_student(student_id) {
        return Ok(None);
    }
    let sql = "select sc.id, sc.student_id, sc.course_id, sc.enrolled_at from student_courses sc \
               join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
               where sc.student_id = $1 and sc.course_id = $2";
    viewer.db().query_opt(sql, [student_id.0.into(), course_id.0.into()], enrollment).await
}

/// The courses of a student, in order of enrollment. Also empty if there is no such student.
#[must_use]
pub fn courses_of(viewer: &Viewer, student_id: StudentId) -> ShortListing<Course> {
    let visible = viewer.student(student_id);
    ShortListing {
        order: format!("courses-of-{student_id}"),
        rows: "select sc.id, cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(cc.code as text) \
               from student_courses sc join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
               left join matricula_course_codes cc on cc.course_id = c.id where sc.student_id = $1",
        args: vec![visible.into()],
        map: listed_course,
    }
}

/// The courses of the student who the caller is; empty if the caller is none.
#[must_use]
pub fn own_courses(viewer: &Viewer) -> ShortListing<Course> {
    let own = viewer.own_student();
    ShortListing { args: vec![own.into()], ..courses_of(viewer, StudentId(own.unwrap_or_default())) }
}

/// The enrollments of the student who the caller is with the limits of the courses, in order of enrollment; empty if the
/// caller is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn own_enrollments(viewer: &Viewer) -> Result<Vec<OwnEnrollment>, DbError> {
    let sql = "select sc.id, cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(cc.code as text), \
               sc.enrolled_at, cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, \
               cs.waitlist_closes_at, cs.drop_until, cs.group_opens_at from student_courses sc \
               join students s on s.id = sc.student_id join courses c on c.id = sc.course_id \
               left join matricula_course_codes cc on cc.course_id = c.id \
               left join course_seats cs on cs.course_id = c.id where sc.student_id = $1";
    let map = |row: &Row<'_>| {
        let ListRow { row: course, id, .. } = listed_course(row)?;
        Ok((id, OwnEnrollment { course, enrolled_at: row.stamp(5)?, limits: limits(row, 6)? }))
    };
    let mut found = viewer.db().query(sql, [viewer.own_student().into()], map).await?;
    found.sort_unstable_by_key(|(id, _)| *id);
    Ok(found.into_iter().map(|(_, enrollment)| enrollment).collect())
}

/// The courses of a student at a time, according to the log, in order of enrollment. A course that has been deleted
/// since has no name. Nothing before the beginning of the student's history counts: see [`history_start`].
///
/// # Errors
/// When the database cannot be read.
pub async fn courses_of_at(
    viewer: &Viewer,
    student_id: StudentId,
    time: &Stamp,
) -> Result<ShortListing<Course>, DbError> {
    let visible = viewer.student(student_id);
    let start = history_start(viewer, About::Student(student_id)).await?;
    Ok(ShortListing {
        order: format!("courses-of-{student_id}-at-{time}"),
        rows: concat!(
            "select e.enrollment_id, e.other_id, cast(c.name as text), cast(c.level as text), cast(cc.code as text) from (",
            standing!("student_id = $1", "course_id", "$2", "$3", "$4"),
            ") e left join courses c on c.id = e.other_id and ",
            same_course!("e.other_id", "e.seq"),
            " left join matricula_course_codes cc on cc.course_id = c.id"
        ),
        args: vec![visible.into(), time.into(), 0.into(), start.into()],
        map: listed_course,
    })
}

/// The students of a course, in order of enrollment. Also empty if there is no such course.
#[must_use]
pub fn roster_of(viewer: &Viewer, course_id: CourseId) -> Listing<RosterEntry> {
    let visible = viewer.roster(course_id);
    Listing {
        reach: Reach::Page,
        count_reach: Reach::Range,
        order: format!("roster-of-{course_id}"),
        count: concat!(
            "select count(*) from student_courses sc join courses c on c.id = sc.course_id \
             join students s on s.id = sc.student_id where sc.course_id = ",
            visible_course!("$1", "$2", "$3")
        ),
        count_args: visible.to_vec(),
        rows: concat!(
            "select cast(s.id as bigint), cast(s.name as text), cast(s.email as text), cast(sn.number as text), \
             sc.enrolled_at, sc.id from student_courses sc join courses c on c.id = sc.course_id \
             join students s on s.id = sc.student_id left join matricula_student_numbers sn on sn.student_id = s.id \
             where sc.course_id = ",
            visible_course!("$1", "$2", "$3"),
            " and sc.id > $4 order by sc.id limit $5"
        ),
        args: Box::new(move |after| args(&visible, [after.map_or(i64::MIN, |after| after.id).into()])),
        map: listed_on_roster,
    }
}

/// The roster of a course at a time, according to the log, in order of enrollment. A student who has been deleted
/// since has no name, because the log contains none. The beginning counts as in [`courses_of_at`].
///
/// # Errors
/// When the database cannot be read.
pub async fn roster_of_at(
    viewer: &Viewer,
    course_id: CourseId,
    time: &Stamp,
) -> Result<Listing<RosterEntry>, DbError> {
    let visible = viewer.roster(course_id);
    let start = history_start(viewer, About::Course(course_id)).await?;
    Ok(Listing {
        // All events of the course have to be read to know its students at that time.
        reach: Reach::Range,
        count_reach: Reach::Range,
        order: format!("roster-of-{course_id}-at-{time}"),
        count: concat!(
            "select count(*) from (",
            standing!(
                concat!("course_id = ", visible_course!("$1", "$2", "$3")),
                "student_id",
                "$4",
                "$5",
                "$6"
            ),
            ") e"
        ),
        count_args: args(&visible, [time.into(), 0.into(), start.into()]),
        rows: concat!(
            "select e.other_id, cast(s.name as text), cast(s.email as text), cast(sn.number as text), e.enrolled_at, \
             e.enrollment_id from (",
            standing!(
                concat!("course_id = ", visible_course!("$1", "$2", "$3")),
                "student_id",
                "$4",
                "$5",
                "$6"
            ),
            ") e left join students s on s.id = e.other_id and ",
            same_student!("e.other_id", "e.seq"),
            " left join matricula_student_numbers sn on sn.student_id = s.id order by e.enrollment_id limit $7"
        ),
        args: args_at(visible, time.clone(), start),
        map: listed_on_roster,
    })
}

/// The roster of a course, now or at a time.
///
/// # Errors
/// When the database cannot be read.
pub async fn roster(
    viewer: &Viewer,
    course_id: CourseId,
    time: Option<&Stamp>,
) -> Result<Listing<RosterEntry>, DbError> {
    match time {
        None => Ok(roster_of(viewer, course_id)),
        Some(time) => roster_of_at(viewer, course_id, time).await,
    }
}

/// Refuses an empty roster or waitlist if there is no such course, now or at that time, or the caller may not see its
/// students.
///
/// # Errors
/// [`Refusal::CourseNotFound`], [`Refusal::Forbidden`], or when the database cannot be read.
pub async fn ensure_may_be_empty(viewer: &Viewer, id: CourseId, time: Option<&Stamp>) -> Result<(), Refusal> {
    if !(time.is_some() && log_mentions_course(viewer, id).await?) {
        find_course(viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    }
    ensure_sees_roster(viewer, id).await
}

/// Whether the log has an event about this student.
///
/// # Errors
/// When the database cannot be read.
pub async fn log_mentions_student(viewer: &Viewer, id: StudentId) -> Result<bool, DbError> {
    let visible = viewer.student(id);
    let sql = "select seq from events where student_id = $1 order by seq limit 1";
    Ok(viewer.db().query_opt(sql, [visible.into()], |row| row.int(0)).await?.is_some())
}

/// Whether the log has an event about this course.
///
/// # Errors
/// When the database cannot be read.
pub async fn log_mentions_course(viewer: &Viewer, id: CourseId) -> Result<bool, DbError> {
    let sql = "select seq from events where course_id = $1 order by seq limit 1";
    Ok(viewer.db().query_opt(sql, [id.0.into()], |row| row.int(0)).await?.is_some())
}

/// The times of the first and the last event about a course after the `seq` `start`.
///
/// # Errors
/// When the database cannot be read.
pub async fn log_span(viewer: &Viewer, id: CourseId, start: i64) -> Result<Option<(Stamp, Stamp)>, DbError> {
    let at = async |sql| {
        let args = args(&viewer.roster(id), [start.into()]);
        viewer.db().query_opt(sql, args, |row| row.stamp(0)).await
    };
    let first = at(concat!(
        "select at from events where course_id = ",
        visible_course!("$1", "$2", "$3"),
        " and seq > $4 order by seq limit 1"
    ))
    .await?;
    let last = at(concat!(
        "select at from events where course_id = ",
        visible_course!("$1", "$2", "$3"),
        " and seq > $4 order by seq desc limit 1"
    ))
    .await?;
    Ok(first.zip(last))
}

/// The changes of the number of students in a course after the `seq` `start`, in order, grouped by the first
/// `precision` characters of their times.
///
/// # Errors
/// When the database cannot be read.
pub async fn steps(
    viewer: &Viewer,
    id: CourseId,
    start: i64,
    precision: i64,
) -> Result<Vec<(String, i64)>, DbError> {
    let sql = concat!(
        "select substr(at, 1, cast(cast($1 as bigint) as integer)) as step, \
         sum(case when type = 'enrollment.dropped' then -1 else 1 end) from events where course_id = ",
        visible_course!("$2", "$3", "$4"),
        " and seq > $5 and type in \
         ('enrollment.created', 'enrollment.adopted', 'enrollment.dropped', 'enrollment.restored', 'waitlist.promoted') \
         group by 1 order by 1"
    );
    let [visible, asked, account] = viewer.roster(id);
    let args = [precision.into(), visible, asked, account, start.into()];
    viewer.db().read(Reach::Range, sql, args, |row| Ok((row.text(0)?, row.int(1)?))).await
}

/// The enrollments with events for which `which` holds, at the time `time`, with ids above `after`, without events up to
/// the `seq` `start`; all but `which` are names of parameters. Each enrollment begins once, and every end is followed by
/// nothing or by a restoration, so one with an odd number of events had not ended. Events are in order of time.
macro_rules! standing {
    ($which:expr, $other:literal, $time:literal, $after:literal, $start:literal) => {
        concat!(
            "select enrollment_id, min(",
            $other,
            ") as other_id, min(at) as enrolled_at, min(seq) as seq from events where ",
            $which,
            " and at <= ",
            $time,
            " and enrollment_id > ",
            $after,
            " and seq > ",
            $start,
            " group by enrollment_id having count(*) % 2 = 1"
        )
    };
}
use standing;

fn args_at(visible: [Arg; 3], time: Stamp, start: i64) -> ArgsAfter {
    Box::new(move |after| {
        let after = after.map_or(i64::MIN, |after| after.id);
        args(&visible, [(&time).into(), after.into(), start.into()])
    })
}

fn args<const N: usize>(visible: &[Arg; 3], others: [Arg; N]) -> Vec<Arg> {
    visible.iter().cloned().chain(others).collect()
}

fn listed_course(row: &Row<'_>) -> Result<ListRow<Course>, DbError> {
    let (name, level, code) = (row.opt_text(2)?, row.opt_text(3)?, row.opt_text(4)?);
    let course = Course { id: row.int(1)?.into(), name, level, code, seats: None };
    Ok(ListRow { row: course, text: None, id: row.int(0)? })
}

fn listed_on_roster(row: &Row<'_>) -> Result<ListRow<RosterEntry>, DbError> {
    let entry = RosterEntry {
        id: row.int(0)?.into(),
        name: row.opt_text(1)?,
        email: row.opt_text(2)?,
        number: row.opt_text(3)?,
        enrolled_at: row.stamp(4)?,
    };
    Ok(ListRow { row: entry, text: None, id: row.int(5)? })
}
