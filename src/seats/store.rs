//! Reads seats and waitlists from the database.

use serde_json::Value;

use super::{OwnPlace, OwnWait, WaitlistEntry};
use crate::db::{Arg, DbError, Reach, Row};
use crate::instructors::store::visible_course;
use crate::lists::{Cursor, ListRow, Listing};
use crate::registrar::{Course, CourseId, Limits, MAX_SEATS, Place, Seats, StudentId, limits};
use crate::viewer::Viewer;

/// The limits of a course, and how full it is; `None` if there is no such course.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, id: CourseId) -> Result<Option<Seats>, DbError> {
    let sql = "select cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, \
               cs.waitlist_closes_at, cs.drop_until, cs.group_opens_at, \
               (select count(*) from (select 1 from student_courses sc join students s on s.id = sc.student_id \
               where sc.course_id = c.id limit $1) few), \
               (select count(*) from (select 1 from waitlist w join students s on s.id = w.student_id \
               where w.course_id = c.id limit $1) few) \
               from courses c left join course_seats cs on cs.course_id = c.id where c.id = cast($2 as bigint)";
    let map = |row: &Row<'_>| {
        let limits: Limits = limits(row, 0)?;
        Ok(Seats::new(limits, row.int(7)?, row.int(8)?))
    };
    let found =
        viewer.db().query_opt(sql, [(Reach::MAX_COUNTED_BY_KEY + 1).into(), id.0.into()], map).await?;
    if found.as_ref().is_none_or(|seats| seats.enrolled.max(seats.waitlisted) <= Reach::MAX_COUNTED_BY_KEY) {
        return Ok(found);
    }
    Ok(viewer.db().read(Reach::Range, sql, [i64::MAX.into(), id.0.into()], map).await?.pop())
}

/// The place of a student on the waitlist of a course; `None` if the student is not on it.
///
/// # Errors
/// When the database cannot be read.
pub async fn place(
    viewer: &Viewer,
    student_id: StudentId,
    course_id: CourseId,
) -> Result<Option<Place>, DbError> {
    let sql = "select w.joined_at, (select count(*) from waitlist before join students s on s.id = before.student_id \
               where before.course_id = w.course_id and before.joined_seq <= w.joined_seq) from waitlist w \
               join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               where w.student_id = $1 and w.course_id = $2";
    let args: [Arg; 2] = [viewer.student(student_id).into(), course_id.0.into()];
    let waits = "select 1 from waitlist where student_id = $1 and course_id = $2";
    if viewer.db().query_opt(waits, args.clone(), |row| row.int(0)).await?.is_none() {
        return Ok(None);
    }
    let found =
        viewer.db().read(Reach::Range, sql, args, |row| Ok((row.stamp(0)?, row.int(1)?))).await?.pop();
    Ok(found.map(|(joined_at, position)| Place { student_id, course_id, position, joined_at }))
}

/// The places of a student on waitlists with the names of the courses, in the order in which the student joined.
///
/// # Errors
/// When the database cannot be read.
pub async fn places_of(
    viewer: &Viewer,
    student_id: StudentId,
) -> Result<Vec<(Option<String>, Place)>, DbError> {
    let visible = viewer.student(student_id);
    let sql = "select w.course_id, cast(c.name as text), w.joined_at, (select count(*) from waitlist before \
               join students s on s.id = before.student_id \
               where before.course_id = w.course_id and before.joined_seq <= w.joined_seq) from waitlist w \
               join students s on s.id = w.student_id join courses c on c.id = w.course_id where w.student_id = $1 order by w.joined_seq";
    let waits = "select 1 from waitlist where student_id = $1 limit 1";
    if viewer.db().query_opt(waits, [visible.into()], |row| row.int(0)).await?.is_none() {
        return Ok(Vec::new());
    }
    let found = viewer.db().read(Reach::Range, sql, [visible.into()], |row| {
        Ok((CourseId(row.int(0)?), row.opt_text(1)?, row.stamp(2)?, row.int(3)?))
    });
    let place =
        |(course_id, name, joined_at, position)| (name, Place { student_id, course_id, position, joined_at });
    Ok(found.await?.into_iter().map(place).collect())
}

/// The places of the student who the caller is, in the order in which they joined; empty if the caller is none.
#[must_use]
pub fn own_places(viewer: &Viewer) -> Listing<OwnPlace> {
    listed_places(viewer.own_student())
}

/// The places of a student, in the order in which they joined; also empty if there is no such student.
#[must_use]
pub fn listed_places_of(viewer: &Viewer, id: StudentId) -> Listing<OwnPlace> {
    listed_places(viewer.student(id))
}

fn listed_places(own: Option<i64>) -> Listing<OwnPlace> {
    Listing {
        // The position is counted from the rows before.
        reach: Reach::Range,
        count_reach: Reach::Range,
        order: format!("places-of-{}", own.unwrap_or_default()),
        count: "select count(*) from waitlist w join students s on s.id = w.student_id \
                join courses c on c.id = w.course_id where w.student_id = $1",
        count_args: vec![own.into()],
        rows: "select (select count(*) from waitlist b join students bs on bs.id = b.student_id \
               where b.course_id = w.course_id and b.joined_seq <= w.joined_seq), w.course_id, cast(c.name as text), \
               cast(c.level as text), cast(cc.code as text), w.joined_at, w.joined_seq from waitlist w \
               join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               left join matricula_course_codes cc on cc.course_id = c.id \
               where w.student_id = $1 and w.joined_seq > $2 \
               order by w.joined_seq limit $3",
        args: Box::new(move |after| vec![own.into(), after.map_or(0, |after| after.id).into()]),
        map: |row| {
            let place = OwnPlace {
                position: row.int(0)?,
                course_id: row.int(1)?.into(),
                name: row.opt_text(2)?,
                level: row.opt_text(3)?,
                code: row.opt_text(4)?,
                joined_at: row.stamp(5)?,
            };
            Ok(ListRow { row: place, text: None, id: row.int(6)? })
        },
    }
}

/// The places of the student who the caller is with the limits of the courses, in the order in which they joined; empty if
/// the caller is none. The log has the first position.
///
/// # Errors
/// When the database cannot be read.
pub async fn own_waits(viewer: &Viewer) -> Result<Vec<OwnWait>, DbError> {
    let own = viewer.own_student();
    let sql = "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cast(cc.code as text), w.joined_at, \
               (select count(*) from waitlist b join students bs on bs.id = b.student_id \
               where b.course_id = w.course_id and b.joined_seq <= w.joined_seq), \
               (select e.data from events e where e.seq = w.joined_seq), \
               cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, cs.waitlist_closes_at, \
               cs.drop_until, cs.group_opens_at from waitlist w join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               left join matricula_course_codes cc on cc.course_id = c.id \
               left join course_seats cs on cs.course_id = c.id where w.student_id = $1 order by w.joined_seq";
    let waits = "select 1 from waitlist where student_id = $1 limit 1";
    if viewer.db().query_opt(waits, [own.into()], |row| row.int(0)).await?.is_none() {
        return Ok(Vec::new());
    }
    let map = |row: &Row<'_>| {
        let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?);
        let position = row.int(5)?;
        let joined = row.opt_text(6)?.and_then(|data| serde_json::from_str::<Value>(&data).ok());
        let first_position = joined.and_then(|data| data["position"].as_i64());
        Ok(OwnWait {
            course: Course { id: row.int(0)?.into(), name, level, code, seats: None },
            joined_at: row.stamp(4)?,
            position,
            first_position: first_position.unwrap_or(position),
            limits: limits(row, 7)?,
        })
    };
    viewer.db().read(Reach::Range, sql, [own.into()], map).await
}

/// Whether somebody waits who would get a free seat: students on hold do not.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_next(viewer: &Viewer, course_id: CourseId) -> Result<bool, DbError> {
    let sql = "select 1 from waitlist w join students s on s.id = w.student_id \
               where w.course_id = $1 and w.on_hold = 0 limit 1";
    Ok(viewer.db().query_opt(sql, [course_id.0.into()], |row| row.int(0)).await?.is_some())
}

/// The waitlist of a course, in order. Also empty if there is no such course.
#[must_use]
pub fn waitlist_of(viewer: &Viewer, course_id: CourseId) -> Listing<WaitlistEntry> {
    let visible = viewer.roster(course_id);
    Listing {
        reach: Reach::Page,
        count_reach: Reach::Range,
        order: format!("waitlist-of-{course_id}"),
        count: concat!(
            "select count(*) from waitlist w join students s on s.id = w.student_id \
             join courses c on c.id = w.course_id where w.course_id = ",
            visible_course!("$1", "$2", "$3")
        ),
        count_args: visible.to_vec(),
        rows: concat!(
            "select coalesce(cast($1 as bigint), (select count(*) from waitlist b join students s on s.id = b.student_id \
             where b.course_id = ",
            visible_course!("$2", "$3", "$4"),
            " and b.joined_seq <= $5)) \
             + row_number() over (order by w.joined_seq), w.student_id, w.name, w.email, w.number, w.joined_at, w.joined_seq \
             from (select wl.student_id, cast(s.name as text) as name, cast(s.email as text) as email, \
             cast(sn.number as text) as number, wl.joined_at, \
             wl.joined_seq from waitlist wl join students s on s.id = wl.student_id join courses c on c.id = wl.course_id \
             left join matricula_student_numbers sn on sn.student_id = s.id where wl.course_id = ",
            visible_course!("$2", "$3", "$4"),
            " and wl.joined_seq > $5 order by wl.joined_seq limit $6) w order by w.joined_seq"
        ),
        args: Box::new(move |after| {
            let (seq, position) = after.map_or((0, Some(0)), |after| (after.id, position_in(after)));
            let [visible, asked, account] = visible.clone();
            vec![position.into(), visible, asked, account, seq.into()]
        }),
        map: |row| {
            let entry = WaitlistEntry {
                position: row.int(0)?,
                student_id: row.int(1)?.into(),
                name: row.opt_text(2)?,
                email: row.opt_text(3)?,
                number: row.opt_text(4)?,
                joined_at: row.stamp(5)?,
            };
            let text = Some(entry.position.to_string());
            Ok(ListRow { row: entry, text, id: row.int(6)? })
        },
    }
}

/// The position of the last row of the previous page, from which the next page continues. `None` if the cursor is
/// from an earlier version or forged; then the position is counted.
fn position_in(after: &Cursor) -> Option<i64> {
    after.text.as_deref()?.parse().ok().filter(|position| (0..=MAX_SEATS).contains(position))
}
