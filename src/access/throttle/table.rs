//! The failures of many accounts, or of many addresses, and the waits that follow.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

/// Failures from longer ago do not count.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// How long the first wait is; each failure after it doubles it.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// The longest wait. An account is never locked for longer, since anybody can make it wait by failing on purpose (ASVS
/// 5.0, 6.1.1).
const MAX_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// The maximum number of accounts, and of addresses, whose failures are remembered; a few megabytes. Beyond it, the
/// oldest are forgotten.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// The failures of many accounts, or of many addresses.
#[derive(Debug)]
pub(super) struct Table<K> {
    /// How many may fail within the window.
    limit: usize,
    records: HashMap<K, Record>,
}

#[derive(Clone, Debug)]
enum Record {
    /// Fewer failures than the limit; the times of those within the window.
    Counted(Vec<Timestamp>),
    /// The limit was reached: no attempt before `until`, and then one at a time. `waits` is how many waits there were.
    Waiting { waits: u32, until: Timestamp },
}

impl Record {
    /// The last failure, or the end of the wait.
    fn latest(&self) -> Option<Timestamp> {
        match self {
            Self::Counted(times) => times.last().copied(),
            Self::Waiting { until, .. } => Some(*until),
        }
    }

    /// A record is forgotten when nothing has happened for as long as the window.
    fn is_recent(&self, now: Timestamp) -> bool {
        self.latest().is_some_and(|latest| is_recent(latest, now))
    }
}

/// Times further ahead than the longest wait are from before the clock was set back, and do not count.
fn is_recent(time: Timestamp, now: Timestamp) -> bool {
    now.duration_since(time) <= WINDOW && time.duration_since(now) <= MAX_WAIT
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// No failures yet. With a limit of 0, one failure leads to a wait.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), records: HashMap::new() }
    }

    /// Forgets the failures of one.
    pub(super) fn clear(&mut self, key: &K) {
        self.records.remove(key);
    }

    fn recent(&self, key: &K, now: Timestamp) -> Option<&Record> {
        self.records.get(key).filter(|record| record.is_recent(now))
    }

    /// How long to wait before the next attempt, if at all.
    pub(super) fn wait(&self, key: &K, now: Timestamp) -> Option<SignedDuration> {
        match self.recent(key, now) {
            Some(Record::Waiting { until, .. }) if *until > now => Some(until.duration_since(now)),
            _ => None,
        }
    }

    /// How many attempts may fail before the next wait.
    pub(super) fn left(&self, key: &K, now: Timestamp) -> usize {
        match self.recent(key, now) {
            None => self.limit,
            Some(Record::Counted(times)) => self.limit - recent_among(times, now).count(),
            Some(Record::Waiting { .. }) => 1,
        }
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, key: K, now: Timestamp) {
        let times = match self.recent(&key, now) {
            // An attempt that began before the wait did.
            Some(Record::Waiting { until, .. }) if *until > now => return,
            Some(Record::Waiting { waits, .. }) => return self.insert(key, waiting(waits + 1, now), now),
            Some(Record::Counted(times)) => recent_among(times, now).chain([now]).collect(),
            None => vec![now],
        };
        let record = if times.len() < self.limit { Record::Counted(times) } else { waiting(1, now) };
        self.insert(key, record, now);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    fn insert(&mut self, key: K, record: Record, now: Timestamp) {
        if self.records.len() >= MAX_ENTRIES && !self.records.contains_key(&key) {
            self.records.retain(|_, record| record.is_recent(now));
        }
        if self.records.len() >= MAX_ENTRIES && !self.records.contains_key(&key) {
            // Looks at all of them, which takes less than the hash of the password that has just failed.
            let oldest = self.records.iter().min_by_key(|(_, record)| record.latest()).map(|(key, _)| *key);
            oldest.map(|oldest| self.records.remove(&oldest));
        }
        self.records.insert(key, record);
    }
}

fn recent_among(times: &[Timestamp], now: Timestamp) -> impl Iterator<Item = Timestamp> {
    times.iter().copied().filter(move |time| is_recent(*time, now))
}

/// The nth wait, from now on: 1, 2, 4, 8 minutes, and then always 15.
fn waiting(waits: u32, now: Timestamp) -> Record {
    let wait = FIRST_WAIT.saturating_mul(1 << (waits - 1).min(4)).min(MAX_WAIT);
    Record::Waiting { waits, until: now.checked_add(wait).unwrap_or(Timestamp::MAX) }
}
