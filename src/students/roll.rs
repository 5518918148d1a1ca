//! The roll: an index of all students in memory, for searches on the pages. The table belongs to the school and has
//! no index that could find a part of a name, so the database would read all of it for every letter that somebody
//! types.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use super::index::StudentIndex;
use super::store::{self, StudentSort};
use crate::db::{Db, DbError};
use crate::events::LogEntry;
use crate::events::follower::{Follower, Subscription};
use crate::lists::{Conditions, Direction, ListPart, Page, Search};
use crate::registrar::{EventKind, Student, StudentId};
use crate::viewer::Viewer;

/// How long the index is considered fresh: another program may have written to the table, which the log does not
/// show.
const FRESH_TTL: Duration = Duration::from_secs(10);
/// How long a stale index still answers while it is being read again.
const STALE_TTL: Duration = Duration::from_mins(1);
/// How long the index is cached without a search.
const UNUSED_TTL: Duration = Duration::from_mins(5);
/// Students who are updated one by one; beyond it, all are read again.
const MAX_CHANGED: usize = 100;

/// An index of all students. Cheap to clone; all clones share it.
#[derive(Clone, Debug)]
pub struct Roll {
    db: Db,
    follower: Follower,
    cached: Arc<Mutex<Option<CachedIndex>>>,
    /// One search at a time, so that any number of searches leaves cores for other requests.
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct CachedIndex {
    began: Instant,
    used: Instant,
    is_renewed: bool,
    /// The index includes the log up to here.
    seq: i64,
    index: Arc<StudentIndex>,
    changed: Arc<Changed>,
    _subscription: Subscription,
}

/// Students who were added, changed or deleted since, each with the `seq` of the event.
#[derive(Debug, Default)]
struct Changed(std::sync::Mutex<Vec<(i64, StudentId)>>);

impl Changed {
    fn extend(&self, entries: &[LogEntry]) {
        let mut changed = self.lock();
        for entry in entries {
            let is_change = entry.r#type.parse().is_ok_and(|kind| {
                matches!(
                    kind,
                    EventKind::StudentCreated | EventKind::StudentUpdated | EventKind::StudentDeleted
                )
            });
            // Keep one too many, as a sign that some are missing.
            if let Some(id) = entry.student_id.filter(|_| is_change && changed.len() <= MAX_CHANGED) {
                changed.push((entry.seq, id));
            }
        }
    }

    /// Takes all changes after `seq`; `None` if there were too many.
    fn take(&self, seq: i64) -> Option<Vec<StudentId>> {
        let changed = std::mem::take(&mut *self.lock());
        if changed.len() > MAX_CHANGED {
            return None;
        }
        let mut ids: Vec<_> = changed.into_iter().filter(|(at, _)| *at > seq).map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(i64, StudentId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roll {
    /// Creates a roll; the students are read at the first search.
    #[must_use]
    pub fn new(db: Db, follower: Follower) -> Self {
        Self { db, follower, cached: Arc::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    /// The requested part of [`store::list`]: exact for changes through matricula; changes by other programs appear
    /// some seconds later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn page(
        &self,
        viewer: &Viewer,
        search: Option<&Search>,
        sort: StudentSort,
        direction: Direction,
        page: &Page,
    ) -> Result<ListPart<Student>, DbError> {
        if !viewer.sees_students() {
            let wanted = Conditions { search, ..Conditions::default() };
            return store::list(viewer, wanted, sort, direction).read(viewer, page).await;
        }
        // Reading takes a while: in a task of its own it is not cancelled and started again with every letter that
        // somebody types.
        let roll = self.clone();
        let index = tokio::spawn(async move { roll.current_index().await });
        let index = index.await.map_err(|error| DbError::Engine(error.to_string()))??;
        let (search, after, most) = (search.cloned(), page.after.clone(), page.max_rows());
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| DbError::Busy)?;
        let found = run_blocking(move || {
            let _turn = turn;
            index.page(search.as_ref(), sort, direction, after.as_ref(), most)
        })
        .await?;
        // Load the current rows; students deleted in the meantime are left out.
        let rows = store::find_many(&self.db, &found.ids).await?;
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|student| (student.id, student)).collect();
        let rows = found.ids.iter().filter_map(|id| rows.remove(id)).collect();
        Ok(ListPart { total: found.total, next: found.next, rows, rest: None })
    }

    async fn current_index(&self) -> Result<Arc<StudentIndex>, DbError> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_mut().filter(|cached| cached.began.elapsed() < STALE_TTL)
            && cached.catch_up(self).await?
        {
            cached.used = Instant::now();
            if cached.began.elapsed() >= FRESH_TTL && !std::mem::replace(&mut cached.is_renewed, true) {
                tokio::spawn(self.clone().renew());
            }
            return Ok(Arc::clone(&cached.index));
        }
        let renewed = CachedIndex::read(self).await?;
        if cached.is_none() {
            tokio::spawn(drop_when_unused(Arc::downgrade(&self.cached)));
        }
        Ok(Arc::clone(&cached.insert(renewed).index))
    }

    async fn renew(self) {
        let renewed = CachedIndex::read(&self).await;
        let mut cached = self.cached.lock().await;
        match (renewed, cached.as_mut()) {
            (Ok(renewed), Some(cached)) if renewed.began > cached.began => {
                *cached = CachedIndex { used: cached.used, ..renewed }
            }
            (Err(error), Some(cached)) => {
                tracing::warn!(%error, "the students could not be read; the next search tries again");
                cached.is_renewed = false;
            }
            _ => {}
        }
    }
}

/// Drops the index once nobody uses it.
async fn drop_when_unused(cached: Weak<Mutex<Option<CachedIndex>>>) {
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

/// Runs work that takes milliseconds where it does not block other tasks.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DbError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Engine(error.to_string()))
}

impl CachedIndex {
    async fn read(roll: &Roll) -> Result<Self, DbError> {
        let (began, changed) = (Instant::now(), Arc::new(Changed::default()));
        let handler = Arc::clone(&changed);
        // Subscribe before reading, so that no change is missed in between.
        let subscription = roll.follower.subscribe(move |entries| handler.extend(entries)).await?;
        let (seq, students) = store::all(&roll.db).await?;
        let index = run_blocking(move || StudentIndex::new(students)).await??;
        Ok(Self {
            began,
            used: Instant::now(),
            is_renewed: false,
            seq,
            index: Arc::new(index),
            changed,
            _subscription: subscription,
        })
    }

    /// Applies the changes that matricula has made since; returns `false` if all students have to be read again.
    async fn catch_up(&mut self, roll: &Roll) -> Result<bool, DbError> {
        roll.follower.catch_up().await?;
        let Some(ids) = self.changed.take(self.seq) else { return Ok(false) };
        if ids.is_empty() {
            return Ok(true);
        }
        let students = store::find_many(&roll.db, &ids).await?;
        let index = Arc::make_mut(&mut self.index);
        for id in ids {
            index.remove(id);
        }
        students.iter().try_for_each(|student| index.add(student))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::server::School;

    #[tokio::test]
    async fn changes_by_other_programs_appear_after_ten_seconds_without_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.db");
        let school = School::open(&Location::File(file.clone()), Clock::System, None).await.unwrap();
        let add = |name: &str| {
            let other = rusqlite::Connection::open(&file).unwrap();
            other.execute("insert into students (name, email) values ($1, 'a@x')", [name]).unwrap();
        };
        let roll = &school.app.roll;
        let count = async || {
            roll.current_index().await.unwrap().page(None, StudentSort::Id, Direction::Asc, None, 9).total
        };
        let age_by = async |age: Duration| {
            let mut cached = roll.cached.lock().await;
            let cached = cached.as_mut().unwrap();
            cached.began = cached.began.checked_sub(age).unwrap();
        };
        add("Ana");
        assert_eq!(count().await, 1);
        add("Ben");
        assert_eq!(count().await, 1);
        age_by(FRESH_TTL).await;
        assert_eq!(count().await, 1);
        let renewed = async {
            while count().await == 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
        add("Eve");
        age_by(STALE_TTL).await;
        assert_eq!(count().await, 3);
    }
}
