//! The time, from the wall or from a test's hand, and the one form in which times are stored. Nothing else asks what time
//! it is.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, Unit};

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    Wall,
    /// A clock that moves only when told to.
    Hand(Hand),
}

/// A clock that moves only when told to: milliseconds since 1970 in UTC.
#[derive(Clone, Debug, Default)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    /// Puts the clock to `time`.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock {
    /// The time, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
            Self::Wall => {
                let now = Timestamp::now();
                now.round(Unit::Millisecond).unwrap_or(now)
            }
            Self::Hand(hand) =>
            {
                #[expect(
                    clippy::expect_used,
                    clippy::missing_panics_doc,
                    reason = "it was set as a timestamp"
                )]
                Timestamp::from_millisecond(hand.0.load(Ordering::SeqCst)).expect("the hand is at a time")
            }
        }
    }

    /// The time as it is stored and told: RFC 3339, UTC, milliseconds.
    #[must_use]
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// RFC 3339, UTC, always with milliseconds: `2026-09-01T08:00:00.000Z`. Texts of this form sort as their times do.
#[must_use]
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A time of RFC 3339 with its offset, as it is stored: UTC, milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time(pub String);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stamp = has_offset(text).then(|| text.parse().map(stamp).ok()).flatten();
        // Texts of one length sort as their times do.
        stamp
            .filter(|stamp| stamp.len() == "2026-09-01T08:00:00.000Z".len())
            .map(Self)
            .ok_or_else(|| "must be a time with its offset, like 2026-09-01T08:00:00Z (RFC 3339)".to_owned())
    }
}

/// Whether a time ends with an offset as RFC 3339 has it: `Z`, or hours up to 23 and minutes up to 59. What reads times
/// takes more: hours that no day has, offsets without minutes, names of zones.
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
