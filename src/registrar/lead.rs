//! How far the log is ahead of the clock. It is where the clock was wrong when something was written: entries then have
//! the time of the last one until the clock has caught up, while windows go by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::logging::Seldom;
use crate::metrics::Metrics;

/// The difference that a clock which is set right may leave behind.
const NORMAL: Duration = Duration::from_secs(1);

static LOGGED: Seldom = Seldom::every(Duration::from_mins(1));

/// How far the log was ahead of the clock when its head was last taken. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    milliseconds: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Lead {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { milliseconds: Arc::default(), metrics }
    }

    /// The log's last entry is of `last_at`, the clock says `now`; both RFC 3339.
    pub(super) fn observe(&self, last_at: &str, now: &str) {
        let lead = lead(last_at, now);
        self.milliseconds.store(u64::try_from(lead.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.metrics.log_ahead_seconds.set(lead.as_secs_f64());
        if lead > NORMAL && LOGGED.is_time() {
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

/// How long after `now` the time `last_at` is; zero if it is not, or if there is no entry yet.
#[must_use]
pub fn lead(last_at: &str, now: &str) -> Duration {
    if last_at <= now {
        return Duration::ZERO;
    }
    let between = last_at.parse::<Timestamp>().and_then(|last| Ok(last.duration_since(now.parse()?)));
    // A time that is none is as far ahead as can be.
    between.map_or(Duration::MAX, SignedDuration::unsigned_abs)
}
