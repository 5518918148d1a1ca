//! Making and comparing waitlists.

use std::fmt;

use super::{Slot, Waitlist};
use crate::registrar::record::WaitlistEntry;

impl FromIterator<WaitlistEntry> for Waitlist {
    /// Builds a waitlist from entries in any order.
    fn from_iter<I: IntoIterator<Item = WaitlistEntry>>(entries: I) -> Self {
        let mut slots: Vec<_> = entries.into_iter().map(|waiting| Slot { waiting, is_taken: true }).collect();
        slots.sort_by_key(|slot| slot.waiting.joined_seq);
        let mut waitlist = Self { slots, ..Self::default() };
        waitlist.renumber();
        waitlist
    }
}

/// Equal if the same students wait in the same order and are on hold; empty slots do not matter.
impl PartialEq for Waitlist {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.on_hold == other.on_hold && self.iter().eq(other.iter())
    }
}

impl Eq for Waitlist {}

impl fmt::Debug for Waitlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::registrar::{CourseId, StudentId};

    fn waiting(student: i64, joined_seq: i64) -> WaitlistEntry {
        WaitlistEntry {
            student_id: StudentId(student),
            course_id: CourseId(7),
            joined_seq,
            joined_at: format!("2026-09-01T08:00:00.{joined_seq:03}Z").parse().unwrap(),
        }
    }

    #[derive(Clone, Debug)]
    enum Change {
        Join(i64),
        /// At the place of an earlier time.
        ComeBack(i64, i64),
        Leave(i64),
        /// Gets a hold, or loses it.
        Hold(i64, bool),
        Compact,
        Rebuild,
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let student = || 1..16_i64;
        let change = prop_oneof![
            8 => student().prop_map(Change::Join),
            2 => (student(), 1..300_i64).prop_map(|(student, seq)| Change::ComeBack(student, seq)),
            6 => student().prop_map(Change::Leave),
            4 => (student(), any::<bool>()).prop_map(|(student, is_on_hold)| Change::Hold(student, is_on_hold)),
            1 => Just(Change::Compact),
            1 => Just(Change::Rebuild),
        ];
        proptest::collection::vec(change, 1..120)
    }

    /// A waitlist, and the same as a list and a set, in which every operation is a loop.
    #[derive(Default)]
    struct Both {
        waitlist: Waitlist,
        naive: BTreeMap<i64, WaitlistEntry>,
        /// Students with holds, whether they wait or not.
        on_hold: BTreeSet<StudentId>,
    }

    impl Both {
        /// Adds an entry; neither has a student twice, nor two entries at one place.
        fn join(&mut self, waiting: &WaitlistEntry) {
            self.waitlist.insert(waiting.clone());
            self.waitlist.set_on_hold(waiting.student_id, self.on_hold.contains(&waiting.student_id));
            self.naive.retain(|_, other| other.student_id != waiting.student_id);
            self.naive.insert(waiting.joined_seq, waiting.clone());
        }

        fn leave(&mut self, student: StudentId) -> [Option<WaitlistEntry>; 2] {
            let place = self.naive.values().find(|waiting| waiting.student_id == student);
            let place = place.map(|waiting| waiting.joined_seq);
            [self.waitlist.remove(student), place.and_then(|place| self.naive.remove(&place))]
        }

        fn hold(&mut self, student: StudentId, is_on_hold: bool) {
            self.waitlist.set_on_hold(student, is_on_hold);
            if is_on_hold {
                self.on_hold.insert(student);
            } else {
                self.on_hold.remove(&student);
            }
        }

        /// A new waitlist with the same entries and holds.
        fn rebuilt(&self) -> Waitlist {
            let mut waitlist: Waitlist = self.naive.values().rev().cloned().collect();
            for student in &self.on_hold {
                waitlist.set_on_hold(*student, true);
            }
            waitlist
        }
    }

    proptest! {
        #[test]
        fn a_waitlist_is_a_list_in_order_of_joining(changes in changes()) {
            let mut both = Both::default();
            for (seq, change) in (300..).zip(changes) {
                match change {
                    Change::Join(student) => both.join(&waiting(student, seq)),
                    Change::ComeBack(student, seq) => both.join(&waiting(student, seq)),
                    Change::Leave(student) => {
                        let [removed, expected] = both.leave(StudentId(student));
                        prop_assert_eq!(removed, expected);
                    }
                    Change::Hold(student, is_on_hold) => both.hold(StudentId(student), is_on_hold),
                    Change::Compact => both.waitlist.compact(),
                    Change::Rebuild => both.waitlist = both.rebuilt(),
                }
                let Both { waitlist, naive, on_hold } = &both;
                prop_assert_eq!((waitlist.len(), waitlist.is_empty()), (naive.len(), naive.is_empty()));
                prop_assert!(waitlist.iter().eq(naive.values()));
                let without_holds = naive.values().filter(|waiting| !on_hold.contains(&waiting.student_id));
                prop_assert!(waitlist.iter_without_holds().eq(without_holds));
                for student in (1..16).map(StudentId) {
                    let position = (1..).zip(naive.values()).find(|(_, w)| w.student_id == student);
                    prop_assert_eq!(waitlist.position(student), position);
                    prop_assert_eq!(waitlist.get(student), position.map(|(_, waiting)| waiting));
                }
                prop_assert_eq!(waitlist, &both.rebuilt());
            }
        }

        /// Three students wait or not, those who wait with or without a hold.
        #[test]
        fn waitlists_are_equal_if_the_same_students_wait_with_the_same_holds(
            one in proptest::collection::vec(proptest::option::of(any::<bool>()), 3),
            other in proptest::collection::vec(proptest::option::of(any::<bool>()), 3),
        ) {
            let [first, second] = [&one, &other].map(|students| {
                let mut both = Both::default();
                for (id, is_on_hold) in (1..).zip(students).filter_map(|(id, waits)| Some((id, (*waits)?))) {
                    both.join(&waiting(id, id));
                    both.hold(StudentId(id), is_on_hold);
                }
                both.waitlist
            });
            prop_assert_eq!(first == second, one == other);
        }
    }
}
