//! Several rows about the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use jiff::Timestamp;

use crate::files::reading::drafts::Drafts;
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Reading, Skipped};
use crate::files::reading::rows::Origin;
use crate::priority::pause_if_due;
use crate::text::look;

/// What became of the rows that are not kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) skipped: Vec<(Origin, Skipped)>,
    /// Each row with another one that says something else.
    pub(super) contradictions: Vec<(Origin, Origin)>,
}

/// Keeps one row for each key. Of rows that say the same the first is kept. Of rows that say different things the one that
/// was changed last is kept; if that is not known of all of them, or not of one only, none is.
pub(super) fn settle<D, K: Eq + Hash>(
    rows: &mut Vec<D>,
    key: impl Fn(&D) -> K,
    origin: impl Fn(&D) -> (Origin, Option<Timestamp>),
    same: impl Fn(&D, &D) -> bool,
) -> Settled {
    let mut firsts = HashMap::with_capacity(rows.len());
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        pause_if_due();
        let first = *firsts.entry(key(row)).or_insert(place);
        if first != place {
            groups.entry(first).or_insert_with(|| vec![first]).push(place);
        }
    }
    drop(firsts);
    let mut settled = Settled::default();
    let mut dropped = HashSet::new();
    for group in groups.values() {
        let kept = kept(group, rows, &origin, &same, &mut settled);
        dropped.extend(group.iter().copied().filter(|place| Some(*place) != kept));
    }
    let mut place = 0;
    rows.retain(|_| {
        place += 1;
        !dropped.contains(&(place - 1))
    });
    settled
}

/// The row of a group that is kept.
fn kept<D>(
    group: &[usize],
    rows: &[D],
    origin: &impl Fn(&D) -> (Origin, Option<Timestamp>),
    same: &impl Fn(&D, &D) -> bool,
    settled: &mut Settled,
) -> Option<usize> {
    let at = |place: usize| &rows[place];
    let origin_of = |place: usize| origin(at(place)).0;
    let time_of = |place: usize| origin(at(place)).1;
    let first = group[0];
    if group.iter().all(|place| same(at(*place), at(first))) {
        settled.skipped.extend(group[1..].iter().map(|place| (origin_of(*place), Skipped::Repeat)));
        return Some(first);
    }
    let last = if group.iter().all(|place| time_of(*place).is_some()) {
        group.iter().filter_map(|place| time_of(*place)).max()
    } else {
        None
    };
    let (latest, older): (Vec<_>, Vec<_>) =
        group.iter().copied().partition(|place| time_of(*place) == last || last.is_none());
    settled.skipped.extend(older.iter().map(|place| (origin_of(*place), Skipped::Older)));
    if latest.iter().all(|place| same(at(*place), at(latest[0]))) {
        settled.skipped.extend(latest[1..].iter().map(|place| (origin_of(*place), Skipped::Repeat)));
        return Some(latest[0]);
    }
    // One that differs from the first differs from all that say what the first says.
    let rival = latest.iter().copied().find(|place| !same(at(*place), at(latest[0]))).unwrap_or(first);
    for place in latest.iter().copied() {
        let other = if same(at(place), at(latest[0])) { rival } else { latest[0] };
        settled.contradictions.push((origin_of(place), origin_of(other)));
    }
    None
}

/// Reports what was settled. The reason of a contradiction is made from the other row.
pub(super) fn report(
    settled: Settled,
    drafts: &mut Drafts,
    reading: &mut Reading,
    reason: impl Fn(Origin) -> Reason,
) {
    for (origin, skipped) in settled.skipped {
        *reading.files[origin.file as usize].counts.skipped.entry(skipped).or_default() += 1;
    }
    for (origin, other) in settled.contradictions {
        drafts.refuse(origin, None, reason(other));
    }
}

/// Refuses rows whose ids look the same but are different: it is not clear which one is meant.
pub(super) fn refuse_lookalikes<D>(
    rows: &mut Vec<D>,
    id: impl Fn(&D) -> Box<str>,
    origin: impl Fn(&D) -> Origin,
    drafts: &mut Drafts,
) {
    let mut firsts: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    let mut others: BTreeMap<usize, usize> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        pause_if_due();
        let first = *firsts.entry(look(&id(row)).into_owned()).or_insert(place);
        if first != place {
            others.entry(first).or_insert(place);
            others.insert(place, first);
        }
    }
    for (place, other) in &others {
        drafts.refuse(origin(&rows[*place]), None, Reason::Lookalike(origin(&rows[*other])));
    }
    let mut place = 0;
    rows.retain(|_| {
        place += 1;
        !others.contains_key(&(place - 1))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as (key, what they say, time); the line is the place in the list, from 1.
    fn settled(rows: &[(char, bool, Option<i64>)]) -> (Vec<u32>, Settled) {
        let at = |line: u32| Origin { file: 0, line };
        let mut rows: Vec<_> = (1..).map(at).zip(rows.iter().copied()).collect();
        let settled = settle(
            &mut rows,
            |(_, (key, ..))| *key,
            |(origin, (.., time))| (*origin, time.map(|time| Timestamp::from_second(time).unwrap())),
            |(_, (_, one, _)), (_, (_, two, _))| one == two,
        );
        (rows.iter().map(|(origin, _)| origin.line).collect(), settled)
    }

    #[test]
    fn equal_rows_are_repeats_and_different_ones_contradict_each_other() {
        let at = |line: u32| Origin { file: 0, line };
        let (kept, settled_rows) = settled(&[('a', true, None), ('b', true, None), ('a', true, None)]);
        assert_eq!(kept, [1, 2]);
        assert_eq!(settled_rows.skipped, [(at(3), Skipped::Repeat)]);
        let (kept, settled_rows) = settled(&[('a', true, Some(1)), ('a', false, None), ('a', true, Some(2))]);
        assert_eq!(kept, [0; 0]);
        assert_eq!(settled_rows.contradictions, [(at(1), at(2)), (at(2), at(1)), (at(3), at(2))]);
    }

    #[test]
    fn the_last_change_wins_in_any_order() {
        let at = |line: u32| Origin { file: 0, line };
        let (kept, settled_rows) =
            settled(&[('a', true, Some(1)), ('a', false, Some(3)), ('a', true, Some(2))]);
        assert_eq!(kept, [2]);
        assert_eq!(settled_rows.skipped, [(at(1), Skipped::Older), (at(3), Skipped::Older)]);
        let (kept, settled_rows) =
            settled(&[('a', true, Some(3)), ('a', false, Some(3)), ('a', true, Some(2))]);
        assert_eq!(kept, [0; 0]);
        assert_eq!(settled_rows.contradictions, [(at(1), at(2)), (at(2), at(1))]);
    }
}
