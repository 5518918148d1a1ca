//! The time, from the wall or from a test's hand. Nothing else asks what time it is.

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
