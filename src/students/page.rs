//! Searches the index of all students.

use memchr::memmem;

use super::index::StudentIndex;
use super::store::{self, StudentSort};
use crate::count::to_i64;
use crate::lists::{Cursor, Direction, Search, exact_first};
use crate::registrar::StudentId;

/// A page of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexPage {
    pub(super) total: i64,
    pub(super) ids: Vec<StudentId>,
    pub(super) next: Option<Cursor>,
}

impl StudentIndex {
    /// A page of the students who match. Those with exactly the typed number or id come first.
    pub(super) fn page(
        &self,
        search: Option<&Search>,
        sort: StudentSort,
        direction: Direction,
        after: Option<&Cursor>,
        limit: usize,
    ) -> IndexPage {
        let matching = search.map(|search| self.matching(search));
        let order = &self.orders[sort as usize];
        let total = matching.as_ref().map_or(order.len(), |matching| matching.count);
        let place = after.map(|after| Place::of(after, sort, direction, search.is_some()));
        let among_others = place.as_ref().filter(|place| !place.is_exact).map(|place| place.key);
        let others: &mut dyn Iterator<Item = u32> = match direction {
            Direction::Asc => {
                let from = among_others.map_or(0, |place| self.partition_point(sort, |key| key <= place));
                &mut order[from..].iter().copied()
            }
            Direction::Desc => {
                let until =
                    among_others.map_or(order.len(), |place| self.partition_point(sort, |key| key < place));
                &mut order[..until].iter().rev().copied()
            }
        };
        let mut exact = matching.as_ref().map_or_else(Vec::new, |matching| matching.exact.clone());
        exact.sort_unstable_by_key(|number| self.key(sort, *number));
        if direction == Direction::Desc {
            exact.reverse();
        }
        let is_after = |number: &&u32| match (&place, direction) {
            (None, _) => true,
            (Some(place), Direction::Asc) => place.is_exact && self.key(sort, **number) > place.key,
            (Some(place), Direction::Desc) => place.is_exact && self.key(sort, **number) < place.key,
        };
        let is_other = |number: &u32| {
            matching.as_ref().is_none_or(|it| it.matches[*number as usize] && !exact.contains(number))
        };
        let found = exact.iter().filter(is_after).copied().chain(others.filter(is_other));
        let mut found: Vec<_> = found.take(limit.saturating_add(1)).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| {
            let (text, id) = self.key(sort, *last);
            let first = search.map(|_| exact_first(direction, exact.contains(last)));
            let text = (sort != StudentSort::Id).then(|| String::from_utf8_lossy(text));
            let text = (first.is_some() || text.is_some())
                .then(|| first.into_iter().map(String::from).chain(text.map(String::from)).collect());
            Cursor { order: store::order(sort, direction, search.is_some()), text, id: id.0, total: None }
        });
        IndexPage {
            total: to_i64(total),
            ids: found.into_iter().map(|number| self.ids[number as usize]).collect(),
            next,
        }
    }

    /// The students who have the typed text in their name, address or number, or as their id.
    fn matching(&self, search: &Search) -> Matching {
        let folded = search.folded();
        let finder = memmem::Finder::new(&folded);
        let mut found = Matching { count: 0, matches: vec![false; self.ids.len()], exact: Vec::new() };
        let (mut one, mut begin) = (0, 0);
        while let Some(at) = finder.find(&self.text[begin..]) {
            one += self.ends[one..].iter().take_while(|end| **end as usize <= begin + at).count();
            begin = self.ends[one] as usize;
            let external_id = &self.text[self.middles[one][1] as usize + 1..begin - 1];
            found.add(one, external_id == folded.as_bytes());
        }
        if let Some(number) = search.id().and_then(|id| self.find(StudentId(id))) {
            found.add(number as usize, true);
        }
        found
    }
}

/// The students who match a search.
struct Matching {
    count: usize,
    /// For each student whether they match.
    matches: Vec<bool>,
    /// Those with exactly the typed number or id.
    exact: Vec<u32>,
}

impl Matching {
    fn add(&mut self, one: usize, is_exact: bool) {
        self.count += usize::from(!std::mem::replace(&mut self.matches[one], true));
        let number = u32::try_from(one).ok().filter(|number| is_exact && !self.exact.contains(number));
        self.exact.extend(number);
    }
}

/// The place of a cursor in an order.
struct Place<'a> {
    is_exact: bool,
    key: (&'a [u8], StudentId),
}

impl<'a> Place<'a> {
    fn of(after: &'a Cursor, sort: StudentSort, direction: Direction, has_search: bool) -> Self {
        let text = after.text.as_deref().unwrap_or_default();
        let is_exact = has_search && text.starts_with(exact_first(direction, true));
        // With a search, the first character says whether it is an exact match.
        let text = if has_search { text.get(1..).unwrap_or_default() } else { text };
        let text = if sort == StudentSort::Id { "" } else { text };
        Self { is_exact, key: (text.as_bytes(), StudentId(after.id)) }
    }
}
