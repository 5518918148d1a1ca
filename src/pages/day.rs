//! The past day for which a page shows the roster.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::clock::Stamp;

/// A day; the roster is shown as of its end.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// The date; displays as `2026-09-01`.
    pub date: Date,
    /// The last millisecond of the day: in the viewer's time zone if a script sent it, otherwise in UTC. While the day
    /// has not ended, the current time.
    pub end: Stamp,
    /// The end of the day, also while it is in the future.
    pub asked: Stamp,
    /// Whether the day has ended.
    pub is_over: bool,
}

/// Why there is no roster for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDay {
    /// The text is no day.
    Unknown,
    /// The day has not begun.
    InFuture,
}

impl NoDay {
    /// What is wrong, as a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => "Choose a day, like 2026-09-01.",
            Self::InFuture => "This day has not come yet: choose today or an earlier day.",
        }
    }
}

impl Day {
    /// Parses a day; `None` if the text is empty. `end` is the last moment of the day in the viewer's time zone.
    ///
    /// # Errors
    /// [`NoDay`] for a date that is not in the calendar, or that is in the future.
    pub(super) fn parse(typed: &str, end: Option<&Stamp>, now: Timestamp) -> Result<Option<Self>, NoDay> {
        if typed.trim().is_empty() {
            return Ok(None);
        }
        let date = typed.trim().parse::<Date>().ok().filter(|date| date.year() > 0).ok_or(NoDay::Unknown)?;
        let end_in_utc = || format!("{date}T23:59:59.999Z").parse().ok();
        let end = end.cloned().or_else(end_in_utc).ok_or(NoDay::Unknown)?;
        // The longest day has 25 hours, when summer time ends.
        let tomorrow = now.checked_add(25.hours()).map(Stamp::from);
        if tomorrow.is_ok_and(|tomorrow| end > tomorrow) {
            return Err(NoDay::InFuture);
        }
        let now = Stamp::from(now);
        Ok(Some(Self { date, is_over: end <= now, end: end.clone().min(now), asked: end }))
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
    fn a_day_ends_with_its_last_millisecond_or_now() {
        let now = "2026-09-02T08:00:00Z".parse().unwrap();
        let end = |typed| Day::parse(typed, None, now).unwrap().map(|day| (day.end, day.is_over));
        let stamp = |text: &str| Stamp::from_stored(text.to_owned());
        assert_eq!(end("2026-09-01"), Some((stamp("2026-09-01T23:59:59.999Z"), true)));
        assert_eq!(end("2026-09-02"), Some((stamp("2026-09-02T08:00:00.000Z"), false)));
        assert_eq!(end(" "), None);
        for (typed, why) in [
            ("2026-02-30", NoDay::Unknown),
            ("yesterday", NoDay::Unknown),
            ("2026-09-01T08:00:00Z", NoDay::Unknown),
            ("2026-09-04", NoDay::InFuture),
            ("9999-12-31", NoDay::InFuture),
        ] {
            assert_eq!(Day::parse(typed, None, now).unwrap_err(), why, "{typed}");
        }
    }

    #[test]
    fn a_day_begins_earlier_where_the_viewer_is_further_east() {
        let now = "2026-09-01T20:00:00Z".parse().unwrap();
        let end = "2026-09-02T18:14:59.999Z".parse().unwrap();
        assert!(!Day::parse("2026-09-02", Some(&end), now).unwrap().unwrap().is_over);
        assert_eq!(Day::parse("2026-09-03", None, now).unwrap_err(), NoDay::InFuture);
    }
}
