//! A plot of a course's enrollments over time.

use std::fmt::Write as _;

use jiff::civil::DateTime;

use crate::clock::Stamp;
use crate::db::DbError;
use crate::enrollments::store;
use crate::events::About;
use crate::events::store as events;
use crate::registrar::CourseId;
use crate::viewer::Viewer;

/// How many students a course had over time, as a step curve.
#[derive(Debug)]
pub(super) struct Plot {
    /// The curve, as the points of a polyline.
    pub line: String,
    /// The area below the curve, as the points of a polygon.
    pub area: String,
    /// The maximum number of students.
    pub max: i64,
    /// The start of the curve, as a stored time.
    pub begins: Stamp,
    /// The end of the curve, as a stored time.
    pub ends: Stamp,
}

impl Plot {
    /// The size of the drawing area in the SVG's units.
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 100.0;

    /// Loads the curve of a course; `None` if nobody has ever enrolled.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(super) async fn load(viewer: &Viewer, course_id: CourseId) -> Result<Option<Self>, DbError> {
        let beginning = events::history_start(viewer, About::Course(course_id)).await?;
        let Some((begins, ends)) = store::log_span(viewer, course_id, beginning).await? else {
            return Ok(None);
        };
        let steps =
            store::steps(viewer, course_id, beginning, precision(begins.as_str(), ends.as_str())).await?;
        Ok(Self::from_steps(&steps, begins, ends))
    }

    fn from_steps(steps: &[(String, i64)], begins: Stamp, ends: Stamp) -> Option<Self> {
        let (first, last) = (begins.utc()?, ends.utc()?);
        let span = last.duration_since(first).as_secs_f64().max(1.0);
        let mut enrolled = 0;
        let mut heights = Vec::new();
        for (at, change) in steps {
            enrolled += change;
            let at = complete_time(at)?;
            let part = (at.duration_since(first).as_secs_f64() / span).clamp(0.0, 1.0);
            let x = (part * Self::WIDTH).round();
            // Of several steps at the same place only the last is visible.
            heights.pop_if(|(before, _): &mut (f64, i64)| (x - *before).abs() < 1.0);
            heights.push((x, enrolled));
        }
        let max = heights.iter().map(|(_, enrolled)| *enrolled).max().filter(|max| *max > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a drawing")]
        let y = |enrolled: i64| Self::HEIGHT - (enrolled as f64 / max as f64) * Self::HEIGHT;
        let (mut line, mut before) = (format!("0,{:.1}", Self::HEIGHT), 0);
        for (x, enrolled) in heights {
            // Writing to a `String` cannot fail.
            _ = write!(line, " {x:.1},{:.1} {x:.1},{:.1}", y(before), y(enrolled));
            before = enrolled;
        }
        _ = write!(line, " {:.1},{:.1}", Self::WIDTH, y(before));
        let area = format!("{line} {:.1},{:.1}", Self::WIDTH, Self::HEIGHT);
        Some(Self { line, area, max, begins, ends })
    }
}

/// How many characters of a stored time are needed to separate visible steps: up to days, hours, minutes or seconds.
fn precision(begins: &str, ends: &str) -> i64 {
    let common = begins.bytes().zip(ends.bytes()).take_while(|(one, other)| one == other).count();
    match common {
        // Different months or years.
        0..8 => 10,
        8..11 => 13,
        11..14 => 16,
        _ => 19,
    }
}

/// A stored time that was cut off at its end, completed to the start of that second, minute, hour or day.
fn complete_time(start: &str) -> Option<DateTime> {
    const COMPLETE: &str = "2026-01-01T00:00:00.000Z";
    Stamp::from_stored(format!("{start}{}", COMPLETE.get(start.len()..).unwrap_or_default())).utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_within_minutes_are_drawn_to_the_second() {
        let begins = "2026-09-01T08:00:00.000Z";
        for (ends, precise) in [
            ("2026-09-01T08:00:09.000Z", 19),
            ("2026-09-01T08:40:00.000Z", 19),
            ("2026-09-01T19:00:00.000Z", 16),
            ("2026-09-20T08:00:00.000Z", 13),
            ("2027-01-01T08:00:00.000Z", 10),
        ] {
            assert_eq!(precision(begins, ends), precise, "{ends}");
            let cut = &ends[..usize::try_from(precise).unwrap()];
            assert!(complete_time(cut).is_some(), "{cut}");
        }
    }

    #[test]
    fn the_curve_goes_up_and_down_in_steps() {
        let steps = [("2026-09-01T08:00:00", 2), ("2026-09-01T08:00:10", -1)];
        let steps = steps.map(|(at, change)| (at.to_owned(), change));
        let (begins, ends) =
            ("2026-09-01T08:00:00Z".parse().unwrap(), "2026-09-01T08:00:20Z".parse().unwrap());
        let plot = Plot::from_steps(&steps, begins, ends).unwrap();
        assert_eq!(plot.max, 2);
        assert_eq!(plot.line, "0,100.0 0.0,100.0 0.0,0.0 150.0,0.0 150.0,50.0 300.0,50.0");
    }
}
