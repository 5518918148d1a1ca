//! The roll: all students as they are looked for, in memory, for the pages. The table is the school's and has no index that
//! could find a part of a name, so that an engine reads all of it for every letter that somebody types.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::sync::{Mutex, Semaphore};

use super::store::{self, Sort};
use crate::db::{Db, DbError};
use crate::http::paging::{Cursor, Direction, Here, Page, Search};
use crate::http::reply::List;
use crate::registrar::{Student, StudentId};

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
/// Stands between texts, and for those who are gone. Nobody can search for it.
const SEPARATOR: u8 = 0x1f;

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
        sort: Sort,
        direction: Direction,
        page: &Page,
        here: &Here,
    ) -> Result<List<Student>, DbError> {
        // Reading takes a while: who goes on typing must not have it begun anew with each letter.
        let roll = self.clone();
        let index = tokio::spawn(async move { roll.now().await });
        let index = index.await.map_err(|error| DbError::Engine(error.to_string()))??;
        let (search, after, most) = (search.map(Search::folded), page.after.clone(), page.most());
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| DbError::Busy)?;
        let found = aside(move || {
            let _turn = turn;
            index.page(search.as_deref(), sort, direction, after.as_ref(), most)
        })
        .await?;
        // As they are now; who is gone meanwhile is left out.
        let rows = store::those(&self.db, &found.ids).await?;
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|student| (student.id, student)).collect();
        let rows = found.ids.iter().filter_map(|id| rows.remove(id)).collect();
        Ok(List { total: found.total, next: found.next.map(|last| here.after(&last)), rows, rest: None })
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
        let index = aside(move || Index::of(students)).await??;
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
            let students = store::those(db, &ids).await?;
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

/// What is compared of all students: one text, and for each of them where theirs is. No student has memory of their own.
#[derive(Clone, Debug, Default)]
struct Index {
    /// Of one after the other the folded name and the folded address, with a separator after each.
    text: Vec<u8>,
    /// Where names end.
    middles: Vec<u32>,
    /// Where the next one begins.
    ends: Vec<u32>,
    ids: Vec<StudentId>,
    /// Who is there, in the order of each [`Sort`].
    orders: [Vec<u32>; 3],
}

/// A part of the list.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    total: i64,
    ids: Vec<StudentId>,
    next: Option<Cursor>,
}

const SORTS: [Sort; 3] = [Sort::Id, Sort::Name, Sort::Email];

impl Index {
    fn of(students: Vec<Student>) -> Result<Self, DbError> {
        let mut index = Self::default();
        for student in students {
            index.write(&student)?;
        }
        index.text.shrink_to_fit();
        for sort in SORTS {
            index.orders[sort as usize] = index.order(sort);
        }
        Ok(index)
    }

    /// All in this order.
    fn order(&self, sort: Sort) -> Vec<u32> {
        let numbers = (0..).take(self.ids.len());
        // What they begin with, beside each, settles nearly all comparisons where they are made.
        let mut order: Vec<_> = numbers.map(|number| (self.beginning(sort, number), number)).collect();
        order.sort_unstable_by(|(begins, one), (other_begins, other)| {
            begins.cmp(other_begins).then_with(|| self.key(sort, *one).cmp(&self.key(sort, *other)))
        });
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Writes a student down, in no order yet.
    fn write(&mut self, student: &Student) -> Result<u32, DbError> {
        let number = place(self.ids.len())?;
        let name = folded(student.name.as_deref());
        let email = folded(student.email.as_deref());
        let middle = self.text.len() + name.len();
        let end = place(middle + email.len() + 2)?;
        self.middles.push(place(middle)?);
        self.ends.push(end);
        self.ids.push(student.id);
        for text in [name, email] {
            self.text.extend_from_slice(text.as_bytes());
            self.text.push(SEPARATOR);
        }
        Ok(number)
    }

    /// Adds a student who is not there.
    fn add(&mut self, student: &Student) -> Result<(), DbError> {
        let number = self.write(student)?;
        for sort in SORTS {
            let key = self.key(sort, number);
            let at = self.before(sort, |other| other < key);
            self.orders[sort as usize].insert(at, number);
        }
        Ok(())
    }

    /// Removes a student, if they are there.
    fn remove(&mut self, id: StudentId) {
        let at = self.before(Sort::Id, |(_, other)| other < id);
        let Some(&number) = self.orders[Sort::Id as usize].get(at) else { return };
        if self.ids[number as usize] != id {
            return;
        }
        for sort in SORTS {
            let key = self.key(sort, number);
            let at = self.before(sort, |other| other < key);
            self.orders[sort as usize].remove(at);
        }
        let (begin, end) = (self.begin(number), self.ends[number as usize] as usize);
        self.text[begin..end].fill(SEPARATOR);
    }

    fn begin(&self, number: u32) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)
    }

    /// What one is sorted by: as in the database, by the bytes of the folded text, then by the id.
    fn key(&self, sort: Sort, number: u32) -> (&[u8], StudentId) {
        let one = number as usize;
        let middle = self.middles[one] as usize;
        let text = match sort {
            Sort::Id => &[],
            Sort::Name => &self.text[self.begin(number)..middle],
            Sort::Email => &self.text[middle + 1..self.ends[one] as usize - 1],
        };
        (text, self.ids[one])
    }

    /// A number in the order of the keys; that of two keys may be the same.
    fn beginning(&self, sort: Sort, number: u32) -> u64 {
        let (text, id) = self.key(sort, number);
        if sort == Sort::Id {
            return id.0.cast_unsigned() ^ (1 << 63);
        }
        let mut bytes = [0; 8];
        for (to, byte) in bytes.iter_mut().zip(text) {
            *to = *byte;
        }
        u64::from_be_bytes(bytes)
    }

    /// How many come before, in an order in which they are together.
    fn before(&self, sort: Sort, is_before: impl Fn((&[u8], StudentId)) -> bool) -> usize {
        self.orders[sort as usize].partition_point(|number| is_before(self.key(sort, *number)))
    }

    fn page(
        &self,
        search: Option<&str>,
        sort: Sort,
        direction: Direction,
        after: Option<&Cursor>,
        most: usize,
    ) -> Found {
        let matching = search.map(|folded| self.matching(folded));
        let order = &self.orders[sort as usize];
        let total = matching.as_ref().map_or(order.len(), |(count, _)| *count);
        let place = after.map(|after| {
            let text = after.text.as_deref().filter(|_| sort != Sort::Id).unwrap_or_default();
            (text.as_bytes(), StudentId(after.id))
        });
        let rest: &mut dyn Iterator<Item = u32> = match direction {
            Direction::Asc => {
                let from = place.map_or(0, |place| self.before(sort, |key| key <= place));
                &mut order[from..].iter().copied()
            }
            Direction::Desc => {
                let until = place.map_or(order.len(), |place| self.before(sort, |key| key < place));
                &mut order[..until].iter().rev().copied()
            }
        };
        let is_wanted = |number: &u32| matching.as_ref().is_none_or(|(_, matches)| matches[*number as usize]);
        let mut found: Vec<_> = rest.filter(is_wanted).take(most.saturating_add(1)).collect();
        let more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| more).map(|last| {
            let (text, id) = self.key(sort, *last);
            let text = (sort != Sort::Id).then(|| String::from_utf8_lossy(text).into_owned());
            Cursor { order: store::order(sort, direction), text, id: id.0 }
        });
        Found {
            total: i64::try_from(total).unwrap_or(i64::MAX),
            ids: found.into_iter().map(|number| self.ids[number as usize]).collect(),
            next,
        }
    }

    /// How many have this text in their name or address, and who.
    fn matching(&self, folded: &str) -> (usize, Vec<bool>) {
        let finder = memmem::Finder::new(folded);
        let mut matches = vec![false; self.ids.len()];
        let (mut count, mut one, mut begin) = (0, 0, 0);
        while let Some(at) = finder.find(&self.text[begin..]) {
            one += self.ends[one..].iter().take_while(|end| **end as usize <= begin + at).count();
            matches[one] = true;
            count += 1;
            begin = self.ends[one] as usize;
        }
        (count, matches)
    }
}

fn folded(text: Option<&str>) -> String {
    text.map(str::to_lowercase).unwrap_or_default()
}

fn place(number: usize) -> Result<u32, DbError> {
    u32::try_from(number)
        .map_err(|_| DbError::Engine("the names of all students have more than 4 GiB".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::school::School;

    fn student(id: i64, name: &str, email: &str) -> Student {
        Student { id: StudentId(id), name: Some(name.to_owned()), email: Some(email.to_owned()) }
    }

    fn index(students: &[(&str, &str)]) -> Index {
        let students = (1..).zip(students).map(|(id, (name, email))| student(id, name, email));
        Index::of(students.collect()).unwrap()
    }

    /// The ids of all pages of so many rows, one after the other, and what each told as the total.
    fn paged(
        index: &Index,
        search: Option<&str>,
        sort: Sort,
        direction: Direction,
        most: usize,
    ) -> (Vec<i64>, Vec<i64>) {
        let search = search.map(str::to_lowercase);
        let (mut ids, mut totals, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let found = index.page(search.as_deref(), sort, direction, after.as_ref(), most);
            assert!(found.ids.len() <= most);
            ids.extend(found.ids.iter().map(|id| id.0));
            totals.push(found.total);
            after = found.next;
            if after.is_none() {
                return (ids, totals);
            }
        }
    }

    fn found(index: &Index, search: &str) -> Vec<i64> {
        paged(index, Some(search), Sort::Id, Direction::Asc, 2).0
    }

    #[test]
    fn the_order_is_that_of_the_bytes_of_the_lower_case_and_then_of_the_id() {
        let index = index(&[("zoë", "b"), ("Élan", "A"), ("Zoe", "b"), ("ZOE", "a"), ("", "ä")]);
        let order = |sort, direction| paged(&index, None, sort, direction, 2).0;
        assert_eq!(order(Sort::Name, Direction::Asc), [5, 3, 4, 1, 2]);
        assert_eq!(order(Sort::Name, Direction::Desc), [2, 1, 4, 3, 5]);
        assert_eq!(order(Sort::Email, Direction::Asc), [2, 4, 1, 3, 5]);
        assert_eq!(order(Sort::Id, Direction::Desc), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn a_text_is_found_whatever_its_case_and_for_what_it_is() {
        let index =
            index(&[("Zoë 100%", "zoe@example.edu"), ("ΟΔΟΣ", "a_b@example.edu"), ("A\\B", "ab@x.org")]);
        for (search, ids) in [
            ("ZOË", &[1][..]),
            ("οδος", &[2]),
            ("%", &[1]),
            ("_", &[2]),
            ("\\", &[3]),
            ("EXAMPLE.EDU", &[1, 2]),
            ("a_b", &[2]),
            // The end of a name and the beginning of an address; the end of an address and the beginning of a name.
            ("%zoe", &[]),
            ("eduΟ", &[]),
            ("x.org", &[3]),
            ("nobody", &[]),
        ] {
            assert_eq!(found(&index, search), ids, "{search}");
        }
    }

    #[test]
    fn a_cursor_is_that_of_the_list_in_the_database() {
        let index = index(&[("Zoë", "z"), ("ANA", "a")]);
        let next = |sort| index.page(None, sort, Direction::Asc, None, 1).next.unwrap();
        let order = store::list(None, Sort::Name, Direction::Asc).order;
        assert_eq!(next(Sort::Name), Cursor { order, text: Some("ana".to_owned()), id: 2 });
        let order = store::list(None, Sort::Id, Direction::Asc).order;
        assert_eq!(next(Sort::Id), Cursor { order, text: None, id: 1 });
    }

    #[test]
    fn who_is_gone_is_not_found_and_who_is_changed_is_found_as_they_are() {
        let mut index = index(&[("Ana", "a@x"), ("Ben", "b@x"), ("Eve", "e@x")]);
        index.remove(StudentId(2));
        index.remove(StudentId(7));
        index.remove(StudentId(1));
        index.add(&student(1, "Zoë", "a@x")).unwrap();
        assert_eq!(
            (found(&index, "ana"), found(&index, "zoë"), found(&index, "@x")),
            (vec![], vec![1], vec![1, 3])
        );
        assert_eq!(paged(&index, None, Sort::Name, Direction::Asc, 1), (vec![3, 1], vec![2, 2]));
    }

    /// What [`store::list`] tells.
    fn listed(
        students: &BTreeMap<StudentId, Student>,
        search: Option<&str>,
        sort: Sort,
        direction: Direction,
    ) -> Vec<i64> {
        let lower = |text: &Option<String>| text.clone().unwrap_or_default().to_lowercase();
        let is_wanted = |student: &&Student| {
            search.is_none_or(|search| {
                let search = search.to_lowercase();
                lower(&student.name).contains(&search) || lower(&student.email).contains(&search)
            })
        };
        let mut found: Vec<_> = students.values().filter(is_wanted).collect();
        found.sort_by_key(|student| match sort {
            Sort::Id => (String::new(), student.id),
            Sort::Name => (lower(&student.name), student.id),
            Sort::Email => (lower(&student.email), student.id),
        });
        if direction == Direction::Desc {
            found.reverse();
        }
        found.into_iter().map(|student| student.id.0).collect()
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[abAßẞİıΣσςëË%_\\\\ \u{1f}]{0,4}")
    }

    proptest! {
        #[test]
        fn the_roll_tells_what_the_list_tells(
            first in proptest::collection::vec((text(), text()), 0..12),
            changes in proptest::collection::vec((1_i64..15, proptest::option::of((text(), text()))), 0..8),
            search in proptest::option::of("[abAßẞİıΣσςëË%_\\\\]{1,2}"),
            sort in proptest::sample::select(&SORTS[..]),
            is_down in any::<bool>(),
            most in 1_usize..5,
        ) {
            let student = |id, (name, email)| Student { id: StudentId(id), name, email };
            let mut students: BTreeMap<_, _> =
                (1..).zip(first).map(|(id, texts)| (StudentId(id), student(id, texts))).collect();
            let mut index = Index::of(students.values().cloned().collect()).unwrap();
            for (id, change) in changes {
                index.remove(StudentId(id));
                students.remove(&StudentId(id));
                if let Some(texts) = change {
                    index.add(&student(id, texts.clone())).unwrap();
                    students.insert(StudentId(id), student(id, texts));
                }
            }
            let direction = if is_down { Direction::Desc } else { Direction::Asc };
            let (ids, totals) = paged(&index, search.as_deref(), sort, direction, most);
            let expected = listed(&students, search.as_deref(), sort, direction);
            prop_assert!(totals.iter().all(|total| usize::try_from(*total) == Ok(expected.len())));
            prop_assert_eq!(ids, expected);
        }
    }

    #[tokio::test]
    async fn what_another_program_writes_is_seen_after_ten_seconds_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.db");
        let school = School::open(&Location::File(file.clone()), Clock::Wall, None).await.unwrap();
        let adds = |name: &str| {
            let other = rusqlite::Connection::open(&file).unwrap();
            other.execute("insert into students (name, email) values ($1, 'a@x')", [name]).unwrap();
        };
        let roll = &school.app.roll;
        let count = async || roll.now().await.unwrap().ids.len();
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
