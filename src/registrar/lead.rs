//! By how much the log is ahead of the clock. It is ahead if the clock was wrong when an entry was written: further
//! entries get the time of the last one until the clock has caught up, while registration windows follow the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::logging::Seldom;
use crate::metrics::Metrics;

/// The difference that may remain after the clock is set right.
const TOLERANCE: Duration = Duration::from_secs(1);

static LOGGED: Seldom = Seldom::every(Duration::from_mins(1));

/// By how much the log was ahead of the clock when its head was last locked. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    milliseconds: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Lead {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { milliseconds: Arc::default(), metrics }
    }

    /// Updates the lead: `last_at` is the time of the last log entry, `now` the current one; both RFC 3339.
    pub(super) fn observe(&self, last_at: &str, now: &str) {
        let lead = lead(last_at, now);
        self.milliseconds.store(u64::try_from(lead.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.metrics.log_ahead_seconds.set(lead.as_secs_f64());
        if lead > TOLERANCE && LOGGED.is_time() {
            tracing::warn!(
                seconds = lead.as_secs(),
                "the log is ahead of the clock: the clock is wrong now, or it was when the last entry was written"
            );
        }
    }

    pub(super) fn get(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}

/// How much later `last_at` is than `now`, both RFC 3339; zero if it is not, or if `last_at` is empty.
#[must_use]
pub fn lead(last_at: &str, now: &str) -> Duration {
    if last_at <= now {
        return Duration::ZERO;
    }
    let between = last_at.parse::<Timestamp>().and_then(|last| Ok(last.duration_since(now.parse()?)));
    // If a time cannot be parsed, the lead is the longest possible.
    between.map_or(Duration::MAX, SignedDuration::unsigned_abs)
}
