//! The index of a roll while it is used: read once, kept up to date from the log, and compared with the table now and
//! then, since another program may have written to it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::index::Index;
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::events::LogEntry;
use crate::events::follower::{Follower, Subscription};
use crate::lists::{Rolled, Texts, run_blocking};

/// How long the index is considered fresh: another program may have written to the table, which the log does not
/// show.
const FRESH_TTL: Duration = Duration::from_secs(10);
/// How long a stale index still answers while the table is being read again.
const STALE_TTL: Duration = Duration::from_mins(1);
/// How long the index is cached without a search.
const UNUSED_TTL: Duration = Duration::from_mins(5);
/// Records that are updated one by one; beyond it, a new index is made.
const MAX_CHANGED: usize = 100;

/// The list of all records of a kind. Its index is read at the first search, then follows the log, and is dropped when
/// nobody searches. Cheap to clone; all clones share the index.
#[derive(Debug)]
pub struct Roll<R> {
    db: Db,
    follower: Follower,
    cached: Arc<Mutex<Option<CachedIndex<R>>>>,
}

impl<R> Clone for Roll<R> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), follower: self.follower.clone(), cached: Arc::clone(&self.cached) }
    }
}

#[derive(Debug)]
struct CachedIndex<R> {
    /// When the table was read.
    began: Instant,
    used: Instant,
    is_renewed: bool,
    /// The index includes the log up to here.
    seq: i64,
    index: Arc<Index>,
    changed: Arc<Changed>,
    _subscription: Subscription,
    _records: PhantomData<R>,
}

/// Records that were added, changed or deleted since, each with the `seq` of the event.
#[derive(Debug, Default)]
struct Changed(std::sync::Mutex<Vec<(i64, i64)>>);

impl Changed {
    fn extend<R: Rolled>(&self, entries: &[LogEntry]) {
        let mut changed = self.lock();
        for entry in entries {
            let id = entry
                .r#type
                .parse()
                .ok()
                .and_then(|kind| R::changed_by(kind, entry.student_id, entry.course_id));
            // Keep one too many, as a sign that some are missing.
            if let Some(id) = id.filter(|_| changed.len() <= MAX_CHANGED) {
                changed.push((entry.seq, id));
            }
        }
    }

    /// Takes all changes after `seq`; `None` if there were too many.
    fn take(&self, seq: i64) -> Option<Vec<i64>> {
        let changed = std::mem::take(&mut *self.lock());
        if changed.len() > MAX_CHANGED {
            return None;
        }
        let mut ids: Vec<_> = changed.into_iter().filter(|(at, _)| *at > seq).map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(i64, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Rolled> Roll<R> {
    /// Creates a roll without reading anything.
    #[must_use]
    pub fn new(db: Db, follower: Follower) -> Self {
        Self { db, follower, cached: Arc::default() }
    }

    pub(super) async fn current_index(&self) -> Result<Arc<Index>, DbError> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_mut().filter(|cached| cached.began.elapsed() < STALE_TTL)
            && cached.catch_up(self).await?
        {
            cached.used = Instant::now();
            if cached.began.elapsed() >= FRESH_TTL && !std::mem::replace(&mut cached.is_renewed, true) {
                tokio::spawn(self.clone().renew(Arc::clone(&cached.index)));
            }
            return Ok(Arc::clone(&cached.index));
        }
        let renewed = CachedIndex::read(self, None).await?;
        if cached.is_none() {
            tokio::spawn(drop_when_unused(Arc::downgrade(&self.cached)));
        }
        Ok(Arc::clone(&cached.insert(renewed).index))
    }

    async fn renew(self, previous: Arc<Index>) {
        let renewed = CachedIndex::read(&self, Some(previous)).await;
        let mut cached = self.cached.lock().await;
        match (renewed, cached.as_mut()) {
            (Ok(renewed), Some(cached)) if renewed.began > cached.began => {
                *cached = CachedIndex { used: cached.used, ..renewed }
            }
            (Err(error), Some(cached)) => {
                tracing::warn!(%error, list = R::LIST, "a list could not be read; the next search tries again");
                cached.is_renewed = false;
            }
            _ => {}
        }
    }
}

/// Drops the index once nobody uses it.
async fn drop_when_unused<R>(cached: Weak<Mutex<Option<CachedIndex<R>>>>) {
    loop {
        tokio::time::sleep(UNUSED_TTL).await;
        let Some(cached) = cached.upgrade() else { return };
        let mut cached = cached.lock().await;
        if cached.as_ref().is_none_or(|cached| cached.used.elapsed() >= UNUSED_TTL) {
            *cached = None;
            return;
        }
    }
}

impl<R: Rolled> CachedIndex<R> {
    /// Reads the table. A previous index that hardly differs is changed instead of making a new one, which takes longer.
    async fn read(roll: &Roll<R>, previous: Option<Arc<Index>>) -> Result<Self, DbError> {
        let (began, changed) = (Instant::now(), Arc::new(Changed::default()));
        let handler = Arc::clone(&changed);
        // Subscribe before reading, so that no change is missed in between.
        let subscription = roll.follower.subscribe(move |entries| handler.extend::<R>(entries)).await?;
        let (seq, records) = R::all(&roll.db).await?;
        let index = run_blocking(move || match previous {
            Some(previous) => match previous.differences(&records, MAX_CHANGED) {
                Some(ids) => {
                    let is_different = |record: &&Texts| ids.contains(&record.id);
                    let different = records.iter().filter(is_different).map(|record| (record.id, record));
                    updated(previous, &ids, &different.collect())
                }
                None => Index::new(&records).map(Arc::new),
            },
            None => Index::new(&records).map(Arc::new),
        });
        Ok(Self {
            began,
            used: Instant::now(),
            is_renewed: false,
            seq,
            index: index.await??,
            changed,
            _subscription: subscription,
            _records: PhantomData,
        })
    }

    /// Applies the changes that matricula has made since, and adds records that another program has added; returns
    /// `false` if the table has to be read again.
    async fn catch_up(&mut self, roll: &Roll<R>) -> Result<bool, DbError> {
        roll.follower.catch_up().await?;
        let Some(ids) = self.changed.take(self.seq) else { return Ok(false) };
        let changed = R::find_many(&roll.db, &ids).await?;
        // Most tables number new rows upward, so those that another program adds are found at once.
        let last = self.index.last_id().unwrap_or(i64::MIN);
        let added = R::newer_than(&roll.db, last, to_i64(MAX_CHANGED)).await?;
        if added.len() == MAX_CHANGED {
            return Ok(false);
        }
        if ids.is_empty() && added.is_empty() {
            return Ok(true);
        }
        let index = Arc::make_mut(&mut self.index);
        for id in ids {
            index.remove(id);
        }
        // A record that matricula has added is in both.
        let records = changed.into_iter().chain(added).map(|record| (record.id(), record));
        records.collect::<BTreeMap<_, _>>().values().try_for_each(|record| index.add(record))?;
        Ok(true)
    }
}

/// The index with the records with these ids as they are now; those that are missing are removed.
fn updated(
    mut index: Arc<Index>,
    ids: &[i64],
    records: &BTreeMap<i64, &Texts>,
) -> Result<Arc<Index>, DbError> {
    if ids.is_empty() {
        return Ok(index);
    }
    let changed = Arc::make_mut(&mut index);
    for id in ids {
        changed.remove(*id);
        records.get(id).map_or(Ok(()), |record| changed.add(*record))?;
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::lists::{Direction, Sorting};
    use crate::registrar::Student;
    use crate::server::School;

    #[tokio::test]
    async fn changes_by_other_programs_appear_after_ten_seconds_without_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.db");
        let school = School::open(&Location::File(file.clone()), Clock::System, None).await.unwrap();
        let runs = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let add =
            |id: i64| runs(&format!("insert into students (id, name, email) values ({id}, 'Ana', 'a@x')"));
        let roll: &Roll<Student> = &school.app.students;
        let count = async || {
            let by_name = Sorting { order: String::new(), text: Some(0), direction: Direction::Asc };
            roll.current_index().await.unwrap().page(None, &by_name, None, 9).total
        };
        let age_by = async |age: Duration| {
            let mut cached = roll.cached.lock().await;
            let cached = cached.as_mut().unwrap();
            cached.began = cached.began.checked_sub(age).unwrap();
        };
        add(5);
        assert_eq!(count().await, 1);
        // Rows with new ids are found at once.
        add(6);
        assert_eq!(count().await, 2);
        add(4);
        assert_eq!(count().await, 2);
        age_by(FRESH_TTL).await;
        assert_eq!(count().await, 2);
        let renewed = async {
            while count().await == 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
        add(3);
        age_by(STALE_TTL).await;
        assert_eq!(count().await, 4);
    }
}
