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
