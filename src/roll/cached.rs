//! The index of a roll: read once, kept up to date from the log, and compared with the table now and then, since another
//! program may have written to it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::{Mutex, Notify};

use super::comparison::Comparison;
use super::index::Index;
use crate::count::to_i64;
use crate::db::{Backoff, Db, DbError};
use crate::events::store::last_seq;
use crate::lists::{Rolled, run_blocking};

/// How long the index is considered fresh after it was compared with the table.
const FRESH_TTL: Duration = Duration::from_secs(10);
/// How often it is compared with the table while nobody searches.
const UNSEARCHED_TTL: Duration = Duration::from_mins(1);
/// A comparison may take this part of the time while somebody searches: the index of a large table is fresh for longer.
const SHARE_OF_TIME: u32 = 20;
/// The same while nobody searches.
const UNSEARCHED_SHARE_OF_TIME: u32 = 100;
/// So many records are compared in some milliseconds, for which a search waits. Those of a larger table are compared while
/// searches go on.
const SMALL: usize = 10_000;
/// A pause after each part of a large table that is compared: on a single core, it would make searches three times slower.
const PAUSE: Duration = Duration::from_millis(3);
/// Records that other programs have added, read at a time.
const ADDED_AT_A_TIME: usize = 100;
/// Fewer records than these are updated one by one, even if that is all of them.
const FEW: usize = 1_000;
/// Of a large table, this part of the records: more take longer than reading it again.
const SMALL_PART: usize = 50;
/// How long a table is read again while the server of the database is away.
const RETRY_TIME: Duration = Duration::from_secs(5);

/// The list of all records of a kind. Its index is read before the first search, and follows the log until the school is
/// closed. Cheap to clone; all clones share the index.
#[derive(Debug)]
pub struct Roll<R>(pub(super) Arc<Shared<R>>);

#[derive(Debug)]
pub(super) struct Shared<R> {
    db: Db,
    /// Locked while the index is read, so that everybody else waits for it.
    pub(super) cached: Mutex<Option<CachedIndex>>,
    /// Held while the index is compared with the table, which then happens once for all who want it.
    renewing: Mutex<()>,
    /// Notified when there is something to do for the task that keeps the index ready.
    pub(super) wanted: Arc<Notify>,
    /// The number of records up to which a search waits for a comparison.
    pub(super) small: usize,
    _records: PhantomData<fn() -> R>,
}

impl<R> Clone for Roll<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
pub(super) struct CachedIndex {
    /// When it was read from the table, or compared with it.
    began: Instant,
    /// How long that took.
    took: Duration,
    /// Whether somebody has searched since.
    is_searched: bool,
    /// The index includes the log up to here.
    seq: i64,
    pub(super) index: Arc<Index>,
}

impl CachedIndex {
    /// How many records are updated one by one.
    fn few(&self) -> usize {
        FEW.max(self.index.len() / SMALL_PART)
    }

    /// Whether it was compared with the table recently. For a small table, that is before a search.
    fn is_fresh(&self, small: usize) -> bool {
        let is_for_search = self.is_searched || self.index.len() > small;
        is_for_search && self.began.elapsed() < FRESH_TTL.max(self.took * SHARE_OF_TIME)
    }

    /// Whether it has to be compared with the table while nobody waits for that.
    pub(super) fn is_due(&self, small: usize) -> bool {
        let unsearched = UNSEARCHED_TTL.max(self.took * UNSEARCHED_SHARE_OF_TIME);
        let is_stale = self.is_searched && !self.is_fresh(small);
        self.index.len() > small && (is_stale || self.began.elapsed() >= unsearched)
    }
}

impl<R: Rolled> Roll<R> {
    /// Creates a roll without reading anything.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self::with_small(db, SMALL)
    }

    fn with_small(db: Db, small: usize) -> Self {
        Self(Arc::new(Shared {
            db,
            cached: Mutex::default(),
            renewing: Mutex::default(),
            wanted: Arc::default(),
            small,
            _records: PhantomData,
        }))
    }

    /// The index for a search.
    pub(super) async fn current_index(&self) -> Result<Arc<Index>, DbError> {
        if self.is_small_and_stale().await {
            self.renew().await?;
        }
        let mut cached = self.0.cached.lock().await;
        let cached = self.updated(&mut cached).await?;
        cached.is_searched = true;
        if cached.is_due(self.0.small) {
            self.0.wanted.notify_one();
        }
        Ok(Arc::clone(&cached.index))
    }

    async fn is_small_and_stale(&self) -> bool {
        let (cached, small) = (self.0.cached.lock().await, self.0.small);
        cached.as_ref().is_some_and(|cached| cached.index.len() <= small && !cached.is_fresh(small))
    }

    /// The index with what the log has now; read from the table if there is none, or if too much has changed.
    pub(super) async fn updated<'a>(
        &self,
        cached: &'a mut Option<CachedIndex>,
    ) -> Result<&'a mut CachedIndex, DbError> {
        let is_current = match cached.as_mut() {
            Some(cached) => self.catch_up(cached).await?,
            None => false,
        };
        if !is_current {
            return Ok(cached.insert(self.read().await?));
        }
        #[expect(clippy::expect_used, reason = "the borrow checker does not see it")]
        Ok(cached.as_mut().expect("what is current is there"))
    }

    async fn read(&self) -> Result<CachedIndex, DbError> {
        let mut backoff = Backoff::new(RETRY_TIME);
        loop {
            match self.read_once().await {
                Err(error) => backoff.wait(error).await?,
                read => return read,
            }
        }
    }

    async fn read_once(&self) -> Result<CachedIndex, DbError> {
        let began = Instant::now();
        // Before reading: what is added to the log meanwhile is applied again, which changes nothing.
        let seq = last_seq(&self.0.db).await?;
        let mut rows = R::all(&self.0.db).await?;
        let mut index = Index::default();
        while let Some(chunk) = rows.next().await {
            chunk?.iter().try_for_each(|record| index.push(record))?;
        }
        // Names are sorted before anybody has the index: a change could otherwise come before their order.
        let index = run_blocking(move || {
            index.finish();
            index.order(Some(Index::BY_NAME));
            index
        })
        .await?;
        Ok(CachedIndex { began, took: began.elapsed(), is_searched: false, seq, index: Arc::new(index) })
    }

    /// Applies the changes that matricula has made since, and adds records that another program has added; returns
    /// `false` if it is faster to read the table again.
    async fn catch_up(&self, cached: &mut CachedIndex) -> Result<bool, DbError> {
        let max = cached.few();
        let changes = R::changed_since(&self.0.db, cached.seq, to_i64(max)).await?;
        if changes.len() == max || cached.index.is_worn() {
            return Ok(false);
        }
        let seq = changes.iter().map(|(seq, _)| *seq).max();
        self.reload(cached, changes.into_iter().map(|(_, id)| id).collect()).await?;
        cached.seq = seq.unwrap_or(cached.seq);
        // Most tables number new rows upward, so those that another program adds are found at once.
        let mut count = 0;
        while count < FEW {
            let last = cached.index.last_id().unwrap_or(i64::MIN);
            let added = R::newer_than(&self.0.db, last, to_i64(ADDED_AT_A_TIME)).await?;
            count += added.len();
            if !added.is_empty() {
                Arc::make_mut(&mut cached.index).update(&[], &added)?;
            }
            if added.len() < ADDED_AT_A_TIME {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Updates the records with these ids to what the table has.
    async fn reload(&self, cached: &mut CachedIndex, mut ids: Vec<i64>) -> Result<(), DbError> {
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(());
        }
        let records = R::find_many(&self.0.db, &ids).await?;
        let records: BTreeMap<_, _> = records.into_iter().map(|record| (record.id(), record)).collect();
        let records: Vec<_> = records.into_values().collect();
        // A search that goes on keeps the index as it was.
        Arc::make_mut(&mut cached.index).update(&ids, &records)
    }

    /// Compares the index with the table, and updates what differs. Searches go on meanwhile.
    pub(super) async fn renew(&self) -> Result<(), DbError> {
        let _turn = self.0.renewing.lock().await;
        let mut backoff = Backoff::new(RETRY_TIME);
        loop {
            match self.compare_and_update().await {
                Err(error) => backoff.wait(error).await?,
                compared => return compared,
            }
        }
    }

    async fn compare_and_update(&self) -> Result<(), DbError> {
        let began = Instant::now();
        let (mut comparison, previous) = {
            let cached = self.0.cached.lock().await;
            let stale = cached.as_ref().filter(|cached| !cached.is_fresh(self.0.small));
            let Some(stale) = stale else { return Ok(()) };
            (Comparison::new(&stale.index), stale.began)
        };
        let (mut rows, mut paused) = (R::all(&self.0.db).await?, Duration::ZERO);
        while let Some(chunk) = rows.next().await {
            let (chunk, cached) = (chunk?, self.0.cached.lock().await);
            let Some(current) = cached.as_ref().filter(|cached| cached.began == previous) else {
                return Ok(());
            };
            comparison.add(&current.index, &chunk);
            if current.index.len() > self.0.small {
                drop(cached);
                paused += PAUSE;
                tokio::time::sleep(PAUSE).await;
            }
        }
        let mut cached = self.0.cached.lock().await;
        let Some(cached) = cached.as_mut().filter(|cached| cached.began == previous) else { return Ok(()) };
        let took = began.elapsed().saturating_sub(paused);
        let ids = comparison.differences(&cached.index);
        if ids.len() > cached.few() {
            *cached = self.read().await?;
        } else {
            self.reload(cached, ids).await?;
            (cached.began, cached.took) = (began, took);
        }
        cached.is_searched = cached.index.len() <= self.0.small;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::lists::{Direction, Sorting};
    use crate::registrar::{Caller, CreateStudent, DeleteStudent, Student, StudentId};
    use crate::server::School;

    /// A school, its file, and the roll of its students that compares up to `small` records before a search.
    async fn roll(folder: &Path, small: usize) -> (School, Roll<Student>) {
        let location = Location::File(folder.join("school.db"));
        let school = School::open(&location, Clock::System, None).await.unwrap();
        let roll = Roll::with_small(school.db.clone(), small);
        (school, roll)
    }

    fn runs(folder: &Path, sql: &str) {
        rusqlite::Connection::open(folder.join("school.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// Another program adds a student.
    fn add(folder: &Path, id: i64) {
        runs(folder, &format!("insert into students (id, name, email) values ({id}, 'Ana', 'a@x')"));
    }

    async fn count(roll: &Roll<Student>) -> i64 {
        let by_name = Sorting { order: String::new(), text: Some(0), direction: Direction::Asc };
        roll.current_index().await.unwrap().page(None, None, &by_name, None, 0..9).total
    }

    async fn age_by(roll: &Roll<Student>, age: Duration) {
        let mut cached = roll.0.cached.lock().await;
        let cached = cached.as_mut().unwrap();
        cached.began = cached.began.checked_sub(age).unwrap();
    }

    async fn until(roll: &Roll<Student>, wanted: i64) {
        let found = async {
            while count(roll).await != wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found).await.unwrap();
    }

    #[tokio::test]
    async fn a_search_in_a_small_table_finds_what_other_programs_have_changed_more_than_ten_seconds_ago() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (_school, roll) = roll(folder, 9).await;
        add(folder, 5);
        assert_eq!(count(&roll).await, 1);
        // Rows with new ids are found at once.
        add(folder, 6);
        assert_eq!(count(&roll).await, 2);
        add(folder, 4);
        assert_eq!(count(&roll).await, 2);
        age_by(&roll, FRESH_TTL).await;
        assert_eq!(count(&roll).await, 3);
        runs(folder, "delete from students where id = 6");
        age_by(&roll, FRESH_TTL).await;
        assert_eq!(count(&roll).await, 2);
    }

    #[tokio::test]
    async fn what_was_read_before_anybody_searched_is_compared_before_the_first_search() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (_school, roll) = roll(folder, 9).await;
        add(folder, 5);
        let keeping = roll.keep();
        roll.prepare();
        let read = async {
            while roll.0.cached.lock().await.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
        add(folder, 4);
        assert_eq!(count(&roll).await, 2);
        keeping.abort();
    }

    #[tokio::test]
    async fn a_large_table_is_compared_without_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (_school, roll) = roll(folder, 0).await;
        add(folder, 5);
        let keeping = roll.keep();
        assert_eq!(count(&roll).await, 1);
        add(folder, 4);
        age_by(&roll, FRESH_TTL).await;
        assert_eq!(count(&roll).await, 1);
        until(&roll, 2).await;
        // Also if nobody searches.
        add(folder, 3);
        age_by(&roll, UNSEARCHED_TTL).await;
        roll.prepare();
        until(&roll, 3).await;
        keeping.abort();
    }

    #[tokio::test]
    async fn the_index_is_as_the_table_after_many_changes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (school, roll) = roll(folder, 0).await;
        let caller = Caller::default();
        let create = async |name: String| {
            let student = CreateStudent::new([("name", name), ("email", "a@x".to_owned())]);
            school.app.registrar.submit(student, &caller).await.unwrap()
        };
        create("Ana".to_owned()).await;
        assert_eq!(count(&roll).await, 1);
        for number in 0..FEW {
            create(format!("Ben {number}")).await;
        }
        assert_eq!(count(&roll).await, to_i64(FEW) + 1);
        for id in 2..9 {
            let drop = DeleteStudent { id: StudentId(id), drop: false, max_dropped: None, expected: None };
            school.app.registrar.submit(drop, &caller).await.unwrap();
        }
        assert_eq!(count(&roll).await, to_i64(FEW) - 6);
    }
}
