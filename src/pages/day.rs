//! The day for which a page shows the roster.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock::{Time, stamp};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;

/// A day; the roster is shown as of its end.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// The date; displays as `2026-09-01`.
    pub date: Date,
    /// The last millisecond of the day: in the viewer's time zone if a script sent it, otherwise in UTC.
    pub end: Time,
}

impl Day {
    /// Parses a day; `None` if the text is empty. `end` is the last moment of the day in the viewer's time zone.
    ///
    /// # Errors
    /// `invalid-request` for a date that is not in the calendar.
    pub(super) fn parse(typed: &str, end: Option<&Time>) -> Result<Option<Self>, Problem> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let end_in_utc = |day: Date| {
            let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
            next.timestamp().checked_sub(1.millisecond()).ok()
        };
        let date = typed.trim().parse::<Date>().ok().filter(|date| date.year() > 0);
        let day = date.and_then(|date| Some((date, end_in_utc(date)?)));
        let (date, end_in_utc) = day.ok_or_else(|| {
            let detail = "must be a day, like 2026-09-01";
            invalid(vec![json!({"parameter": "as_of", "detail": detail})])
        })?;
        let end = end.cloned().unwrap_or_else(|| Time(stamp(end_in_utc)));
        Ok(Some(Self { date, end }))
    }

    /// The date for people: `1 September 2026`.
    pub(super) fn text(&self) -> String {
        self.date.strftime("%-d %B %Y").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_its_last_millisecond() {
        let end = |typed| Day::parse(typed, None).unwrap().map(|day| day.end.0);
        assert_eq!(end("2026-09-01").as_deref(), Some("2026-09-01T23:59:59.999Z"));
        assert_eq!(end(" "), None);
        for typed in ["2026-02-30", "yesterday", "2026-09-01T08:00:00Z", "9999-12-31"] {
            assert!(Day::parse(typed, None).is_err(), "{typed}");
        }
    }
}
