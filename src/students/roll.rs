//! The roll: all students as they are looked for, in memory, for the pages. The table is the school's and has no index that
//! could find a part of a name, so that an engine reads all of it for every letter that somebody types.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use super::index::Index;
use super::store::{self, StudentSort};
use crate::db::{Db, DbError};
use crate::lists::{Direction, ListPart, Page, Search};
use crate::registrar::Student;

/// How long what was read is taken for what is there: another program may have written to the table, of which the log knows
/// nothing.
const FRESH: Duration = Duration::from_secs(10);
/// How long it still answers while it is read anew.
const OLD: Duration = Duration::from_mins(1);
/// How long it is kept when nobody looks for anybody.
const UNUSED: Duration = Duration::from_mins(5);
/// Events among which those about students are looked for; behind more than that, all is read anew.
const BEHIND: i64 = 10_000;
/// Students who are changed one by one; for more, all is read anew.
const FEW: usize = 100;

/// All students, as they are looked for. Cheap to clone; all clones share what was read.
#[derive(Clone, Debug)]
pub struct Roll {
    db: Db,
    kept: Arc<Mutex<Option<Kept>>>,
    /// One search at a time, so that however many search, there are cores for everybody else.
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct Kept {
    began: Instant,
    used: Instant,
    is_renewed: bool,
    seq: i64,
    index: Arc<Index>,
}

impl Roll {
    /// A roll on which nobody is yet.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, kept: Arc::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    /// The part that is wanted of [`store::list`]: exact in what matricula has written; what another program has written is
    /// found some seconds later.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn page(
        &self,
        search: Option<&Search>,
        sort: StudentSort,
        direction: Direction,
        page: &Page,
    ) -> Result<ListPart<Student>, DbError> {
        // Reading takes a while: who goes on typing must not have it begun anew with each letter.
        let roll = self.clone();
        let index = tokio::spawn(async move { roll.now().await });
        let index = index.await.map_err(|error| DbError::Engine(error.to_string()))??;
        let (search, after, most) = (search.map(Search::folded), page.after.clone(), page.max_rows());
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| DbError::Busy)?;
        let found = aside(move || {
            let _turn = turn;
            index.page(search.as_deref(), sort, direction, after.as_ref(), most)
        })
        .await?;
        // As they are now; who is gone meanwhile is left out.
        let rows = store::find_many(&self.db, &found.ids).await?;
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|student| (student.id, student)).collect();
        let rows = found.ids.iter().filter_map(|id| rows.remove(id)).collect();
        Ok(ListPart { total: found.total, next: found.next, rows, rest: None })
    }

    async fn now(&self) -> Result<Arc<Index>, DbError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_mut().filter(|kept| kept.began.elapsed() < OLD)
            && kept.follow(&self.db).await?
        {
            kept.used = Instant::now();
            if kept.began.elapsed() >= FRESH && !std::mem::replace(&mut kept.is_renewed, true) {
                tokio::spawn(self.clone().renew());
            }
            return Ok(Arc::clone(&kept.index));
        }
        let anew = Kept::read(&self.db).await?;
        if kept.is_none() {
            tokio::spawn(forget(Arc::downgrade(&self.kept)));
        }
        Ok(Arc::clone(&kept.insert(anew).index))
    }

    async fn renew(self) {
        let anew = Kept::read(&self.db).await;
        let mut kept = self.kept.lock().await;
        match (anew, kept.as_mut()) {
            (Ok(anew), Some(kept)) if anew.began > kept.began => *kept = Kept { used: kept.used, ..anew },
            (Err(error), Some(kept)) => {
                tracing::warn!(%error, "the students could not be read anew; the next search tries again");
                kept.is_renewed = false;
            }
            _ => {}
        }
    }
}

/// Drops what was read once nobody uses it.
async fn forget(kept: Weak<Mutex<Option<Kept>>>) {
    loop {
        tokio::time::sleep(UNUSED).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut kept = kept.lock().await;
        if kept.as_ref().is_none_or(|kept| kept.used.elapsed() >= UNUSED) {
            *kept = None;
            return;
        }
    }
}

/// What takes milliseconds, where it holds up nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DbError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Engine(error.to_string()))
}

impl Kept {
    async fn read(db: &Db) -> Result<Self, DbError> {
        let began = Instant::now();
        let (seq, students) = store::all(db).await?;
        let index = aside(move || Index::new(students)).await??;
        Ok(Self { began, used: Instant::now(), is_renewed: false, seq, index: Arc::new(index) })
    }

    /// Moves on to what matricula has changed since; false where all has to be read anew.
    async fn follow(&mut self, db: &Db) -> Result<bool, DbError> {
        let (last, last_change) = store::last_change(db).await?;
        if last_change > self.seq {
            if last - self.seq > BEHIND {
                return Ok(false);
            }
            let ids = store::changed(db, self.seq, last).await?;
            if ids.len() > FEW {
                return Ok(false);
            }
            let students = store::find_many(db, &ids).await?;
            let index = Arc::make_mut(&mut self.index);
            for id in ids {
                index.remove(id);
            }
            students.iter().try_for_each(|student| index.add(student))?;
        }
        // A log that is shorter than it was is that of another database.
        Ok(std::mem::replace(&mut self.seq, last) <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::server::School;

    #[tokio::test]
    async fn what_another_program_writes_is_seen_after_ten_seconds_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.db");
        let school = School::open(&Location::File(file.clone()), Clock::System, None).await.unwrap();
        let adds = |name: &str| {
            let other = rusqlite::Connection::open(&file).unwrap();
            other.execute("insert into students (name, email) values ($1, 'a@x')", [name]).unwrap();
        };
        let roll = &school.app.roll;
        let count =
            async || roll.now().await.unwrap().page(None, StudentSort::Id, Direction::Asc, None, 9).total;
        let ages = async |age: Duration| {
            let mut kept = roll.kept.lock().await;
            let kept = kept.as_mut().unwrap();
            kept.began = kept.began.checked_sub(age).unwrap();
        };
        adds("Ana");
        assert_eq!(count().await, 1);
        adds("Ben");
        assert_eq!(count().await, 1);
        ages(FRESH).await;
        assert_eq!(count().await, 1);
        let renewed = async {
            while count().await == 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
        adds("Eve");
        ages(OLD).await;
        assert_eq!(count().await, 3);
    }
}
