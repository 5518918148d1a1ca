//! The promises, each as a query for the rows that break it. One statement each, so that each sees a single moment of
//! a running school.

use std::collections::HashMap;

use serde_json::Value;

use crate::clock::Stamp;
use crate::db::{Db, DbError, Reach, Rows};
use crate::registrar::{Limits, limits};

pub(super) async fn counts(db: &Db) -> Result<(i64, i64), DbError> {
    let sql = "select (select count(*) from events), (select count(*) from student_courses)";
    let counts = db.query_opt(sql, [], |row| Ok((row.int(0)?, row.int(1)?))).await?;
    counts.ok_or_else(|| DbError::Engine("the tables cannot be counted".to_owned()))
}

/// An entry of the log about a course.
pub(super) struct CourseEntry {
    pub(super) seq: i64,
    pub(super) at: Stamp,
    pub(super) kind: String,
    /// 0 if it is not about a course.
    pub(super) course_id: i64,
    /// 0 if it is not about a student.
    pub(super) student_id: i64,
    pub(super) actor: Option<String>,
    pub(super) data: Value,
}

/// All entries about courses, in order, and those that decide who is on hold.
pub(super) async fn entries(db: &Db) -> Result<Rows<CourseEntry>, DbError> {
    let sql = "select seq, type, coalesce(course_id, 0), coalesce(student_id, 0), actor, data, at from events \
               where course_id is not null or type in ('hold.placed', 'hold.released', 'student.deleted') order by seq";
    db.stream(sql, Vec::new(), |row| {
        let data = row.text(5)?;
        Ok(CourseEntry {
            seq: row.int(0)?,
            at: row.stamp(6)?,
            kind: row.text(1)?,
            course_id: row.int(2)?,
            student_id: row.int(3)?,
            actor: row.opt_text(4)?,
            data: if data == "{}" {
                Value::Null
            } else {
                serde_json::from_str(&data)
                    .map_err(|error| DbError::Engine(format!("events.data: {error}")))?
            },
        })
    })
    .await
}

/// Everyone on a waitlist, as course and student, and whether the student still exists.
pub(super) async fn waiting_students(db: &Db) -> Result<HashMap<(i64, i64), bool>, DbError> {
    let sql = "select w.course_id, w.student_id, (select count(*) from students s where s.id = w.student_id) from waitlist w";
    let rows = db.read(Reach::Scan, sql, [], |row| Ok(((row.int(0)?, row.int(1)?), row.int(2)? > 0))).await?;
    Ok(rows.into_iter().collect())
}

/// The time of the log's last entry; `None` if there is no head.
pub(super) async fn last_at(db: &Db) -> Result<Option<Stamp>, DbError> {
    db.query_opt("select last_at from log_head where id = 1", [], |row| row.stamp(0)).await
}

/// The limits of a course, and the log's last entry about them.
pub(super) struct CourseSeats {
    pub(super) course_id: i64,
    /// Empty if there is no entry.
    pub(super) kind: String,
    pub(super) data: String,
    pub(super) seats: Option<Limits>,
}

/// The courses that have limits now or had them once. Courses that another program deleted are left out.
pub(super) async fn seats(db: &Db) -> Result<Vec<CourseSeats>, DbError> {
    let sql = "select coalesce(cs.course_id, last.course_id), coalesce(e.type, ''), coalesce(e.data, '{}'), \
               case when cs.course_id is null then 0 else 1 end, \
               cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, cs.waitlist_closes_at, cs.drop_until, cs.group_opens_at \
               from (select course_id, max(seq) as seq from events \
               where type in ('seats.set', 'seats.removed', 'course.deleted') group by course_id) last \
               full join course_seats cs on cs.course_id = last.course_id \
               left join events e on e.seq = last.seq \
               where exists (select 1 from courses c where c.id = coalesce(cs.course_id, last.course_id)) order by 1";
    db.read(Reach::Scan, sql, [], |row| {
        Ok(CourseSeats {
            course_id: row.int(0)?,
            kind: row.text(1)?,
            data: row.text(2)?,
            seats: if row.int(3)? == 0 { None } else { Some(limits(row, 4)?) },
        })
    })
    .await
}

/// Courses with a free seat and a waitlist that moves up, restricted to those where another program freed the last seat, or
/// not. A waitlist that has ended since the last entry of the log was in order until then.
macro_rules! free_seats {
    ($whether:literal) => {
        concat!(
            "select 'course ' || course_id from waitlist w \
             where w.on_hold = 0 and exists (select 1 from students s where s.id = w.student_id) \
             and exists (select 1 from courses c where c.id = w.course_id) group by course_id \
             having not exists (select 1 from course_seats cs where cs.course_id = w.course_id and cs.capacity <= \
             (select count(*) from student_courses sc \
             where sc.course_id = w.course_id and sc.student_id = cast(sc.student_id as bigint))) \
             and not exists (select 1 from course_seats cs where cs.course_id = w.course_id \
             and coalesce(cs.waitlist_closes_at, cs.closes_at) <= (select last_at from log_head where id = 1))",
            $whether,
            "exists (select 1 from events e where e.course_id = w.course_id \
             and e.type = 'enrollment.dropped' and e.actor = 'database' and not exists (select 1 from events later \
             where later.course_id = e.course_id and later.seq > e.seq and coalesce(later.actor, '') <> 'database'))"
        )
    };
}

/// Whether the entry takes a student off a waitlist; the columns have this prefix.
macro_rules! leaves_waitlist {
    ($prefix:literal) => {
        concat!(
            "(",
            $prefix,
            "type in ('waitlist.left', 'waitlist.promoted') or (",
            $prefix,
            "type in ('enrollment.created', 'enrollment.restored') and ",
            $prefix,
            "data like '%\"from_waitlist\":true%'))"
        )
    };
}

pub(super) const PROMISES: [(&str, &str); 17] = [
    (
        "the log has no gap",
        "select 'after seq ' || seq from events e where seq < (select last_seq from log_head) \
         and not exists (select 1 from events n where n.seq = e.seq + 1) \
         union all select 'the log begins at seq ' || min(seq) from events having min(seq) <> 1",
    ),
    (
        "the log ends at its head",
        "select 'the head says ' || last_seq || ', the log ends at ' || (select coalesce(max(seq), 0) from events) \
         from log_head where last_seq <> (select coalesce(max(seq), 0) from events) \
         union all select 'the log has no head' where not exists (select 1 from log_head)",
    ),
    (
        // While the mark is set in a file, nothing that other programs write to student_courses is logged.
        "the head of the log is marked only inside the transaction of a batch",
        "select 'in_batch is ' || in_batch from log_head where in_batch <> 0",
    ),
    (
        "the log's times never go back",
        "select 'seq ' || seq from (select seq, at, lag(at) over (order by seq) as before from events) e \
         where before > at",
    ),
    (
        "every enrollment is in the log, and has not been dropped since",
        "select 'enrollment ' || id || ' of student ' || student_id || ' in course ' || course_id from ( \
         select id, student_id, course_id, enrolled_at from student_courses \
         except select enrollment_id, student_id, course_id, at from events \
         where type in ('enrollment.created', 'enrollment.adopted', 'waitlist.promoted')) found \
         union all select 'enrollment ' || id || ' was dropped' from student_courses where id in ( \
         select enrollment_id from events e where type = 'enrollment.dropped' and not exists (select 1 from events r \
         where r.enrollment_id = e.enrollment_id and r.type = 'enrollment.restored' and r.seq > e.seq))",
    ),
    (
        "every enrollment in the log that was not dropped exists",
        "select 'enrollment ' || enrollment_id || ' of student ' || student_id || ' in course ' || course_id from ( \
         select enrollment_id, student_id, course_id from events \
         where type in ('enrollment.created', 'enrollment.adopted', 'waitlist.promoted') \
         except select enrollment_id, student_id, course_id from events e where type = 'enrollment.dropped' \
         and not exists (select 1 from events r \
         where r.enrollment_id = e.enrollment_id and r.type = 'enrollment.restored' and r.seq > e.seq) \
         except select id, student_id, course_id from student_courses) missing",
    ),
    (
        "every enrollment id is used once",
        "select 'enrollment ' || enrollment_id || ' began ' || count(*) || ' times' from events \
         where type in ('enrollment.created', 'enrollment.adopted', 'waitlist.promoted') group by enrollment_id having count(*) > 1",
    ),
    (
        "no enrollment id is above the last one assigned",
        // The upper half of the range is left to other programs.
        "select 'enrollment ' || id from student_courses \
         where id > (select last_enrollment_id from log_head) and id < 4503599627370496",
    ),
    (
        // Only since batches have ids: an earlier version reused some ids, which cannot be repaired.
        "every id of a student or a course is used once",
        "select 'student ' || student_id || ' at seq ' || seq from events e where type = 'student.created' \
         and seq > (select min(seq) from events where batch is not null) \
         and exists (select 1 from events b where b.student_id = e.student_id and b.seq < e.seq) \
         union all select 'course ' || course_id || ' at seq ' || seq from events e where type = 'course.created' \
         and seq > (select min(seq) from events where batch is not null) \
         and exists (select 1 from events b where b.course_id = e.course_id and b.seq < e.seq)",
    ),
    (
        "no student is enrolled in a course twice",
        "select 'student ' || student_id || ' in course ' || course_id from student_courses \
         group by student_id, course_id having count(*) > 1",
    ),
    (
        "every student on a waitlist joined it in the log, and has neither left nor moved up since",
        concat!(
            "select 'student ' || student_id || ' waits for course ' || course_id from ( \
             select student_id, course_id, joined_seq, joined_at from waitlist \
             except select student_id, course_id, seq, at from events where type = 'waitlist.joined') found \
             union all select 'student ' || w.student_id || ' left the waitlist of course ' || w.course_id || ' or moved up' from waitlist w \
             join events e on e.student_id = w.student_id and e.course_id = w.course_id and e.seq > w.joined_seq \
             where not exists (select 1 from events r where r.student_id = e.student_id and r.course_id = e.course_id \
             and r.type = 'waitlist.restored' and r.seq > e.seq) and ",
            leaves_waitlist!("e.")
        ),
    ),
    (
        "every student who joined a waitlist is on it, has left or has moved up",
        concat!(
            "select 'student ' || student_id || ' for course ' || course_id from ( \
             select student_id, course_id, \
             sum(case when type in ('waitlist.joined', 'waitlist.restored') then 1 else -1 end) as waits \
             from events where type in ('waitlist.joined', 'waitlist.restored') or ",
            leaves_waitlist!(""),
            " group by student_id, course_id) counted \
             where waits <> (select count(*) from waitlist w \
             where w.student_id = counted.student_id and w.course_id = counted.course_id)"
        ),
    ),
    (
        // A student who was deleted by another program holds the seat until a server drops the row. A seat that
        // another program has freed is a note.
        "no seat is free while a student waits",
        free_seats!(" and not "),
    ),
    (
        "exactly the students who have a hold are passed over on waitlists",
        "select 'student ' || student_id || ' and course ' || course_id from waitlist w where on_hold <> case when exists \
         (select 1 from matricula_holds h where h.student_id = w.student_id) then 1 else 0 end",
    ),
    (
        "no student is enrolled in a course and on its waitlist",
        "select 'student ' || w.student_id || ' and course ' || w.course_id from waitlist w \
         join student_courses sc on sc.student_id = w.student_id and sc.course_id = w.course_id",
    ),
    (
        // An enrollment that another program inserted has no beginning, which `NOTES` reports.
        "every drop ends an enrollment that had begun",
        "select 'seq ' || min(case when drops = 1 then seq end) || ': enrollment ' \
         || coalesce(cast(enrollment_id as text), 'without an id') from ( \
         select seq, student_id, course_id, enrollment_id, case when type = 'enrollment.dropped' then 1 else 0 end as drops, \
         case when type = 'enrollment.restored' then 1 else 0 end as restores \
         from events where type in ('enrollment.created', 'enrollment.adopted', 'enrollment.restored', 'waitlist.promoted') \
         or (type = 'enrollment.dropped' and coalesce(actor, '') <> 'database')) e \
         group by enrollment_id having sum(drops) > 0 and (enrollment_id is null or sum(drops) > 1 + sum(restores) \
         or (sum(drops) < count(*) and (min(seq) = min(case when drops = 1 then seq end) \
         or count(distinct student_id) <> 1 or count(distinct course_id) <> 1)))",
    ),
    (
        "every restored enrollment had been dropped",
        "select 'seq ' || seq || ': enrollment ' || enrollment_id from (select seq, type, enrollment_id, \
         lag(type) over (partition by enrollment_id order by seq) as before from events \
         where enrollment_id is not null) e where type = 'enrollment.restored' and before <> 'enrollment.dropped'",
    ),
];

/// Changes that other programs may make to the tables of students and courses, each as a query for the rows. None of
/// them breaks a promise.
pub(super) const NOTES: [(&str, &str); 5] = [
    (
        "enrollments that another program inserted and that were dropped",
        "select 'seq ' || min(seq) || ': enrollment ' || enrollment_id from events \
         where enrollment_id is not null and type in \
         ('enrollment.created', 'enrollment.adopted', 'enrollment.restored', 'waitlist.promoted', 'enrollment.dropped') \
         group by enrollment_id having count(*) = 1 and min(type) = 'enrollment.dropped' \
         and coalesce(min(actor), '') <> 'database'",
    ),
    (
        "seats that another program has freed; a running server gives them to the students on the waitlist",
        free_seats!(" and "),
    ),
    (
        "rows of students or courses that another program deleted; a running server drops them",
        "select 'enrollment ' || sc.id || ': there is no student ' || sc.student_id from student_courses sc \
         where sc.student_id = cast(sc.student_id as bigint) \
         and not exists (select 1 from students s where s.id = sc.student_id) \
         union all select 'enrollment ' || sc.id || ': there is no course ' || sc.course_id from student_courses sc \
         where sc.course_id = cast(sc.course_id as bigint) \
         and not exists (select 1 from courses c where c.id = sc.course_id) \
         union all select 'place of student ' || student_id || ' on the waitlist of course ' || course_id \
         || ': one of them does not exist' from waitlist w \
         where not exists (select 1 from students s where s.id = w.student_id) \
         or not exists (select 1 from courses c where c.id = w.course_id) \
         union all select 'seats of course ' || course_id || ': there is no such course' from course_seats cs \
         where not exists (select 1 from courses c where c.id = cs.course_id) \
         union all select 'number of student ' || student_id || ': there is no such student' \
         from matricula_student_numbers n where not exists (select 1 from students s where s.id = n.student_id) \
         union all select 'code of course ' || course_id || ': there is no such course' \
         from matricula_course_codes n where not exists (select 1 from courses c where c.id = n.course_id)",
    ),
    (
        "students or courses that another program deleted; a running server adds this to the log",
        "select 'student ' || id from \
         (select distinct student_id as id from events where student_id is not null) known \
         where not exists (select 1 from students s where s.id = known.id) and 'student.deleted' <> \
         (select type from events e where e.student_id = known.id order by seq desc limit 1) \
         union all select 'course ' || id from \
         (select distinct course_id as id from events where course_id is not null) known \
         where not exists (select 1 from courses c where c.id = known.id) and 'course.deleted' <> \
         (select type from events e where e.course_id = known.id order by seq desc limit 1)",
    ),
    (
        "ids of deleted students or courses that another program gave to new rows",
        "select 'student ' || id || ', deleted at seq ' || seq from (select student_id as id, max(seq) as seq from events \
         where type = 'student.deleted' group by student_id) deleted \
         where exists (select 1 from students s where s.id = deleted.id) \
         and not exists (select 1 from events e where e.student_id = deleted.id and e.seq > deleted.seq) \
         union all select 'course ' || id || ', deleted at seq ' || seq from (select course_id as id, max(seq) as seq \
         from events where type = 'course.deleted' group by course_id) deleted \
         where exists (select 1 from courses c where c.id = deleted.id) \
         and not exists (select 1 from events e where e.course_id = deleted.id and e.seq > deleted.seq)",
    ),
];
