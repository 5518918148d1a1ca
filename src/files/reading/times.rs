//! Times of the last change.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// Reads `2026-09-22T08:30:00.000Z`, `2026-09-22 08:30:00-06:00` or `2026-9-22`: a year of four digits first, as in
/// ISO 8601. A time without a zone is UTC, a day is its beginning. Other forms are `None`: nobody knows whether 8/1 is in
/// January.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    let mut parts = day.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4
        || [year, month, day].iter().any(|part| !part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    let (clock, zone) = split_zone(time.trim());
    let clock: Time = clock.trim().parse().ok()?;
    let zone = if zone.is_empty() { "Z" } else { zone };
    format!("{date}T{clock}{zone}").parse().ok()
}

fn split_zone(time: &str) -> (&str, &str) {
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    time.split_at(zone)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_year_first_is_read_and_anything_else_is_not() {
        let at = |text: &str| timestamp(text).map(|time| time.to_string());
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(at("2026-09-22T08:30:00.000Z"), is("2026-09-22T08:30:00Z"));
        assert_eq!(at("2026-09-22"), is("2026-09-22T00:00:00Z"));
        assert_eq!(at("2026-8-3 00:00:00"), is("2026-08-03T00:00:00Z"));
        assert_eq!(at("2026-12-18T00:00:00-06:00"), is("2026-12-18T06:00:00Z"));
        for unread in
            ["8/1/26", "24.08.2026", "1787529600", "46258", "2026-02-30", "26-08-24", "", "2026-09-22T25:00"]
        {
            assert_eq!(at(unread), None, "{unread}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[0-9TZ:. +-]{0,30}") {
            timestamp(&text);
        }
    }
}
