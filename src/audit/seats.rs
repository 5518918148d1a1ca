//! Whether every course has the seats that the log last gave it.

use serde_json::Value;

use super::finding::Finding;
use crate::db::{Db, DbError, Reach};
use crate::registrar::{Limits, limits};

/// Courses whose row in `course_seats` is not what the log last said. Those that another program deleted are left out: a
/// running server drops their rows.
///
/// # Errors
/// When the tables or the log cannot be read.
pub(super) async fn compare(db: &Db) -> Result<Option<Finding>, DbError> {
    let sql = "select coalesce(cs.course_id, last.course_id), coalesce(e.type, ''), coalesce(e.data, '{}'), \
               case when cs.course_id is null then 0 else 1 end, \
               cs.capacity, coalesce(cs.waitlist_capacity, 0), cs.opens_at, cs.closes_at \
               from (select course_id, max(seq) as seq from events \
               where type in ('seats.set', 'seats.removed', 'course.deleted') group by course_id) last \
               full join course_seats cs on cs.course_id = last.course_id \
               left join events e on e.seq = last.seq \
               where exists (select 1 from courses c where c.id = coalesce(cs.course_id, last.course_id)) order by 1";
    let courses = db
        .read(Reach::Scan, sql, [], |row| {
            let seats = if row.int(3)? == 0 { None } else { Some(limits(row, 4)?) };
            Ok((row.int(0)?, row.text(1)?, row.text(2)?, seats))
        })
        .await?;
    let mut found = Vec::new();
    for (course, kind, data, seats) in courses {
        let logged = if kind == "seats.set" { Some(logged(&data)?) } else { None };
        if seats != logged {
            let (seats, logged) = (shown(seats.as_ref()), shown(logged.as_ref()));
            found.push(format!("course {course} has {seats}; the log last gave it {logged}"));
        }
    }
    Ok(Finding::new("every course has the seats that the log last gave it", found))
}

fn logged(data: &str) -> Result<Limits, DbError> {
    let data: Value =
        serde_json::from_str(data).map_err(|error| DbError::Engine(format!("events.data: {error}")))?;
    let text = |field: &str| data[field].as_str().map(str::to_owned);
    Ok(Limits {
        capacity: data["capacity"].as_i64(),
        waitlist_capacity: data["waitlist_capacity"].as_i64().unwrap_or_default(),
        opens_at: text("opens_at"),
        closes_at: text("closes_at"),
    })
}

fn shown(limits: Option<&Limits>) -> String {
    let Some(Limits { capacity, waitlist_capacity, opens_at, closes_at }) = limits else {
        return "no limits".to_owned();
    };
    let seats = capacity.map_or("unlimited".to_owned(), |capacity| capacity.to_string());
    let mut shown = format!("{seats} seats, {waitlist_capacity} places on the waitlist");
    for (word, time) in [("opens", opens_at), ("closes", closes_at)] {
        if let Some(time) = time {
            shown.push_str(&format!(", {word} {time}"));
        }
    }
    shown
}
