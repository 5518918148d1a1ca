//! The current time, from the system or set by a test, and the format in which times are stored. No other module
//! reads the system clock.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, Unit};

/// The source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A clock that a test sets.
    Manual(ManualClock),
}

/// A clock that a test sets: milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Sets the clock.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock {
    /// The current time, rounded to milliseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
            Self::System => {
                let now = Timestamp::now();
                now.round(Unit::Millisecond).unwrap_or(now)
            }
            Self::Manual(clock) =>
            {
                #[expect(
                    clippy::expect_used,
                    clippy::missing_panics_doc,
                    reason = "it was set as a timestamp"
                )]
                Timestamp::from_millisecond(clock.0.load(Ordering::SeqCst))
                    .expect("the clock has a valid time")
            }
        }
    }

    /// The current time as it is stored and sent: RFC 3339, UTC, milliseconds.
    #[must_use]
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// A time in RFC 3339, UTC, always with milliseconds: `2026-09-01T08:00:00.000Z`. Such texts sort in order of time.
#[must_use]
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A time in the stored format, parsed from RFC 3339 with any offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time(pub String);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stamp = has_offset(text).then(|| text.parse().map(stamp).ok()).flatten();
        // Texts sort in order of time only if they have the same length, so years have four digits.
        stamp
            .filter(|stamp| stamp.len() == "2026-09-01T08:00:00.000Z".len())
            .map(Self)
            .ok_or_else(|| "must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)".to_owned())
    }
}

/// Whether a time ends with an offset of RFC 3339: `Z`, or hours up to 23 and minutes up to 59. jiff accepts more:
/// larger hours, offsets without minutes, names of time zones.
fn has_offset(time: &str) -> bool {
    let numeric = |offset: &[u8]| match offset {
        [b'+' | b'-', hours @ .., b':', m, n] if hours.len() == 2 => {
            let number = |text: &[u8]| str::from_utf8(text).ok().and_then(|text| text.parse::<u8>().ok());
            let digits = hours.iter().chain([m, n]).all(u8::is_ascii_digit);
            digits
                && number(hours).is_some_and(|hours| hours < 24)
                && number(&[*m, *n]).is_some_and(|n| n < 60)
        }
        _ => false,
    };
    let bytes = time.as_bytes();
    bytes.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'z'))
        || bytes.split_at_checked(bytes.len().saturating_sub(6)).is_some_and(|(_, offset)| numeric(offset))
}
