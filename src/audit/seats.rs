//! Checks that every course has the limits recorded in the log.

use super::finding::Finding;
use super::store;
use crate::db::{Db, DbError};
use crate::registrar::Limits;

/// Courses whose row in `course_seats` differs from the log. Courses that another program deleted are left out: a
/// running server removes their rows.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn compare(db: &Db) -> Result<Option<Finding>, DbError> {
    let courses = store::seats(db).await?;
    let mut found = Vec::new();
    for store::CourseSeats { course_id, kind, data, seats } in courses {
        // The replay of the log reports an entry that cannot be read.
        let logged = match kind.as_str() {
            "seats.set" => serde_json::from_str(&data).map(Some),
            _ => Ok(None),
        };
        let Ok(logged) = logged else { continue };
        if seats != logged {
            let (seats, logged) = (shown(seats.as_ref()), shown(logged.as_ref()));
            found.push(format!("course {course_id} has {seats}; the log says {logged}"));
        }
    }
    Ok(Finding::new("every course has the limits recorded in the log", found))
}

fn shown(limits: Option<&Limits>) -> String {
    let Some(limits) = limits else {
        return "no limits".to_owned();
    };
    let Limits {
        capacity,
        waitlist_capacity,
        opens_at,
        closes_at,
        waitlist_closes_at,
        drop_until,
        group_opens_at,
    } = limits;
    let seats = match capacity {
        None => "unlimited seats".to_owned(),
        Some(1) => "1 seat".to_owned(),
        Some(capacity) => format!("{capacity} seats"),
    };
    let places = if *waitlist_capacity == 1 { "place" } else { "places" };
    let mut parts = vec![seats, format!("{waitlist_capacity} {places} on the waitlist")];
    let times = [
        ("opens", opens_at),
        ("closes", closes_at),
        ("the waitlist closes", waitlist_closes_at),
        ("drops end", drop_until),
    ];
    for (word, time) in times {
        parts.extend(time.as_ref().map(|time| format!("{word} {time}")));
    }
    parts.extend(group_opens_at.iter().map(|(group, opens_at)| format!("opens {opens_at} for {group}")));
    parts.join(", ")
}
