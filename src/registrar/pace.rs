//! How much work goes into one commit of something long, so that others hardly wait for it.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How long a commit should take, since other writes wait for it.
const COMMIT_TIME: Duration = Duration::from_millis(10);
/// The minimum number of steps in a commit, with which the work starts, and the maximum.
const STEPS: RangeInclusive<usize> = 100..=2_000;

/// The size of the commits of something long, which follows the time that they take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    size: usize,
    /// Between two commits.
    pause: Duration,
}

impl Pace {
    /// The most steps in a commit.
    pub const MAX_STEPS: usize = *STEPS.end();

    /// The pace at the beginning, with this pause for others between two commits.
    pub(super) fn new(pause: Duration) -> Self {
        Self { size: *STEPS.start(), pause }
    }

    /// Leaves the database to others after a commit.
    pub async fn pause(&self) {
        // A pause of no length would still wait for the clock to tick.
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }

    /// The number of steps in the next commit.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Learns from a commit of so many steps that took this long.
    pub fn learn(&mut self, steps: usize, took: Duration) {
        if steps == self.size {
            self.size = next_size(self.size, took);
        }
    }
}

/// The number of steps in the next commit, after a commit that took this long.
fn next_size(size: usize, took: Duration) -> usize {
    let micros = |time: Duration| usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
    let wanted = size.saturating_mul(micros(COMMIT_TIME)) / micros(took).max(1);
    // Change by a factor of two at most: a single slow commit says little.
    wanted.clamp(size / 2, size * 2).clamp(*STEPS.start(), *STEPS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_grow_and_shrink_until_they_take_as_long_as_they_should() {
        let after = |size, milliseconds| next_size(size, Duration::from_millis(milliseconds));
        assert_eq!(after(500, 10), 500);
        assert_eq!(after(500, 8), 625);
        assert_eq!(after(500, 1), 1_000);
        assert_eq!(after(1_500, 0), 2_000);
        assert_eq!(after(1_000, 1_000), 500);
        assert_eq!(after(150, 1_000), 100);
    }
}
