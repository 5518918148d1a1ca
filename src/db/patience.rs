use std::time::{Duration, Instant};

use super::DbError;

/// The first pause; each further one may be twice as long.
const FIRST: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST: Duration = Duration::from_millis(500);

/// How often something that failed without a trace is done again: after growing pauses, for a limited time. The pauses
/// are random, so that those who met each other once do not meet again.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// Patience for this long.
    #[must_use]
    pub fn lasting(time: Duration) -> Self {
        Self { until: Instant::now() + time, pause: FIRST }
    }

    /// Returns when it is time to try again.
    ///
    /// # Errors
    /// `error` itself, when it will not pass or the time is up.
    pub async fn after(&mut self, error: DbError) -> Result<(), DbError> {
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        if !error.may_pass() || Instant::now() + pause > self.until {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }
}
