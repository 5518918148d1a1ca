//! The current time, from the system or set by a test, and the format in which times are stored. No other module
//! reads the system clock.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A clock that a test sets.
    Manual(ManualClock),
}

/// The error for a time in the future, where only the past can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is in the future: it is {now} now")]
pub struct InFuture {
    /// The current time.
    pub now: Stamp,
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

/// How far a time may be ahead of the clock and still count as the present: clocks of clients, and of servers that share
/// a database, differ a little. A time that one server has written into the log is never in the future for another.
const MAX_SKEW: SignedDuration = SignedDuration::from_secs(5);

impl Clock {
    /// Refuses a time in the future, about which the log does not know anything yet. Five seconds ahead count as the present.
    ///
    /// # Errors
    /// A time later than that.
    pub fn ensure_past(&self, time: &Stamp) -> Result<(), InFuture> {
        let now = self.now();
        let latest = Stamp::from(now.checked_add(MAX_SKEW).unwrap_or(now));
        if *time > latest { Err(InFuture { now: now.into() }) } else { Ok(()) }
    }

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

    /// The current time as it is stored and sent.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.now().into()
    }
}

/// A time as it is stored and sent: RFC 3339, UTC, always with milliseconds: `2026-09-01T08:00:00.000Z`. Such texts
/// sort in order of time. A text that another program stored in place of a time stays as it is and sorts as a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime)]
pub struct Stamp(String);

impl Stamp {
    /// A text from a column of times.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The time as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment; `None` if it is none that [`Timestamp`] has.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }

    /// The date and time of day in UTC; `None` if another program stored something else. Not a [`Timestamp`], which
    /// ends a day before the year 10000 does.
    #[must_use]
    pub fn utc(&self) -> Option<DateTime> {
        self.0.strip_suffix('Z')?.parse().ok()
    }

    /// The time that is `duration` earlier, or later if it is negative; `None` if there is no such time.
    #[must_use]
    pub fn checked_sub(&self, duration: SignedDuration) -> Option<Self> {
        self.utc()?.checked_sub(duration).ok().and_then(Self::from_utc)
    }

    /// `None` for a year that does not have four digits: texts sort in order of time only if they have the same length.
    fn from_utc(utc: DateTime) -> Option<Self> {
        (0..=9999).contains(&utc.year()).then(|| Self(format!("{utc:.3}Z")))
    }
}

impl From<Timestamp> for Stamp {
    fn from(time: Timestamp) -> Self {
        Self(format!("{time:.3}"))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a time of RFC 3339 with any offset, in the years 0 to 9999 (UTC).
impl FromStr for Stamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pieces = has_offset(text).then(|| Pieces::parse(text).ok()).flatten();
        let utc = pieces.and_then(|pieces| {
            let local = pieces.date().to_datetime(pieces.time()?);
            local.checked_sub(SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into())).ok()
        });
        utc.and_then(Self::from_utc)
            .ok_or_else(|| "must be a time with an offset, like 2026-09-01T08:00:00Z (RFC 3339)".to_owned())
    }
}

/// Whether a time ends with an offset of RFC 3339: `Z`, or hours up to 23 and minutes up to 59. jiff accepts more:
/// larger hours, offsets without minutes, names of time zones.
fn has_offset(time: &str) -> bool {
    matches!(
        time.as_bytes(),
        [.., b'Z' | b'z']
            | [.., b'+' | b'-', b'0'..=b'1', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']
            | [.., b'+' | b'-', b'2', b'0'..=b'3', b':', b'0'..=b'5', b'0'..=b'9']
    )
}
