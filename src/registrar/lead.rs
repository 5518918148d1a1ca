//! By how much the log is ahead of the clock. It is ahead if the clock was wrong when an entry was written: further
//! entries get the time of the last one until the clock has caught up, while registration windows follow the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::clock::Stamp;
use crate::logging::LogThrottle;
use crate::metrics::Metrics;

/// The difference that may remain after the clock is set right.
const TOLERANCE: Duration = Duration::from_secs(1);

static LOGGED: LogThrottle = LogThrottle::every(Duration::from_mins(1));

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

    /// Updates the lead: `last_at` is the time of the last log entry, `now` the current one.
    pub(super) fn observe(&self, last_at: &Stamp, now: &Stamp) {
        let lead = lead(last_at, now);
        self.milliseconds.store(u64::try_from(lead.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.metrics.log_ahead_seconds.set(lead.as_secs_f64());
        if lead > TOLERANCE && LOGGED.is_due() {
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

/// How much later `last_at` is than `now`; zero if it is not, or if `last_at` is empty.
#[must_use]
pub fn lead(last_at: &Stamp, now: &Stamp) -> Duration {
    if last_at <= now {
        return Duration::ZERO;
    }
    // A time that cannot be parsed counts as the latest possible.
    let lead = last_at.utc().unwrap_or(DateTime::MAX).duration_since(now.utc().unwrap_or(DateTime::MIN));
    if lead.is_negative() { Duration::ZERO } else { SignedDuration::unsigned_abs(lead) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_of_any_time_is_counted() {
        let stamp = |text: &str| Stamp::from_stored(text.to_owned());
        let now = "2026-09-01T08:00:00.000Z";
        for (last_at, seconds) in [
            ("", 0),
            (now, 0),
            ("2026-09-01T08:01:30.000Z", 90),
            ("9999-12-30T08:00:00.000Z", 251_613_907_200),
            ("9999-12-31T08:00:00.000Z", 251_613_993_600),
            ("9999-12-31T23:59:59.999Z", 251_614_051_199),
            ("no time", 251_614_051_199),
        ] {
            assert_eq!(lead(&stamp(last_at), &stamp(now)).as_secs(), seconds, "{last_at}");
        }
    }
}
