//! The day of which a page shows the roster.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock::{Time, stamp};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;

/// A day that has been chosen, of which the end counts.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// As it was chosen: `2026-09-01`.
    pub chosen: String,
    /// The last millisecond of it: where whoever looks is, if a script has told; else in UTC.
    pub end: Time,
}

impl Day {
    /// Reads it; nothing is no day. `end` is its last moment where whoever looks is.
    ///
    /// # Errors
    /// `invalid-request` where it is none of the calendar.
    pub(super) fn chosen(typed: &str, end: Option<&Time>) -> Result<Option<Self>, Problem> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let in_utc = |day: Date| {
            let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
            next.timestamp().checked_sub(1.millisecond()).ok()
        };
        let day = typed.trim().parse::<Date>().ok().filter(|day| day.year() > 0);
        let in_utc = day.and_then(in_utc).ok_or_else(|| {
            let detail = "must be a day, like 2026-09-01";
            invalid(vec![json!({"parameter": "as_of", "detail": detail})])
        })?;
        let end = end.cloned().unwrap_or_else(|| Time(stamp(in_utc)));
        Ok(Some(Self { chosen: typed.trim().to_owned(), end }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_its_last_millisecond() {
        let end = |typed| Day::chosen(typed, None).unwrap().map(|day| day.end.0);
        assert_eq!(end("2026-09-01").as_deref(), Some("2026-09-01T23:59:59.999Z"));
        assert_eq!(end(" "), None);
        for typed in ["2026-02-30", "yesterday", "2026-09-01T08:00:00Z", "9999-12-31"] {
            assert!(Day::chosen(typed, None).is_err(), "{typed}");
        }
    }
}
