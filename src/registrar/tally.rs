//! Records of what happens often and is no change of registration. They are counted in memory and written about once a
//! second, many in one transaction, so that a flood of them is no flood of writes and nobody waits for them.

use std::collections::{HashMap, HashSet};
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
/// Different records of one source within a minute; from then on they are counted together.
const MAX_DIFFERENT: usize = 500;
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

    /// Who or what causes it. Each source has room of its own, so that none can crowd out the records of another.
    fn source(&self) -> i64;

    /// What is counted instead when the source causes too many different records within a minute. There are few of
    /// these.
    #[must_use]
    fn summary(&self) -> Self;

    /// The statement that records it. It adds to the record of the same minute, if there is one.
    fn chore(&self, counted: &Counted) -> Chore;

    /// Reports it in log output, where it cannot be recorded because the server only reads.
    fn log(&self, _counted: &Counted) {}

    /// The statement that deletes at most `max` records from before this time.
    fn delete_old(before: &Stamp, max: i64) -> Chore;
}

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
    /// The beginning of the minute in which it happened first.
    #[must_use]
    pub fn minute(&self) -> Stamp {
        let begin = self.first.utc().and_then(|time| {
            let seconds = SignedDuration::from_secs(i64::from(time.second()));
            self.first.checked_sub(seconds + SignedDuration::from_nanos(i64::from(time.subsec_nanosecond())))
        });
        begin.unwrap_or_else(|| self.first.clone())
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
    waiting: Mutex<Waiting<T>>,
    registrar: Registrar,
    clock: Clock,
    task: Mutex<Option<AbortHandle>>,
    lost: LogThrottle,
}

/// The records that are not written yet.
#[derive(Debug)]
struct Waiting<T> {
    /// By what happened and the minute in which it did.
    records: HashMap<(Stamp, T), Counted>,
    /// The minute of `different`.
    minute: Stamp,
    /// What each source has caused within the minute, written or not.
    different: HashMap<i64, HashSet<T>>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { records: HashMap::new(), minute: Stamp::default(), different: HashMap::new() }
    }
}

impl<T: Tallied> Waiting<T> {
    /// What to count in this minute: `what`, or its summary once its source has caused too many different records.
    fn within_limits(&mut self, what: T, minute: &Stamp) -> T {
        if self.minute != *minute {
            self.minute = minute.clone();
            self.different.clear();
        }
        let different = self.different.entry(what.source()).or_default();
        if different.contains(&what) {
            return what;
        }
        if different.len() >= MAX_DIFFERENT {
            return what.summary();
        }
        different.insert(what.clone());
        what
    }
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
        let counted = Counted { count, first: now.clone(), last: now };
        let what = self.waiting().within_limits(what, &counted.minute());
        self.add(what, counted);
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Stamp {
        self.0.clock.stamp()
    }

    /// Writes everything that was recorded. Nothing may be recorded after this.
    pub async fn close(&self) {
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
        if let Err(error) = self.write().await {
            let lost = self.waiting().records.len();
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
            if self.0.registrar.is_read_only() {
                continue;
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
            if self.0.registrar.is_read_only() {
                for (what, counted) in &taken {
                    what.log(counted);
                }
                continue;
            }
            let chores = taken.iter().map(|(what, counted)| what.chore(counted)).collect();
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
        let keys: Vec<_> = waiting.records.keys().take(MAX_WRITTEN).cloned().collect();
        let taken = keys.into_iter().filter_map(|key| {
            let counted = waiting.records.remove(&key)?;
            Some((key.1, counted))
        });
        taken.collect()
    }

    fn add(&self, what: T, counted: Counted) {
        let key = (counted.minute(), what);
        let mut waiting = self.waiting();
        if let Some(known) = waiting.records.get_mut(&key) {
            known.add(counted);
        } else if waiting.records.len() < MAX_WAITING {
            waiting.records.insert(key, counted);
        } else {
            drop(waiting);
            self.0.registrar.metrics().records_lost.inc();
            if self.0.lost.is_due() {
                tracing::warn!("too many records of {} wait to be written; some are lost", T::NAME);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
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
            Counted { count: 1, last: first.clone(), first }.minute().to_string()
        };
        for time in ["2026-09-01T08:07:00.000Z", "2026-09-01T08:07:01.003Z", "2026-09-01T08:07:59.999Z"] {
            assert_eq!(counted(time), "2026-09-01T08:07:00.000Z");
        }
    }
}
