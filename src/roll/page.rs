//! Pages of the index.

use std::collections::HashSet;
use std::ops::Range;

use super::index::Index;
use crate::count::to_i64;
use crate::lists::{Cursor, Direction, Rank, Search, Sorting};

/// A page of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexPage {
    pub(super) total: i64,
    pub(super) ids: Vec<i64>,
    pub(super) next: Option<Cursor>,
}

impl Index {
    /// A page of the records that a search finds.
    pub(super) fn page(
        &self,
        search: Option<&Search>,
        among: Option<&HashSet<i64>>,
        sorting: &Sorting,
        after: Option<&Cursor>,
        places: Range<usize>,
    ) -> IndexPage {
        let (sort, direction) = (sorting.text, sorting.direction);
        let matching = search.map(|search| self.matching(&search.pattern()));
        let matching = among.map(|among| self.among(matching.as_ref(), among)).or(matching);
        let place = after.map(Rank::of);
        let count = matching.as_ref().map_or(self.order(sort).len(), |matching| matching.count);
        let total = after.and_then(|after| after.total).unwrap_or_else(|| to_i64(count));
        let exact = matching.as_ref().map_or_else(Vec::new, |matching| matching.exact.clone());
        let rank = |number| Rank { is_exact: exact.contains(&number), ..self.rank(sort, number) };
        let mut first: Vec<_> = exact.iter().map(|number| (rank(*number), *number)).collect();
        first.sort_unstable_by(|(one, _), (other, _)| one.compare(other, direction));
        let is_after = |rank: &Rank<'_>| place.is_none_or(|place| rank.compare(&place, direction).is_gt());
        let first = first.iter().filter(|(rank, _)| is_after(rank)).map(|(_, number)| *number);
        let is_other = |number: &u32| {
            matching.as_ref().is_none_or(|it| it.matches[*number as usize] && !exact.contains(number))
        };
        let others = self.after(sort, direction, place.filter(|place| !place.is_exact)).filter(is_other);
        let limit = places.len();
        let mut found: Vec<_> =
            first.chain(others).skip(places.start).take(limit.saturating_add(1)).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| rank(*last).cursor(sorting.order.clone(), total));
        let ids = found.into_iter().map(|number| self.ids[number as usize]).collect();
        IndexPage { total, ids, next }
    }

    /// The records after a place in an order.
    fn after(
        &self,
        sort: Option<usize>,
        direction: Direction,
        place: Option<Rank<'_>>,
    ) -> Box<dyn Iterator<Item = u32> + '_> {
        let order = self.order(sort);
        match direction {
            Direction::Asc => {
                let is_before = |place: &Rank<'_>, rank: Rank<'_>| rank.compare_ascending(place).is_le();
                let from =
                    place.map_or(0, |place| self.partition_point(sort, |rank| is_before(&place, rank)));
                Box::new(order[from..].iter().copied())
            }
            Direction::Desc => {
                let is_before = |place: &Rank<'_>, rank: Rank<'_>| rank.compare_ascending(place).is_lt();
                let until = place
                    .map_or(order.len(), |place| self.partition_point(sort, |rank| is_before(&place, rank)));
                Box::new(order[..until].iter().rev().copied())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::comparison::Comparison;
    use super::*;
    use crate::lists::{Page, Texts, select};
    use crate::text::{collation, folded, words};

    const NONE: &[Texts] = &[];

    fn texts(id: i64, texts: [&str; 3]) -> Texts {
        Texts { id, texts: texts.map(|text| Some(text.to_owned())) }
    }

    fn index(records: &[[&str; 3]]) -> Index {
        let records: Vec<_> = (1..).zip(records).map(|(id, record)| texts(id, *record)).collect();
        Index::new(&records).unwrap()
    }

    fn sorting(text: Option<usize>, direction: Direction) -> Sorting {
        Sorting { order: "a".to_owned(), text, direction }
    }

    /// The ids of all pages of `limit` rows, one after the other.
    fn paged(index: &Index, search: Option<&str>, sorting: &Sorting, limit: usize) -> Vec<i64> {
        let search: Option<Search> = search.map(|search| search.parse().unwrap());
        let (mut ids, mut after, mut total) = (Vec::new(), None, None);
        loop {
            let found = index.page(search.as_ref(), None, sorting, after.as_ref(), 0..limit);
            assert!(found.ids.len() <= limit);
            assert_eq!(*total.get_or_insert(found.total), found.total);
            ids.extend(found.ids);
            after = found.next.map(|next| next.encode().parse::<Cursor>().unwrap());
            if after.is_none() {
                assert_eq!(total, i64::try_from(ids.len()).ok());
                return ids;
            }
        }
    }

    fn found(index: &Index, search: &str) -> Vec<i64> {
        paged(index, Some(search), &sorting(None, Direction::Asc), 2)
    }

    #[test]
    fn records_are_sorted_by_a_text_and_then_by_their_id() {
        let index = index(&[
            ["zoë", "b", ""],
            ["Élan", "A", ""],
            ["Zoe", "b", ""],
            ["Rush 10", "a", ""],
            ["Rush 2", "ä", ""],
        ]);
        let order = |text, direction| paged(&index, None, &sorting(text, direction), 2);
        assert_eq!(order(Some(0), Direction::Asc), [2, 5, 4, 3, 1]);
        assert_eq!(order(Some(0), Direction::Desc), [1, 3, 4, 5, 2]);
        assert_eq!(order(Some(1), Direction::Asc), [4, 2, 5, 1, 3]);
        assert_eq!(order(None, Direction::Desc), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn every_character_is_taken_literally_and_no_word_goes_across_texts() {
        let index = index(&[
            ["Zoë 100%", "zoe@example.edu", ""],
            ["ΟΔΟΣ", "a_b@example.edu", ""],
            ["A\\B", "ab@x.org", "7"],
        ]);
        for (search, ids) in [
            ("ZOE", &[1][..]),
            ("οδος", &[2]),
            ("%", &[1]),
            ("_", &[2]),
            ("\\", &[3]),
            ("EXAMPLE.EDU", &[1, 2]),
            ("a_b", &[2]),
            ("%zoe", &[]),
            ("eduΟ", &[]),
            ("org7", &[]),
            ("org 7", &[3]),
            ("edu, example zo", &[1]),
            ("nobody", &[]),
            (",", &[]),
            ("\u{301}", &[]),
            ("z", &[1]),
            ("b a", &[2, 3]),
            ("7", &[3]),
        ] {
            assert_eq!(found(&index, search), ids, "{search}");
        }
    }

    #[test]
    fn exactly_the_typed_number_or_id_comes_first() {
        let numbers = [(1, "10"), (2, "3"), (3, "003"), (10, "0010"), (11, "AB10"), (12, ",")];
        let records: Vec<_> = numbers.map(|(id, number)| texts(id, ["Zoë", "z@x", number])).to_vec();
        let mut index = Index::new(&records).unwrap();
        let found = |index: &Index, search| {
            let by_name = sorting(Some(0), Direction::Asc);
            let all = [1, 2, 9].map(|limit| paged(index, Some(search), &by_name, limit));
            assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
            all[0].clone()
        };
        assert_eq!(found(&index, "10"), [1, 10, 11]);
        assert_eq!(found(&index, "3"), [2, 3]);
        assert_eq!(found(&index, "003"), [3]);
        assert_eq!(found(&index, "ab10"), [11]);
        assert_eq!(found(&index, ","), [12]);
        let down = |limit| paged(&index, Some("10"), &sorting(None, Direction::Desc), limit);
        assert_eq!((down(1), down(9)), (vec![10, 1, 11], vec![10, 1, 11]));
        index.update(&[1], NONE).unwrap();
        assert_eq!(found(&index, "10"), [10, 11]);
    }

    #[test]
    fn removed_records_are_not_found_and_changed_ones_are_found_as_they_are() {
        let mut index = index(&[["Ana", "a@x", ""], ["Ben", "b@x", ""], ["Eve", "e@x", ""]]);
        index.update(&[2, 7, 2], NONE).unwrap();
        index.update(&[1], &[texts(1, ["Zoë", "a@x", ""])]).unwrap();
        assert_eq!(
            (found(&index, "ana"), found(&index, "zoe"), found(&index, "@x")),
            (vec![], vec![1], vec![1, 3])
        );
        assert_eq!(paged(&index, None, &sorting(Some(0), Direction::Asc), 1), [3, 1]);
    }

    #[test]
    fn an_index_knows_which_records_another_program_has_changed() {
        let records =
            [texts(1, ["Ana", "A@x", "É"]), texts(2, ["Ben", "b@x", ""]), texts(3, ["Eve", "e@x", ""])];
        let mut index = Index::new(&records).unwrap();
        let differences = |index: &Index, records: &[Texts]| {
            let mut comparison = Comparison::new(index);
            records.chunks(2).for_each(|records| comparison.add(index, records));
            comparison.differences(index)
        };
        assert_eq!(differences(&index, &records), [0; 0]);
        let [ana, ben, _] = records;
        let changed = [ben, texts(1, ["ana", "A@x", "É"]), texts(4, ["Zoë", "z@x", ""])];
        assert_eq!(differences(&index, &changed), [1, 4, 3]);
        index.update(&[1, 4, 3], &changed[1..]).unwrap();
        assert_eq!(differences(&index, &changed), [0; 0]);
        assert!(!index.is_worn());
        for _ in 0..2_000 {
            index.update(&[1], std::slice::from_ref(&ana)).unwrap();
        }
        assert!(index.is_worn(), "mostly about records that are gone");
    }

    /// The ids of what should be listed, from plain code.
    fn listed(records: &BTreeMap<i64, Texts>, search: Option<&str>, sorting: &Sorting) -> Vec<i64> {
        let text = |record: &Texts, place: usize| record.texts[place].clone().unwrap_or_default();
        let typed = search.map(|search| folded(search.trim()));
        let is_exact = |record: &&Texts| {
            search.is_some_and(|search| {
                let number = folded(&text(record, 2));
                record.id.to_string() == search.trim() || !number.is_empty() && Some(number) == typed
            })
        };
        let is_wanted = |record: &&Texts| {
            typed.as_ref().is_none_or(|typed| {
                let has = |word| (0..3).any(|place| folded(&text(record, place)).contains(word));
                is_exact(record) || words(typed).next().is_some() && words(typed).all(has)
            })
        };
        let mut found: Vec<_> = records.values().filter(is_wanted).collect();
        found.sort_by(|one, other| {
            let by_text = sorting
                .text
                .map_or(Ordering::Equal, |place| collation::compare(&text(one, place), &text(other, place)));
            by_text.then(one.id.cmp(&other.id))
        });
        if sorting.direction == Direction::Desc {
            found.reverse();
        }
        found.sort_by_key(|record| !is_exact(record));
        found.into_iter().map(|record| record.id).collect()
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[abAßẞİıΣσςëËe\u{301}\u{308}’' 0129%_,\\\\\u{1f}]{0,4}")
    }

    fn number() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[01aÁ,]{1,2}")
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_plain_list_finds(
            first in proptest::collection::vec((text(), text(), number()), 0..12),
            changes in proptest::collection::vec((1_i64..15, proptest::option::of((text(), text(), number()))), 0..8),
            search in proptest::option::of("[01abAßẞİıΣσςëe’ ,%_\\\\]{0,3}[01ab,’]"),
            sort in proptest::sample::select(&[None, Some(0), Some(1)][..]),
            at_once in 1_usize..5,
            is_sorted_before in any::<bool>(),
            is_down in any::<bool>(),
            limit in 1_usize..5,
        ) {
            let record = |id, (name, second, number)| Texts { id, texts: [name, second, number] };
            let mut records: BTreeMap<_, _> =
                (1..).zip(first).map(|(id, texts)| (id, record(id, texts))).collect();
            let mut index = Index::new(&records.values().cloned().collect::<Vec<_>>()).unwrap();
            if is_sorted_before {
                index.order(sort);
            }
            for changes in changes.chunks(at_once) {
                for (id, change) in changes.iter().cloned() {
                    records.remove(&id);
                    records.extend(change.map(|texts| (id, record(id, texts))));
                }
                let ids: Vec<_> = changes.iter().map(|(id, _)| *id).collect();
                let changed: Vec<_> = records.values().filter(|record| ids.contains(&record.id)).cloned().collect();
                index.update(&ids, &changed).unwrap();
            }
            let sorting = sorting(sort, if is_down { Direction::Desc } else { Direction::Asc });
            let expected = listed(&records, search.as_deref(), &sorting);
            prop_assert_eq!(paged(&index, search.as_deref(), &sorting, limit), expected.clone());

            // A list that is selected from rows of the database is the same.
            let rows = records.values().map(|record| (record.id, record.clone())).collect();
            let search = search.map(|search| search.parse().unwrap());
            let all = Page::all();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let part = runtime.block_on(select(rows, search, sorting, &all)).unwrap();
            prop_assert_eq!(part.rows.iter().map(|record| record.id).collect::<Vec<_>>(), expected);
        }
    }
}
