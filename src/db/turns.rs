//! Who may read at length: through a whole table, or a long list. A read that could not begin in good time is refused, and no
//! client has more than its share of the reads under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::DbError;
use crate::shares::{Client, Quota, QuotaError, QuotaGuard};

/// Scans under way or waiting at most, however fast they are.
const MAX_SCANS: usize = 128;
/// Reads of a long range of an index, under way or waiting.
const MAX_RANGES: usize = 512;
/// Scans that may wait, however slow they are.
const MIN_SCANS: usize = 4;
/// How long a scan takes where none has been made yet: that of a hundred thousand rows or more.
const UNKNOWN_PACE: Duration = Duration::from_millis(100);
/// How long a scan may wait for those before it: the person who searches on a page has gone by then, and a request that waits
/// for thirty seconds is given up.
const GOOD_TIME: Duration = Duration::from_secs(5);

/// Turns to read at length.
#[derive(Debug)]
pub(super) struct Turns {
    scans: Arc<Scans>,
    ranges: Arc<Quota>,
    streams: Arc<Quota>,
}

#[derive(Debug)]
struct Scans {
    places: Arc<Quota>,
    at_once: u32,
    /// What each scan adds to the wait of those behind it, in microseconds, on the average of the last ones.
    pace: AtomicU64,
}

/// A turn to read, from when it is given until the engine has done with it: a client that asks and leaves, again and again,
/// has no more of them than one that waits.
#[derive(Debug)]
pub(super) struct Turn {
    _place: QuotaGuard,
    scan: Option<Scan>,
}

#[derive(Debug)]
struct Scan {
    scans: Arc<Scans>,
    /// When it must have begun; the program itself waits for as long as it takes.
    until: Option<Instant>,
    began: Option<Instant>,
}

impl Turns {
    /// Turns of an engine that makes `scans` scans at once and reads `streams` long lists.
    pub(super) fn new(scans: usize, streams: usize) -> Self {
        let at_once = u32::try_from(scans).unwrap_or(u32::MAX).max(1);
        let scans = Scans { places: Quota::new(MAX_SCANS), at_once, pace: AtomicU64::new(0) };
        scans.set_pace(UNKNOWN_PACE);
        Self { scans: Arc::new(scans), ranges: Quota::new(MAX_RANGES), streams: Quota::new(streams) }
    }

    /// A turn to read through a whole table.
    ///
    /// # Errors
    /// [`DbError::Busy`] when it would have to wait for too long, [`DbError::Share`] when this client's others are too many.
    pub(super) fn scan(&self, client: Option<Client>) -> Result<Turn, DbError> {
        let scan = Scan {
            scans: Arc::clone(&self.scans),
            until: client.and_then(|_| Instant::now().checked_add(GOOD_TIME)),
            began: None,
        };
        Ok(Turn { _place: self.scans.places.take(client, 1)?, scan: Some(scan) })
    }

    /// A turn to read a long range of an index.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn range(&self, client: Option<Client>) -> Result<Turn, DbError> {
        Ok(Turn { _place: self.ranges.take(client, 1)?, scan: None })
    }

    /// A place among the long lists that are read now.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn stream(&self, client: Option<Client>) -> Result<QuotaGuard, DbError> {
        Ok(self.streams.take(client, 1)?)
    }
}

impl Scans {
    fn took(&self, time: Duration) {
        let pace = Duration::from_micros(self.pace.load(Ordering::Relaxed));
        self.set_pace(pace * 3 / 4 + time / self.at_once / 4);
    }

    /// As many may wait as can begin in good time at this pace.
    fn set_pace(&self, pace: Duration) {
        let micros = pace.as_micros().max(1);
        self.pace.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
        let in_good_time = usize::try_from(GOOD_TIME.as_micros() / micros).unwrap_or(MAX_SCANS);
        self.places.set_total(in_good_time.clamp(MIN_SCANS, MAX_SCANS));
    }
}

impl Turn {
    /// The engine begins to read.
    ///
    /// # Errors
    /// [`DbError::Busy`] for a scan that has waited too long: those before it were slower than expected.
    pub(super) fn begin(&mut self) -> Result<(), DbError> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let now = Instant::now();
        if scan.until.is_some_and(|until| now > until) {
            return Err(DbError::Busy);
        }
        scan.began = Some(now);
        Ok(())
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if let Some(began) = self.began {
            self.scans.took(began.elapsed());
        }
    }
}

impl From<QuotaError> for DbError {
    fn from(full: QuotaError) -> Self {
        match full {
            QuotaError::Exhausted => Self::Busy,
            QuotaError::ClientShare => Self::Share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_scans_are_the_fewer_may_wait() {
        let Turns { scans, .. } = Turns::new(1, 1);
        assert_eq!(scans.places.total(), 50);
        for _ in 0..50 {
            scans.took(Duration::from_millis(249));
        }
        assert_eq!(scans.places.total(), 20);
        for _ in 0..50 {
            scans.took(Duration::from_mins(1));
        }
        assert_eq!(scans.places.total(), MIN_SCANS);
        for _ in 0..50 {
            scans.took(Duration::from_millis(1));
        }
        assert_eq!(scans.places.total(), MAX_SCANS);
    }

    #[test]
    fn where_two_scans_are_made_at_once_twice_as_many_may_wait() {
        let Turns { scans, .. } = Turns::new(2, 1);
        for _ in 0..50 {
            scans.took(Duration::from_millis(498));
        }
        assert_eq!(scans.places.total(), 20);
    }

    #[test]
    fn a_search_that_waited_too_long_is_refused_when_its_turn_comes() {
        let turns = Turns::new(1, 1);
        let ana = Some(Client::new([10, 0, 0, 1].into(), 50));
        let [mut in_time, mut late] = [(); 2].map(|()| turns.scan(ana).unwrap());
        late.scan.as_mut().unwrap().until = Instant::now().checked_sub(Duration::from_millis(1));
        assert_eq!((in_time.begin(), late.begin()), (Ok(()), Err(DbError::Busy)));
        assert_eq!(turns.scan(None).unwrap().scan.unwrap().until, None, "the program itself waits");
    }

    #[test]
    fn a_client_has_its_share_of_turns() {
        let turns = Turns::new(1, 4);
        let ana = Some(Client::new([10, 0, 0, 1].into(), 50));
        let held = [turns.stream(ana).unwrap(), turns.stream(ana).unwrap()];
        assert_eq!(turns.stream(ana).unwrap_err(), DbError::Share);
        let ben = Some(Client::new([10, 0, 0, 2].into(), 100));
        let more = [turns.stream(ben).unwrap(), turns.stream(ben).unwrap()];
        assert_eq!(turns.stream(ben).unwrap_err(), DbError::Busy);
        drop((held, more));
        assert_eq!(turns.streams.held(), 0);
    }
}
