//! Admission of long reads: scans of a whole table, and long lists. A read that could not begin soon enough is
//! rejected, and no client gets more than its share of the reads under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DbError;
use crate::shares::{Client, Quota, QuotaError, QuotaGuard};

/// Scans under way or waiting at most, even if they are fast.
const MAX_SCANS: usize = 128;
/// Reads of a long range of an index, under way or waiting.
const MAX_RANGES: usize = 512;
/// Scans that may wait in any case, even if they are slow.
const MIN_SCANS: usize = 4;
/// The assumed duration of a scan before the first one was measured: that of a hundred thousand rows or more.
const INITIAL_PACE: Duration = Duration::from_millis(100);
/// How long a scan may wait for earlier ones: the person who searches on a page has left by then, and a request is
/// given up after thirty seconds.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Hands out turns for long reads.
#[derive(Debug)]
pub(super) struct Turns {
    scans: Arc<Scans>,
    /// Searches in memory, one at a time.
    searches: Arc<Scans>,
    searching: Arc<Semaphore>,
    ranges: Arc<Quota>,
    streams: Arc<Quota>,
}

#[derive(Debug)]
struct Scans {
    places: Arc<Quota>,
    at_once: u32,
    /// By how much each scan delays those behind it, in microseconds: a moving average.
    pace: AtomicU64,
}

/// A turn to read, held until the engine is done with it. So a client that asks and disconnects again and again gets
/// no more of them than one that waits.
#[derive(Debug)]
pub struct Turn {
    _place: QuotaGuard,
    scan: Option<Scan>,
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Scan {
    scans: Arc<Scans>,
    /// When it must have begun; `None` for the program itself, which waits as long as it takes.
    until: Option<Instant>,
    began: Option<Instant>,
}

impl Turns {
    /// Turns for an engine that runs `scans` scans at a time and reads `streams` long lists.
    pub(super) fn new(scans: usize, streams: usize) -> Self {
        let at_once = u32::try_from(scans).unwrap_or(u32::MAX).max(1);
        Self {
            scans: Scans::new(at_once),
            searches: Scans::new(1),
            searching: Arc::new(Semaphore::new(1)),
            ranges: Quota::new(MAX_RANGES),
            streams: Quota::new(streams),
        }
    }

    /// A turn to scan a whole table.
    ///
    /// # Errors
    /// [`DbError::Busy`] if it would have to wait too long, [`DbError::OverShare`] if the client has too many
    /// already.
    pub(super) fn scan(&self, client: Option<Client>) -> Result<Turn, DbError> {
        Scans::turn(&self.scans, client)
    }

    /// A turn to search what is in memory, which has begun.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) async fn search(&self, client: Option<Client>) -> Result<Turn, DbError> {
        let mut turn = Scans::turn(&self.searches, client)?;
        let permit = Arc::clone(&self.searching).acquire_owned().await;
        turn.begin()?;
        Ok(Turn { _permit: Some(permit.map_err(|_| DbError::Busy)?), ..turn })
    }

    /// A turn to read a long range of an index.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn range(&self, client: Option<Client>) -> Result<Turn, DbError> {
        Ok(Turn { _place: self.ranges.take(client, 1)?, scan: None, _permit: None })
    }

    /// A place among the long lists that are being read.
    ///
    /// # Errors
    /// As [`Turns::scan`].
    pub(super) fn stream(&self, client: Option<Client>) -> Result<QuotaGuard, DbError> {
        Ok(self.streams.take(client, 1)?)
    }
}

impl Scans {
    fn new(at_once: u32) -> Arc<Self> {
        let scans = Self { places: Quota::new(MAX_SCANS), at_once, pace: AtomicU64::new(0) };
        scans.set_pace(INITIAL_PACE);
        Arc::new(scans)
    }

    fn turn(scans: &Arc<Self>, client: Option<Client>) -> Result<Turn, DbError> {
        let until = client.and_then(|_| Instant::now().checked_add(MAX_WAIT));
        let scan = Scan { scans: Arc::clone(scans), until, began: None };
        Ok(Turn { _place: scans.places.take(client, 1)?, scan: Some(scan), _permit: None })
    }

    fn record(&self, time: Duration) {
        let pace = Duration::from_micros(self.pace.load(Ordering::Relaxed));
        self.set_pace(pace * 3 / 4 + time / self.at_once / 4);
    }

    /// Lets as many scans wait as can begin within [`MAX_WAIT`] at this pace.
    fn set_pace(&self, pace: Duration) {
        let micros = pace.as_micros().max(1);
        self.pace.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
        let max_waiting = usize::try_from(MAX_WAIT.as_micros() / micros).unwrap_or(MAX_SCANS);
        self.places.set_total(max_waiting.clamp(MIN_SCANS, MAX_SCANS));
    }
}

impl Turn {
    /// Marks the turn as begun.
    ///
    /// # Errors
    /// [`DbError::Busy`] for a scan that has waited too long because earlier ones were slower than expected.
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
            self.scans.record(began.elapsed());
        }
    }
}

impl From<QuotaError> for DbError {
    fn from(full: QuotaError) -> Self {
        match full {
            QuotaError::Exhausted => Self::Busy,
            QuotaError::ClientShare => Self::OverShare,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_scans_allow_fewer_to_wait() {
        let Turns { scans, .. } = Turns::new(1, 1);
        assert_eq!(scans.places.total(), 50);
        for _ in 0..50 {
            scans.record(Duration::from_millis(249));
        }
        assert_eq!(scans.places.total(), 20);
        for _ in 0..50 {
            scans.record(Duration::from_mins(1));
        }
        assert_eq!(scans.places.total(), MIN_SCANS);
        for _ in 0..50 {
            scans.record(Duration::from_millis(1));
        }
        assert_eq!(scans.places.total(), MAX_SCANS);
    }

    #[test]
    fn two_scans_at_a_time_allow_twice_as_many_to_wait() {
        let Turns { scans, .. } = Turns::new(2, 1);
        for _ in 0..50 {
            scans.record(Duration::from_millis(498));
        }
        assert_eq!(scans.places.total(), 20);
    }

    #[test]
    fn a_scan_that_waited_too_long_is_rejected() {
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
        assert_eq!(turns.stream(ana).unwrap_err(), DbError::OverShare);
        let ben = Some(Client::new([10, 0, 0, 2].into(), 100));
        let more = [turns.stream(ben).unwrap(), turns.stream(ben).unwrap()];
        assert_eq!(turns.stream(ben).unwrap_err(), DbError::Busy);
        drop((held, more));
        assert_eq!(turns.streams.held(), 0);
    }
}
