use std::time::{Duration, Instant};

use super::DbError;

/// The first pause; each following one is at most twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// Retries an operation that failed without leaving a trace: after growing pauses, for a limited time. The pauses are
/// random, so that two processes that collided once do not collide again.
#[derive(Debug)]
pub struct Backoff {
    until: Instant,
    pause: Duration,
}

impl Backoff {
    /// Retries for at most this long.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { until: Instant::now() + time, pause: FIRST_PAUSE }
    }

    /// Waits until it is time to retry.
    ///
    /// # Errors
    /// Returns `error` itself if a retry cannot help or the time is up.
    pub async fn wait(&mut self, error: DbError) -> Result<(), DbError> {
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        if !error.is_transient() || Instant::now() + pause > self.until {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Ok(())
    }
}
