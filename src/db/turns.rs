//! Who may read at length: through a whole table, or a long list. What cannot be answered in good time is refused before it
//! begins, and no client has more than its share of what is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::DbError;
use crate::shares::{Client, Full, Place, Places};

/// Scans under way or waiting at most, however fast they are.
const SCANS: usize = 128;
/// Reads of a long range of an index, under way or waiting.
const RANGES: usize = 512;
/// Scans that may wait, however slow they are.
const FEW_SCANS: usize = 4;
/// What a scan takes where none has been made yet, in microseconds: that of a hundred thousand rows or more.
const UNKNOWN: u64 = 100_000;
/// How long a scan may have to wait for those before it: who searches on a page has gone by then, and a request that waits
/// for thirty seconds is given up.
const GOOD_TIME: Duration = Duration::from_secs(5);

/// Turns to read at length.
#[derive(Debug)]
pub(super) struct Turns {
    scans: Arc<Places>,
    ranges: Arc<Places>,
    streams: Arc<Places>,
    /// What a scan takes, in microseconds, on the average of the last ones; those beside it included.
    pace: AtomicU64,
}

/// How long a scan takes.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    turns: &'a Turns,
    began: Instant,
    /// Scans that had to be done until this one was.
    before: usize,
}

impl Turns {
    /// Turns of which at most so many are for long lists.
    pub(super) fn new(streams: usize) -> Self {
        let turns = Self {
            scans: Places::new(SCANS),
            ranges: Places::new(RANGES),
            streams: Places::new(streams),
            pace: AtomicU64::new(0),
        };
        turns.is_at(UNKNOWN);
        turns
    }

    /// A turn to read through a whole table. Its place is held until the engine has done with it: a client that asks and
    /// leaves, again and again, has no more of them than one that waits.
    ///
    /// # Errors
    /// [`DbError::Busy`] when it would have to wait for too long, [`DbError::Share`] when this client's others are too many.
    pub(super) fn scan(&self) -> Result<(Scan<'_>, Place), DbError> {
        let place = self.scans.take(Client::current(), 1)?;
        Ok((Scan { turns: self, began: Instant::now(), before: self.scans.held() }, place))
    }

    /// A turn to read a long range of an index.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn range(&self) -> Result<Place, DbError> {
        Ok(self.ranges.take(Client::current(), 1)?)
    }

    /// The rows of a long list that this client may still read; `None` where the program reads for itself.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn stream(&self) -> Result<Place, DbError> {
        Ok(self.streams.take(Client::current(), 1)?)
    }

    fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.is_at((self.pace.load(Ordering::Relaxed) / 4).saturating_mul(3).saturating_add(time / 4));
    }

    fn is_at(&self, pace: u64) {
        self.pace.store(pace, Ordering::Relaxed);
        let in_good_time = GOOD_TIME.as_micros() / u128::from(pace.max(1));
        self.scans.set_total(usize::try_from(in_good_time).unwrap_or(SCANS).clamp(FEW_SCANS, SCANS));
    }
}

impl Scan<'_> {
    /// It has been read to its end; how long that took says how many may wait.
    pub(super) fn done(self) {
        self.turns.took(self.began.elapsed() / u32::try_from(self.before.max(1)).unwrap_or(u32::MAX));
    }
}

impl From<Full> for DbError {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::Busy,
            Full::Share => Self::Share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_scans_are_the_fewer_may_wait() {
        let turns = Turns::new(1);
        assert_eq!(turns.scans.total(), 50);
        for _ in 0..50 {
            turns.took(Duration::from_millis(249));
        }
        assert_eq!(turns.scans.total(), 20);
        for _ in 0..50 {
            turns.took(Duration::from_mins(1));
        }
        assert_eq!(turns.scans.total(), FEW_SCANS);
        for _ in 0..50 {
            turns.took(Duration::from_millis(1));
        }
        assert_eq!(turns.scans.total(), 128);
    }

    #[tokio::test]
    async fn a_client_has_its_share_of_turns() {
        let turns = Turns::new(4);
        let ana = Client::new([10, 0, 0, 1].into(), 50);
        let held = ana
            .asks(async {
                let held = [turns.stream().unwrap(), turns.stream().unwrap()];
                assert_eq!(turns.stream().unwrap_err(), DbError::Share);
                held
            })
            .await;
        let ben = Client::new([10, 0, 0, 2].into(), 100);
        let more = ben
            .asks(async {
                let more = [turns.stream().unwrap(), turns.stream().unwrap()];
                assert_eq!(turns.stream().unwrap_err(), DbError::Busy);
                more
            })
            .await;
        drop((held, more));
        assert_eq!(turns.streams.held(), 0);
    }
}
