//! The texts of all students, sorted, to be searched by a part of a name, an e-mail address or a number.

use super::store::StudentSort;
use crate::db::{DbError, casefold};
use crate::registrar::{Student, StudentId};

/// Separates texts, and overwrites deleted students. Nobody can search for it.
const SEPARATOR: u8 = 0x1f;

/// The texts of all students in one buffer, and the positions of each student's texts. There is no allocation per
/// student.
#[derive(Clone, Debug, Default)]
pub(super) struct StudentIndex {
    /// For each student the folded name, address and number, each followed by a separator.
    pub(super) text: Vec<u8>,
    /// Where each student's name and address end.
    pub(super) middles: Vec<[u32; 2]>,
    /// Where each student's texts end and the next student's begin.
    pub(super) ends: Vec<u32>,
    pub(super) ids: Vec<StudentId>,
    /// The existing students in the order of each [`StudentSort`].
    pub(super) orders: [Vec<u32>; 3],
}

const SORTS: [StudentSort; 3] = [StudentSort::Id, StudentSort::Name, StudentSort::Email];

impl StudentIndex {
    pub(super) fn new(students: Vec<Student>) -> Result<Self, DbError> {
        let mut index = Self::default();
        for student in students {
            index.append(&student)?;
        }
        index.text.shrink_to_fit();
        for sort in SORTS {
            index.orders[sort as usize] = index.order(sort);
        }
        Ok(index)
    }

    /// All students in this order.
    fn order(&self, sort: StudentSort) -> Vec<u32> {
        let numbers = (0..).take(self.ids.len());
        // Comparing the first bytes, stored next to each entry, settles nearly all comparisons without a cache miss.
        let mut order: Vec<_> = numbers.map(|number| (self.key_prefix(sort, number), number)).collect();
        order.sort_unstable_by(|(begins, one), (other_begins, other)| {
            begins.cmp(other_begins).then_with(|| self.key(sort, *one).cmp(&self.key(sort, *other)))
        });
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Appends a student's texts without adding the student to the orders.
    fn append(&mut self, student: &Student) -> Result<u32, DbError> {
        let number = to_u32(self.ids.len())?;
        let name = folded(student.name.as_deref());
        let email = folded(student.email.as_deref());
        let external_id = folded(student.number.as_deref());
        let name_end = self.text.len() + name.len();
        let email_end = name_end + 1 + email.len();
        let end = to_u32(email_end + external_id.len() + 2)?;
        self.middles.push([to_u32(name_end)?, to_u32(email_end)?]);
        self.ends.push(end);
        self.ids.push(student.id);
        for text in [name, email, external_id] {
            self.text.extend_from_slice(text.as_bytes());
            self.text.push(SEPARATOR);
        }
        Ok(number)
    }

    /// Adds a student who is not in the index.
    pub(super) fn add(&mut self, student: &Student) -> Result<(), DbError> {
        let number = self.append(student)?;
        for sort in SORTS {
            let key = self.key(sort, number);
            let at = self.partition_point(sort, |other| other < key);
            self.orders[sort as usize].insert(at, number);
        }
        Ok(())
    }

    /// Removes a student; does nothing if the student is not in the index.
    pub(super) fn remove(&mut self, id: StudentId) {
        let Some(number) = self.find(id) else { return };
        for sort in SORTS {
            let key = self.key(sort, number);
            let at = self.partition_point(sort, |other| other < key);
            self.orders[sort as usize].remove(at);
        }
        let (begin, end) = (self.begin(number), self.ends[number as usize] as usize);
        self.text[begin..end].fill(SEPARATOR);
    }

    pub(super) fn find(&self, id: StudentId) -> Option<u32> {
        let at = self.partition_point(StudentSort::Id, |(_, other)| other < id);
        let number = self.orders[StudentSort::Id as usize].get(at).copied()?;
        (self.ids[number as usize] == id).then_some(number)
    }

    fn begin(&self, number: u32) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)
    }

    /// The sort key: as in the database, the bytes of the folded text, then the id.
    pub(super) fn key(&self, sort: StudentSort, number: u32) -> (&[u8], StudentId) {
        let one = number as usize;
        let [name_end, email_end] = self.middles[one].map(|end| end as usize);
        let text = match sort {
            StudentSort::Id => &[],
            StudentSort::Name => &self.text[self.begin(number)..name_end],
            StudentSort::Email => &self.text[name_end + 1..email_end],
        };
        (text, self.ids[one])
    }

    /// The first bytes of the key as a number in the same order; different keys may have the same one.
    fn key_prefix(&self, sort: StudentSort, number: u32) -> u64 {
        let (text, id) = self.key(sort, number);
        if sort == StudentSort::Id {
            return id.0.cast_unsigned() ^ (1 << 63);
        }
        let mut bytes = [0; 8];
        for (to, byte) in bytes.iter_mut().zip(text) {
            *to = *byte;
        }
        u64::from_be_bytes(bytes)
    }

    /// Partition point: entries before the first that does not satisfy the predicate.
    pub(super) fn partition_point(
        &self,
        sort: StudentSort,
        is_before: impl Fn((&[u8], StudentId)) -> bool,
    ) -> usize {
        self.orders[sort as usize].partition_point(|number| is_before(self.key(sort, *number)))
    }
}

fn folded(text: Option<&str>) -> String {
    text.map(casefold).unwrap_or_default()
}

fn to_u32(number: usize) -> Result<u32, DbError> {
    u32::try_from(number).map_err(|_| DbError::Engine("the names of all students exceed 4 GiB".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::lists::{Cursor, Direction, Search};
    use crate::registrar::Record as _;
    use crate::students::store;

    fn student(id: i64, name: &str, email: &str) -> Student {
        Student {
            name: Some(name.to_owned()),
            email: Some(email.to_owned()),
            ..Student::empty(StudentId(id))
        }
    }

    fn index(students: &[(&str, &str)]) -> StudentIndex {
        let students = (1..).zip(students).map(|(id, (name, email))| student(id, name, email));
        StudentIndex::new(students.collect()).unwrap()
    }

    /// The ids of all pages of `limit` rows, one after the other, and the total that each page reported.
    fn paged(
        index: &StudentIndex,
        search: Option<&str>,
        sort: StudentSort,
        direction: Direction,
        limit: usize,
    ) -> (Vec<i64>, Vec<i64>) {
        let search: Option<Search> = search.map(|search| search.parse().unwrap());
        let (mut ids, mut totals, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let found = index.page(search.as_ref(), sort, direction, after.as_ref(), limit);
            assert!(found.ids.len() <= limit);
            ids.extend(found.ids.iter().map(|id| id.0));
            totals.push(found.total);
            after = found.next;
            if after.is_none() {
                return (ids, totals);
            }
        }
    }

    fn found(index: &StudentIndex, search: &str) -> Vec<i64> {
        paged(index, Some(search), StudentSort::Id, Direction::Asc, 2).0
    }

    #[test]
    fn students_are_sorted_by_lower_case_bytes_and_then_by_id() {
        let index = index(&[("zoë", "b"), ("Élan", "A"), ("Zoe", "b"), ("ZOE", "a"), ("", "ä")]);
        let order = |sort, direction| paged(&index, None, sort, direction, 2).0;
        assert_eq!(order(StudentSort::Name, Direction::Asc), [5, 3, 4, 1, 2]);
        assert_eq!(order(StudentSort::Name, Direction::Desc), [2, 1, 4, 3, 5]);
        assert_eq!(order(StudentSort::Email, Direction::Asc), [2, 4, 1, 3, 5]);
        assert_eq!(order(StudentSort::Id, Direction::Desc), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn searches_ignore_case_and_have_no_wildcards() {
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
            // The end of a name and the key_prefix of an address; the end of an address and the key_prefix of a name.
            ("%zoe", &[]),
            ("eduΟ", &[]),
            ("x.org", &[3]),
            ("nobody", &[]),
        ] {
            assert_eq!(found(&index, search), ids, "{search}");
        }
    }

    #[test]
    fn cursors_are_the_same_as_those_of_the_database() {
        let index = index(&[("Zoë", "z"), ("ANA", "a")]);
        let next = |sort| index.page(None, sort, Direction::Asc, None, 1).next.unwrap();
        let order = store::order(StudentSort::Name, Direction::Asc, false);
        assert_eq!(
            next(StudentSort::Name),
            Cursor { order, text: Some("ana".to_owned()), id: 2, total: None }
        );
        let order = store::order(StudentSort::Id, Direction::Asc, false);
        assert_eq!(next(StudentSort::Id), Cursor { order, text: None, id: 1, total: None });
    }

    #[test]
    fn exactly_the_typed_number_or_id_comes_first() {
        let students = [(1, "10"), (2, "3"), (3, "003"), (10, "0010"), (11, "AB10")];
        let numbered = |(id, number): (i64, &str)| Student {
            number: Some(number.to_owned()),
            ..student(id, "Zoë", "z@x")
        };
        let mut index = StudentIndex::new(students.map(numbered).to_vec()).unwrap();
        let found = |index: &StudentIndex, search| {
            let all =
                [1, 2, 9].map(|limit| paged(index, Some(search), StudentSort::Name, Direction::Asc, limit).0);
            assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
            all[0].clone()
        };
        assert_eq!(found(&index, "10"), [1, 10, 11]);
        assert_eq!(found(&index, "3"), [2, 3]);
        assert_eq!(found(&index, "003"), [3]);
        assert_eq!(found(&index, "ab10"), [11]);
        let down = |limit| paged(&index, Some("10"), StudentSort::Id, Direction::Desc, limit).0;
        assert_eq!((down(1), down(9)), (vec![10, 1, 11], vec![10, 1, 11]));
        index.remove(StudentId(1));
        assert_eq!(found(&index, "10"), [10, 11]);
    }

    #[test]
    fn removed_students_are_not_found_and_changed_ones_are_found_as_they_are() {
        let mut index = index(&[("Ana", "a@x"), ("Ben", "b@x"), ("Eve", "e@x")]);
        index.remove(StudentId(2));
        index.remove(StudentId(7));
        index.remove(StudentId(1));
        index.add(&student(1, "Zoë", "a@x")).unwrap();
        assert_eq!(
            (found(&index, "ana"), found(&index, "zoë"), found(&index, "@x")),
            (vec![], vec![1], vec![1, 3])
        );
        assert_eq!(paged(&index, None, StudentSort::Name, Direction::Asc, 1), (vec![3, 1], vec![2, 2]));
    }

    /// What [`store::list`] returns.
    fn listed(
        students: &BTreeMap<StudentId, Student>,
        search: Option<&str>,
        sort: StudentSort,
        direction: Direction,
    ) -> Vec<i64> {
        let lower = |text: &Option<String>| casefold(text.as_deref().unwrap_or_default());
        let is_exact = |student: &Student| {
            search.is_some_and(|search| {
                student.id.to_string() == search || lower(&student.number) == casefold(search)
            })
        };
        let is_wanted = |student: &&Student| {
            search.is_none_or(|search| {
                let texts = [&student.name, &student.email, &student.number];
                is_exact(student) || texts.iter().any(|text| lower(text).contains(&casefold(search)))
            })
        };
        let mut found: Vec<_> = students.values().filter(is_wanted).collect();
        found.sort_by_key(|student| match sort {
            StudentSort::Id => (String::new(), student.id),
            StudentSort::Name => (lower(&student.name), student.id),
            StudentSort::Email => (lower(&student.email), student.id),
        });
        if direction == Direction::Desc {
            found.reverse();
        }
        found.sort_by_key(|student| !is_exact(student));
        found.into_iter().map(|student| student.id.0).collect()
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[abAßẞİıΣσςëË%_\\\\ \u{1f}]{0,4}")
    }

    fn number() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[01aA]{1,2}")
    }

    proptest! {
        #[test]
        fn the_index_returns_the_same_as_the_database(
            first in proptest::collection::vec((text(), text(), number()), 0..12),
            changes in proptest::collection::vec((1_i64..15, proptest::option::of((text(), text(), number()))), 0..8),
            search in proptest::option::of("[01abAßẞİıΣσςëË%_\\\\]{1,2}"),
            sort in proptest::sample::select(&SORTS[..]),
            is_down in any::<bool>(),
            limit in 1_usize..5,
        ) {
            let student = |id, (name, email, number)| Student { id: StudentId(id), name, email, number };
            let mut students: BTreeMap<_, _> =
                (1..).zip(first).map(|(id, texts)| (StudentId(id), student(id, texts))).collect();
            let mut index = StudentIndex::new(students.values().cloned().collect()).unwrap();
            for (id, change) in changes {
                index.remove(StudentId(id));
                students.remove(&StudentId(id));
                if let Some(texts) = change {
                    index.add(&student(id, texts.clone())).unwrap();
                    students.insert(StudentId(id), student(id, texts));
                }
            }
            let direction = if is_down { Direction::Desc } else { Direction::Asc };
            let (ids, totals) = paged(&index, search.as_deref(), sort, direction, limit);
            let expected = listed(&students, search.as_deref(), sort, direction);
            prop_assert!(totals.iter().all(|total| usize::try_from(*total) == Ok(expected.len())));
            prop_assert_eq!(ids, expected);
        }
    }
}
