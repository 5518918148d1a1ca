//! Reads the data of the live view.

use super::{Chooser, LiveCourse};
use crate::clock::Stamp;
use crate::db::{Db, DbError, Reach, Row};
use crate::registrar::{Course, CourseId, EventKind, GroupName, SeatCount, group_openings, no_log_head};
use crate::viewer::Viewer;

/// All courses with their seats, and the `seq` of the last event, both from one consistent snapshot.
///
/// # Errors
/// When the database cannot be read.
pub async fn courses(viewer: &Viewer) -> Result<(i64, Vec<LiveCourse>), DbError> {
    let sql = "select cast(c.id as bigint), cast(c.name as text), cast(c.level as text), cs.capacity, \
               coalesce(e.enrolled, 0), coalesce(w.waiting, 0), h.last_seq, cast(cc.code as text), \
               coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, cs.waitlist_closes_at, cs.group_opens_at, cs.course_id \
               from log_head h left join courses c on 1 = 1 \
               left join course_seats cs on cs.course_id = c.id \
               left join matricula_course_codes cc on cc.course_id = c.id \
               left join (select sc.course_id, count(*) as enrolled from student_courses sc \
               join students s on s.id = sc.student_id group by sc.course_id) e \
               on e.course_id = c.id \
               left join (select wl.course_id, count(*) as waiting from waitlist wl \
               join students s on s.id = wl.student_id group by wl.course_id) w on w.course_id = c.id \
               where h.id = 1";
    let rows = viewer.db().read(Reach::Scan, sql, Vec::new(), |row| Ok((row.int(6)?, course(row)?))).await?;
    let seq = rows.first().map(|(seq, _)| *seq).ok_or_else(no_log_head)?;
    Ok((seq, rows.into_iter().filter_map(|(_, course)| course).collect()))
}

/// The number of courses and the largest id. Where they are not those of the board, another program has added or
/// deleted courses.
///
/// # Errors
/// When the database cannot be read.
pub async fn extent(viewer: &Viewer) -> Result<(i64, i64), DbError> {
    let sql = "select count(*), coalesce(max(cast(id as bigint)), 0) from courses";
    let extent =
        viewer.db().read(Reach::Range, sql, Vec::new(), |row| Ok((row.int(0)?, row.int(1)?))).await?;
    Ok(extent.first().copied().unwrap_or_default())
}

/// The student who the viewer is, as far as it matters to which courses are open to them; `None` for everybody else.
///
/// # Errors
/// When the database cannot be read.
pub async fn chooser(viewer: &Viewer) -> Result<Option<Chooser>, DbError> {
    let Some(id) = viewer.own_student() else { return Ok(None) };
    let groups = "select group_name from matricula_group_students where student_id = $1";
    let taken = "select course_id from student_courses where student_id = $1 \
                 union all select course_id from waitlist where student_id = $2";
    let group = |row: &Row<'_>| Ok(GroupName::from_stored(row.text(0)?));
    let course = |row: &Row<'_>| Ok(CourseId(row.int(0)?));
    let groups = viewer.db().query(groups, [id.into()], group).await?;
    let taken = viewer.db().query(taken, [id.into(), id.into()], course).await?;
    let hold = "select 1 from matricula_holds where student_id = $1 limit 1";
    let is_on_hold = viewer.db().query_opt(hold, [id.into()], |row| row.int(0)).await?.is_some();
    let (groups, taken) = (groups.into_iter().collect(), taken.into_iter().collect());
    Ok(Some(Chooser { groups, taken, is_on_hold }))
}

/// Of the first `max` events after the `seq` `after`, those later than `since`: for each type their number and the
/// time of the first one.
///
/// # Errors
/// When the database cannot be read.
pub async fn recent_counts(
    db: &Db,
    after: i64,
    max: i64,
    since: &Stamp,
) -> Result<Vec<(Option<EventKind>, i64, Stamp)>, DbError> {
    let sql = "select type, count(*), min(at) from (select type, at from events where seq > $1 order by seq limit $2) e \
               where at > $3 group by type";
    db.read(Reach::Range, sql, [after.into(), max.into(), since.into()], |row| {
        Ok((row.text(0)?.parse().ok(), row.int(1)?, row.stamp(2)?))
    })
    .await
}

fn course(row: &Row<'_>) -> Result<Option<LiveCourse>, DbError> {
    let Some(id) = row.opt_int(0)? else { return Ok(None) };
    let seats = SeatCount { capacity: row.opt_int(3)?, enrolled: row.int(4)?, waitlisted: row.int(5)? };
    let (name, level, code) = (row.opt_text(1)?, row.opt_text(2)?, row.opt_text(7)?);
    Ok(Some(LiveCourse {
        course: Course { id: id.into(), name, level, code, seats: Some(seats) },
        has_limits: row.opt_int(13)?.is_some(),
        waitlist_capacity: row.int(8)?,
        opens_at: row.opt_stamp(9)?,
        closes_at: row.opt_stamp(10)?,
        waitlist_closes_at: row.opt_stamp(11)?,
        group_opens_at: group_openings(row.opt_text(12)?)?,
    }))
}
