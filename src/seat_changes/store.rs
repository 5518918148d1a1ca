//! Reads changes from the database.

use std::collections::HashMap;

use super::change::{ChangeStatus, ChangedCourse, CourseCounts, CourseStatus, Reason, SeatChange};
use super::json::from_json;
use crate::clock::Stamp;
use crate::db::{Db, DbError, Reach, Row};
use crate::lists::{Cursor, ListRow, Listing};
use crate::registrar::{CourseId, Limits, Right, limits};
use crate::viewer::Viewer;

macro_rules! select_changes {
    ($condition:literal) => {
        concat!(
            "select id, created_at, actor, status, courses, seats, planned, unchanged, refused, moves_up, done, not_done, \
             undone, remaining, moved_up, touched_at, applied_at, undone_at, named from matricula_seat_changes \
             where status <> 'staging' and ",
            $condition
        )
    };
}

/// The change; `None` also for a caller who may not see it.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer, id: i64) -> Result<Option<SeatChange>, DbError> {
    Ok(find_named(viewer.db(), visible(viewer, id)).await?.map(|(change, _)| change))
}

/// The change, and the digest of the courses that were named.
pub(super) async fn find_named(db: &Db, id: Option<i64>) -> Result<Option<(SeatChange, String)>, DbError> {
    let sql = select_changes!("id = $1");
    db.query_opt(sql, [id.into()], |row| Ok((change(row)?, row.text(18)?))).await
}

/// All changes, the latest first; none for a caller who may not see them.
#[must_use]
pub fn list(viewer: &Viewer) -> Listing<SeatChange> {
    let sees = i64::from(sees_changes(viewer));
    Listing {
        order: "seat-changes".to_owned(),
        count: "select count(*) from matricula_seat_changes where status <> 'staging' and cast($1 as bigint) = 1",
        count_args: vec![sees.into()],
        rows: select_changes!("cast($1 as bigint) = 1 and id < $2 order by id desc limit $3"),
        args: Box::new(move |after: Option<&Cursor>| {
            vec![sees.into(), after.map_or(i64::MAX, |after| after.id).into()]
        }),
        map: |row| Ok(ListRow { id: row.int(0)?, text: None, row: change(row)? }),
        reach: Reach::Page,
        count_reach: Reach::Range,
    }
}

/// The courses of a change, in their order; only those with this status, if one is given.
#[must_use]
pub fn courses(viewer: &Viewer, id: i64, status: Option<CourseStatus>) -> Listing<ChangedCourse> {
    let visible = visible(viewer, id);
    let name = status.map_or("all", CourseStatus::as_str);
    let status = status.map(|status| status.as_str().to_owned());
    Listing {
        order: format!("seat-change.{id}.{name}"),
        count: "select count(*) from matricula_seat_change_courses where change_id = $1 \
                and (cast($2 as text) is null or status = $2)",
        count_args: vec![visible.into(), status.clone().into()],
        rows: "select sc.place, sc.course_id, cast(c.name as text), cast(cc.code as text), sc.status, sc.limits_before, \
               sc.limits_after, sc.enrolled, sc.moves_up, sc.moved_up, sc.code, sc.detail, \
               cast(c.id as bigint) \
               from matricula_seat_change_courses sc left join courses c on c.id = sc.course_id \
               left join matricula_course_codes cc on cc.course_id = sc.course_id \
               where sc.change_id = $1 and (cast($2 as text) is null or sc.status = $2) and sc.place > $3 \
               order by sc.place limit $4",
        args: Box::new(move |after: Option<&Cursor>| {
            vec![visible.into(), status.clone().into(), after.map_or(0, |after| after.id).into()]
        }),
        map: |row| Ok(ListRow { id: row.int(0)?, text: None, row: course(row)? }),
        reach: Reach::Range,
        count_reach: Reach::Range,
    }
}

/// A course that is to be changed, or put back.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) place: i64,
    pub(super) course_id: CourseId,
    /// `None` if it had none.
    pub(super) before: Option<Limits>,
    pub(super) after: Limits,
}

/// The first `max` courses with this status after a place, in their order.
pub(super) async fn steps(
    db: &Db,
    id: i64,
    status: CourseStatus,
    after: i64,
    max: usize,
) -> Result<Vec<Step>, DbError> {
    let sql = "select place, course_id, limits_before, limits_after from matricula_seat_change_courses \
               where change_id = $1 and status = $2 and place > $3 order by place limit $4";
    let max = crate::count::to_i64(max);
    let args = [id.into(), status.as_str().into(), after.into(), max.into()];
    db.read(Reach::Range, sql, args, |row| {
        let before = row.opt_text(2)?;
        let after = row.opt_text(3)?;
        let missing = || DbError::Engine("a planned course has no limits".to_owned());
        Ok(Step {
            place: row.int(0)?,
            course_id: row.int(1)?.into(),
            before: before.as_deref().map(from_json).transpose()?,
            after: from_json(&after.ok_or_else(missing)?)?,
        })
    })
    .await
}

/// The limits that the courses of a change had when it was planned; `None` if none.
pub(super) async fn limits_before(db: &Db, id: i64) -> Result<Vec<(CourseId, Option<Limits>)>, DbError> {
    let sql = "select course_id, limits_before from matricula_seat_change_courses where change_id = $1";
    db.read(Reach::Range, sql, [id.into()], |row| {
        Ok((row.int(0)?.into(), row.opt_text(1)?.as_deref().map(from_json).transpose()?))
    })
    .await
}

/// The id of the change that was just added.
pub(super) async fn id_of_record(db: &Db, record: &str) -> Result<Option<i64>, DbError> {
    let sql = "select id from matricula_seat_changes where record = $1";
    db.query_opt(sql, [record.into()], |row| row.int(0)).await
}

/// The id of the change that this request has made, and the fingerprint of that request.
pub(super) async fn id_of_request(db: &Db, request: &str) -> Result<Option<(i64, Option<String>)>, DbError> {
    let sql = "select id, fingerprint from matricula_seat_changes where request = $1";
    db.query_opt(sql, [request.into()], |row| Ok((row.int(0)?, row.opt_text(1)?))).await
}

/// A change that no server works on, although it is not at an end.
#[derive(Debug)]
pub(super) struct Unattended {
    pub(super) id: i64,
    pub(super) status: ChangeStatus,
    /// Who had it carried out or undone.
    pub(super) worked_by: String,
    /// What they could do then.
    pub(super) rights: String,
}

/// Changes that no server has worked on since `before`, although they are not at an end.
pub(super) async fn unattended(db: &Db, before: &Stamp) -> Result<Vec<Unattended>, DbError> {
    let sql = "select id, status, worked_by, rights from matricula_seat_changes \
               where status in ('applying', 'undoing') and touched_at < $1 order by id";
    let map = |row: &Row<'_>| {
        Ok(Unattended {
            id: row.int(0)?,
            status: ChangeStatus::from_stored(&row.text(1)?)?,
            worked_by: row.text(2)?,
            rights: row.text(3)?,
        })
    };
    db.query(sql, [before.into()], map).await
}

/// Whether a change has been carried out in some of its courses.
pub(super) async fn has_begun(db: &Db, change_id: i64) -> Result<bool, DbError> {
    let sql = "select 1 from matricula_seat_change_courses where change_id = $1 and status in ('done', 'not-done') limit 1";
    Ok(db.query_opt(sql, [change_id.into()], |row| row.int(0)).await?.is_some())
}

/// The limits of all courses that have some.
pub(super) async fn limits_of_all(viewer: &Viewer) -> Result<HashMap<CourseId, Limits>, DbError> {
    let sql = "select course_id, capacity, waitlist_capacity, opens_at, closes_at, waitlist_closes_at, drop_until, \
               group_opens_at from course_seats";
    let found =
        viewer.db().read(Reach::Scan, sql, [], |row| Ok((CourseId(row.int(0)?), limits(row, 1)?))).await?;
    Ok(found.into_iter().collect())
}

/// How many students would move up from each waitlist, if there were seats: those who are not on hold.
pub(super) async fn next_in_line(viewer: &Viewer) -> Result<HashMap<CourseId, i64>, DbError> {
    let sql = "select w.course_id, count(*) from waitlist w join students s on s.id = w.student_id \
               where w.on_hold = 0 group by w.course_id";
    let found =
        viewer.db().read(Reach::Scan, sql, [], |row| Ok((CourseId(row.int(0)?), row.int(1)?))).await?;
    Ok(found.into_iter().collect())
}

/// Whether the caller may see changes: whoever makes them.
fn sees_changes(viewer: &Viewer) -> bool {
    viewer.has(Right::WriteCourses)
}

fn visible(viewer: &Viewer, id: i64) -> Option<i64> {
    sees_changes(viewer).then_some(id)
}

fn change(row: &Row<'_>) -> Result<SeatChange, DbError> {
    Ok(SeatChange {
        id: row.int(0)?,
        created_at: row.stamp(1)?,
        actor: row.text(2)?,
        status: ChangeStatus::from_stored(&row.text(3)?)?,
        courses: from_json(&row.text(4)?)?,
        seats: from_json(&row.text(5)?)?,
        counts: CourseCounts { changed: row.int(6)?, unchanged: row.int(7)?, refused: row.int(8)? },
        moves_up: row.int(9)?,
        done: row.int(10)?,
        not_done: row.int(11)?,
        undone: row.int(12)?,
        remaining: row.int(13)?,
        moved_up: row.int(14)?,
        last_active_at: row.stamp(15)?,
        applied_at: row.opt_stamp(16)?,
        undone_at: row.opt_stamp(17)?,
    })
}

fn course(row: &Row<'_>) -> Result<ChangedCourse, DbError> {
    let before: Limits = row.opt_text(5)?.as_deref().map(from_json).transpose()?.unwrap_or_default();
    let after = row.opt_text(6)?.as_deref().map(from_json).transpose()?;
    let why = row.opt_text(10)?.zip(row.opt_text(11)?);
    Ok(ChangedCourse {
        course_id: row.int(1)?.into(),
        name: row.opt_text(2)?,
        is_deleted: row.opt_int(12)?.is_none(),
        code: row.opt_text(3)?,
        status: CourseStatus::from_stored(&row.text(4)?)?,
        after: after.unwrap_or_else(|| before.clone()),
        before,
        enrolled: row.int(7)?,
        moves_up: row.int(8)?,
        moved_up: row.int(9)?,
        why: why.map(|(code, detail)| Reason { code, detail }),
    })
}
