//! Records of what happens often and is no change of registration. They are counted in memory and written about once a
//! second, many in one transaction, so that a flood of them is no flood of writes and nobody waits for them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use super::chore::Chore;
use super::queue::Registrar;
use super::refusal::Refusal;
use crate::clock::{Clock, Stamp};
use crate::count::to_i64;
use crate::logging::LogThrottle;

/// How long a record is in memory only.
const INTERVAL: Duration = Duration::from_secs(1);
/// Different records in memory: while the database cannot be written to, further ones are lost.
const MAX_WAITING: usize = 10_000;
/// Records in one transaction, so that writes of registration do not wait long for it.
const MAX_WRITTEN: usize = 256;
/// How long records are kept: longer than a school year.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How often to look for older ones.
const SWEEP_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// Old records that are deleted in one transaction.
const MAX_DELETED: usize = 1_000;

/// Something to record. Equal ones within a minute are one record.
pub trait Tallied: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// What it is, for log output.
    const NAME: &'static str;

    /// The statements that record it. They add to the record of the same minute, if there is one.
    fn chores(&self, counted: &Counted) -> Vec<Chore>;

    /// The statement that deletes at most `max` records from before this time.
    fn delete_old(before: &Stamp, max: i64) -> Chore;
}

/// A minute, to its last millisecond.
const MINUTE: SignedDuration = SignedDuration::from_millis(59_999);

/// How often something happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How often.
    pub count: i64,
    /// The first time.
    pub first: Stamp,
    /// The last time.
    pub last: Stamp,
}

impl Counted {
    /// The first and the last moment of the minute in which it happened first.
    #[must_use]
    pub fn minute(&self) -> (Stamp, Stamp) {
        let begin = self.first.utc().and_then(|time| {
            let seconds = SignedDuration::from_secs(i64::from(time.second()));
            self.first.checked_sub(seconds + SignedDuration::from_nanos(i64::from(time.subsec_nanosecond())))
        });
        let begin = begin.unwrap_or_else(|| self.first.clone());
        let end = begin.checked_sub(-MINUTE).unwrap_or_else(|| begin.clone());
        (begin, end)
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.clone().min(other.first);
        self.last = self.last.clone().max(other.last);
    }
}

/// What has to be recorded. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tally<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    /// By what happened and the minute in which it did.
    waiting: Mutex<HashMap<(Stamp, T), Counted>>,
    registrar: Registrar,
    clock: Clock,
    task: Mutex<Option<AbortHandle>>,
    lost: LogThrottle,
}

impl<T: Tallied> Tally<T> {
    /// Writes what is recorded, and deletes old records, until [`Tally::close`].
    #[must_use]
    pub fn start(registrar: Registrar, clock: Clock) -> Self {
        let tally = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            registrar,
            clock,
            task: Mutex::default(),
            lost: LogThrottle::every(Duration::from_mins(1)),
        }));
        let task = tokio::spawn(tally.clone().work()).abort_handle();
        *tally.0.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        tally
    }

    /// Records that it happened `count` times just now. Never waits.
    pub fn record(&self, what: T, count: i64) {
        let now = self.0.clock.stamp();
        self.add(what, Counted { count, first: now.clone(), last: now });
    }

    /// Writes everything that was recorded. Nothing may be recorded after this.
    pub async fn close(&self) {
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
        if let Err(error) = self.write().await {
            let lost = self.waiting().len();
            self.0.registrar.metrics().records_lost.inc_by(u64::try_from(lost).unwrap_or(u64::MAX));
            tracing::warn!(%error, lost, "records of {} are lost", T::NAME);
        }
    }

    async fn work(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_sweep: Option<Timestamp> = None;
        loop {
            interval.tick().await;
            if let Err(error) = self.write().await
                && self.0.lost.is_due()
            {
                tracing::warn!(%error, "records of {} cannot be written yet", T::NAME);
            }
            let now = self.0.clock.now();
            // If the clock was set back, the next sweep would be far in the future.
            if next_sweep.is_none_or(|next| next <= now || next > now + SWEEP_INTERVAL) {
                next_sweep = now.checked_add(SWEEP_INTERVAL).ok();
                if let Err(error) = self.sweep(now).await {
                    tracing::debug!(%error, "old records of {} cannot be deleted", T::NAME);
                }
            }
        }
    }

    /// Writes what is waiting; it keeps waiting if that fails.
    async fn write(&self) -> Result<(), Refusal> {
        loop {
            let taken = self.take();
            if taken.is_empty() {
                return Ok(());
            }
            let chores = taken.iter().flat_map(|(what, counted)| what.chores(counted)).collect();
            if let Err(error) = self.0.registrar.keep_house(chores).await {
                for (what, counted) in taken {
                    self.add(what, counted);
                }
                return Err(error);
            }
        }
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), Refusal> {
        let Ok(before) = now.checked_sub(KEPT) else { return Ok(()) };
        let chore = T::delete_old(&before.into(), to_i64(MAX_DELETED));
        while self.0.registrar.keep_house(vec![chore.clone()]).await? == [MAX_DELETED] {}
        Ok(())
    }

    fn take(&self) -> Vec<(T, Counted)> {
        let mut waiting = self.waiting();
        let keys: Vec<_> = waiting.keys().take(MAX_WRITTEN).cloned().collect();
        let taken = keys.into_iter().filter_map(|key| {
            let counted = waiting.remove(&key)?;
            Some((key.1, counted))
        });
        taken.collect()
    }

    fn add(&self, what: T, counted: Counted) {
        let key = (counted.minute().0, what);
        let mut waiting = self.waiting();
        if let Some(known) = waiting.get_mut(&key) {
            known.add(counted);
        } else if waiting.len() < MAX_WAITING {
            waiting.insert(key, counted);
        } else {
            drop(waiting);
            self.0.registrar.metrics().records_lost.inc();
            if self.0.lost.is_due() {
                tracing::warn!("too many records of {} wait to be written; some are lost", T::NAME);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<(Stamp, T), Counted>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_the_one_of_the_clock() {
        let counted = |first: &str| {
            let first = Stamp::from_stored(first.to_owned());
            let (begin, end) = Counted { count: 1, last: first.clone(), first }.minute();
            format!("{begin} {end}")
        };
        for time in ["2026-09-01T08:07:00.000Z", "2026-09-01T08:07:01.003Z", "2026-09-01T08:07:59.999Z"] {
            assert_eq!(counted(time), "2026-09-01T08:07:00.000Z 2026-09-01T08:07:59.999Z");
        }
    }
}
