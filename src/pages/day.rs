//! The day for which a page shows the roster.

use jiff::civil::Date;
use serde_json::json;

use crate::clock::Stamp;
use crate::http::invalid::invalid;
use crate::http::problem::Problem;

/// A day; the roster is shown as of its end.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// The date; displays as `2026-09-01`.
    pub date: Date,
    /// The last millisecond of the day: in the viewer's time zone if a script sent it, otherwise in UTC.
    pub end: Stamp,
}

impl Day {
    /// Parses a day; `None` if the text is empty. `end` is the last moment of the day in the viewer's time zone.
    ///
    /// # Errors
    /// `invalid-request` for a date that is not in the calendar.
    pub(super) fn parse(typed: &str, end: Option<&Stamp>) -> Result<Option<Self>, Problem> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let end_in_utc = |day: Date| format!("{day}T23:59:59.999Z").parse().ok();
        let date = typed.trim().parse::<Date>().ok().filter(|date| date.year() > 0);
        let day = date.and_then(|date| Some((date, end.cloned().or_else(|| end_in_utc(date))?)));
        let (date, end) = day.ok_or_else(|| {
            let detail = "must be a day, like 2026-09-01";
            invalid(vec![json!({"parameter": "as_of", "detail": detail})])
        })?;
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
        let end = |typed| Day::parse(typed, None).unwrap().map(|day| day.end);
        assert_eq!(end("2026-09-01").unwrap().as_str(), "2026-09-01T23:59:59.999Z");
        assert_eq!(end("9999-12-31").unwrap().as_str(), "9999-12-31T23:59:59.999Z");
        assert_eq!(end(" "), None);
        for typed in ["2026-02-30", "yesterday", "2026-09-01T08:00:00Z"] {
            assert!(Day::parse(typed, None).is_err(), "{typed}");
        }
    }
}
