//! What is read of seats and waitlists.

use super::WaitlistEntry;
use crate::db::{Db, DbError, Reach};
use crate::http::paging::{Listed, Listing};
use crate::registrar::{CourseId, Limits, Place, Seats, StudentId, limits};

/// The limits of a course, and how full it is; nothing when there is no such course.
///
/// # Errors
/// What the engine said.
pub async fn find(db: &Db, id: CourseId) -> Result<Option<Seats>, DbError> {
    let sql = "select cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at, \
               (select count(*) from student_courses sc join students s on s.id = sc.student_id where sc.course_id = c.id), \
               (select count(*) from waitlist w join students s on s.id = w.student_id where w.course_id = c.id) \
               from courses c left join course_seats cs on cs.course_id = c.id where c.id = cast($1 as bigint)";
    db.query_opt(sql, [id.0.into()], |row| {
        let limits: Limits = limits(row, 0)?;
        Ok(Seats::of(limits, row.int(4)?, row.int(5)?))
    })
    .await
}

/// Where a student stands on the waitlist of a course.
///
/// # Errors
/// What the engine said.
pub async fn place(db: &Db, student_id: StudentId, course_id: CourseId) -> Result<Option<Place>, DbError> {
    let sql = "select w.joined_at, (select count(*) from waitlist before join students s on s.id = before.student_id \
               where before.course_id = w.course_id and before.joined_seq <= w.joined_seq) from waitlist w \
               join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               where w.student_id = $1 and w.course_id = $2";
    let found =
        db.query_opt(sql, [student_id.0.into(), course_id.0.into()], |row| Ok((row.text(0)?, row.int(1)?)));
    Ok(found.await?.map(|(joined_at, position)| Place { student_id, course_id, position, joined_at }))
}

/// The courses that a student waits for, with their names and the student's places, in the order in which the waits began.
///
/// # Errors
/// What the engine said.
pub async fn waits_of(db: &Db, student_id: StudentId) -> Result<Vec<(Option<String>, Place)>, DbError> {
    let sql = "select w.course_id, cast(c.name as text), w.joined_at, (select count(*) from waitlist before \
               join students s on s.id = before.student_id \
               where before.course_id = w.course_id and before.joined_seq <= w.joined_seq) from waitlist w \
               join students s on s.id = w.student_id join courses c on c.id = w.course_id where w.student_id = $1 order by w.joined_seq";
    let found = db.query(sql, [student_id.0.into()], |row| {
        Ok((CourseId(row.int(0)?), row.opt_text(1)?, row.text(2)?, row.int(3)?))
    });
    let place =
        |(course_id, name, joined_at, position)| (name, Place { student_id, course_id, position, joined_at });
    Ok(found.await?.into_iter().map(place).collect())
}

/// Who waits for a course, in order. Empty also when there is no such course.
#[must_use]
pub fn waitlist_of(course_id: CourseId) -> Listing<WaitlistEntry> {
    Listing {
        reach: Reach::Key,
        order: format!("waitlist-of-{course_id}"),
        count: "select count(*) from waitlist w join students s on s.id = w.student_id \
                join courses c on c.id = w.course_id where w.course_id = $1",
        count_args: vec![course_id.0.into()],
        rows: "select position, student_id, name, email, joined_at, joined_seq from (\
               select row_number() over (order by w.joined_seq) as position, w.student_id, cast(s.name as text) as name, \
               cast(s.email as text) as email, w.joined_at, w.joined_seq \
               from waitlist w join students s on s.id = w.student_id join courses c on c.id = w.course_id \
               where w.course_id = $1) placed \
               where joined_seq > $2 order by joined_seq limit $3",
        args: Box::new(move |after| vec![course_id.0.into(), after.map_or(0, |after| after.id).into()]),
        map: |row| {
            let entry = WaitlistEntry {
                position: row.int(0)?,
                student_id: row.int(1)?.into(),
                name: row.opt_text(2)?,
                email: row.opt_text(3)?,
                joined_at: row.text(4)?,
            };
            Ok(Listed { row: entry, text: None, id: row.int(5)? })
        },
    }
}
