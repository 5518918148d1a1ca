//! The waitlist of a course in memory. Positions and changes take O(log n): a rush can put 100,000 students on it.

mod traits;

use std::collections::{BTreeSet, HashMap};

use super::record::{StudentId, WaitlistEntry};

/// The students on the waitlist of one course, in the order in which they joined.
///
/// Finding a student, a position or the next to move up, adding and removing take O(log n).
#[derive(Clone, Default)]
pub struct Waitlist {
    /// In order of `joined_seq`. When a student leaves, the empty slot remains until [`Waitlist::compact`].
    slots: Vec<Slot>,
    /// A Fenwick tree over the slots that counts the taken ones: entry `i` counts the slots of the range that ends
    /// with slot `i` and is as long as the lowest bit of `i + 1`.
    counts: Vec<usize>,
    /// The slot of each student on the waitlist.
    slot_of: HashMap<StudentId, usize>,
    /// Those of the students who are on hold, so that they do not move up.
    on_hold: BTreeSet<StudentId>,
}

struct Slot {
    waiting: WaitlistEntry,
    is_taken: bool,
}

impl Clone for Slot {
    fn clone(&self) -> Self {
        step();
        Self { waiting: self.waiting.clone(), is_taken: self.is_taken }
    }
}

impl Waitlist {
    /// How many students are on the waitlist.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slot_of.len()
    }

    /// Whether the waitlist is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slot_of.is_empty()
    }

    /// The student's entry.
    #[must_use]
    pub fn get(&self, student_id: StudentId) -> Option<&WaitlistEntry> {
        let slot = self.slots.get(*self.slot_of.get(&student_id)?)?;
        Some(&slot.waiting)
    }

    /// The student's position, 1 for the next to move up, and entry.
    #[must_use]
    pub fn position(&self, student_id: StudentId) -> Option<(usize, &WaitlistEntry)> {
        let at = *self.slot_of.get(&student_id)?;
        Some((self.taken_up_to(at), &self.slots.get(at)?.waiting))
    }

    /// The entries in order. Each of the first few takes at most O(log n), even if many empty slots precede them.
    pub fn iter(&self) -> impl Iterator<Item = &WaitlistEntry> {
        let (mut at, mut seen) = (0, 0);
        std::iter::from_fn(move || {
            step();
            if !self.slots.get(at)?.is_taken {
                // After many students have moved up, there are long runs of empty slots.
                at = self.slot_of_position(seen + 1)?;
            }
            let slot = self.slots.get(at)?;
            (at, seen) = (at + 1, seen + 1);
            Some(&slot.waiting)
        })
    }

    /// The entries of students who are not on hold, in order.
    pub fn iter_without_holds(&self) -> impl Iterator<Item = &WaitlistEntry> {
        self.iter().filter(|waiting| !self.on_hold.contains(&waiting.student_id))
    }

    /// Marks a student on the waitlist as on hold, or not any more.
    pub fn set_on_hold(&mut self, student_id: StudentId, is_on_hold: bool) {
        if is_on_hold && self.slot_of.contains_key(&student_id) {
            self.on_hold.insert(student_id);
        } else {
            self.on_hold.remove(&student_id);
        }
    }

    /// Adds an entry at its place by `joined_seq`. At the end, or if this entry was there before, it takes O(log n);
    /// elsewhere O(n). It is not on hold until it is marked.
    pub fn insert(&mut self, waiting: WaitlistEntry) {
        if self.get(waiting.student_id).is_some_and(|before| before.joined_seq != waiting.joined_seq) {
            self.remove(waiting.student_id);
        }
        let (student_id, slot) = (waiting.student_id, |waiting| Slot { waiting, is_taken: true });
        match self.slots.binary_search_by_key(&waiting.joined_seq, |slot| slot.waiting.joined_seq) {
            Ok(at) => {
                let Some(before) = self.slots.get_mut(at) else { return };
                let before = std::mem::replace(before, slot(waiting));
                if before.is_taken {
                    self.slot_of.remove(&before.waiting.student_id);
                    self.on_hold.remove(&before.waiting.student_id);
                } else {
                    self.count(at, true);
                }
                self.slot_of.insert(student_id, at);
            }
            Err(at) if at == self.slots.len() => {
                self.slots.push(slot(waiting));
                self.slot_of.insert(student_id, at);
                self.count_last();
            }
            Err(at) => {
                self.slots.insert(at, slot(waiting));
                self.renumber();
            }
        }
    }

    /// Removes the student's entry.
    pub fn remove(&mut self, student_id: StudentId) -> Option<WaitlistEntry> {
        let at = self.slot_of.remove(&student_id)?;
        self.on_hold.remove(&student_id);
        let slot = self.slots.get_mut(at)?;
        slot.is_taken = false;
        let removed = slot.waiting.clone();
        self.count(at, false);
        Some(removed)
    }

    /// Removes the empty slots if they are more than half of all. [`Waitlist::remove`] does not, so that reverting a
    /// batch finds the slots of the students who left.
    pub fn compact(&mut self) {
        if self.slots.len() > 2 * self.len() + MIN_SLOTS {
            self.slots.retain(|slot| slot.is_taken);
            self.slots.shrink_to(2 * self.slots.len());
            self.renumber();
        }
    }

    fn renumber(&mut self) {
        self.slot_of.clear();
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_taken);
        self.slot_of.extend(taken.map(|(at, slot)| (slot.waiting.student_id, at)));
        self.slot_of.shrink_to(2 * self.slot_of.len());
        let mut counts: Vec<_> = self.slots.iter().map(|slot| usize::from(slot.is_taken)).collect();
        for at in 0..counts.len() {
            step();
            let (of_range, parent) = (counts[at], parent(at));
            if let Some(count) = counts.get_mut(parent) {
                *count += of_range;
            }
        }
        self.counts = counts;
    }

    /// Adds the count of the new last slot, which is taken.
    fn count_last(&mut self) {
        let (end, mut count) = (self.slots.len(), 1);
        let first = end - lowest_bit(end);
        let mut part = end - 1;
        while part > first {
            step();
            count += self.counts[part - 1];
            part -= lowest_bit(part);
        }
        self.counts.push(count);
    }

    /// Adds one to the counts that contain slot `at`, or subtracts one.
    fn count(&mut self, mut at: usize, is_taken: bool) {
        while let Some(count) = self.counts.get_mut(at) {
            step();
            *count = if is_taken { *count + 1 } else { count.saturating_sub(1) };
            at = parent(at);
        }
    }

    /// How many of the slots up to and including `at` are taken.
    fn taken_up_to(&self, at: usize) -> usize {
        let (mut end, mut taken) = (at + 1, 0);
        while end > 0 {
            step();
            taken += self.counts[end - 1];
            end -= lowest_bit(end);
        }
        taken
    }

    /// The slot of the entry at `position`, from 1 on.
    fn slot_of_position(&self, position: usize) -> Option<usize> {
        if position == 0 || position > self.len() {
            return None;
        }
        let (mut before, mut left) = (0, position);
        let mut width = self.slots.len().checked_ilog2().map_or(0, |bits| 1 << bits);
        while width > 0 {
            step();
            if let Some(count) = self.counts.get(before + width - 1)
                && *count < left
            {
                before += width;
                left -= count;
            }
            width /= 2;
        }
        Some(before)
    }
}

/// Number of empty slots that may remain on even the shortest waitlist.
const MIN_SLOTS: usize = 16;

fn lowest_bit(number: usize) -> usize {
    number & number.wrapping_neg()
}

/// The next entry of the tree whose range contains that of entry `at`.
fn parent(at: usize) -> usize {
    at + lowest_bit(at + 1)
}

#[cfg(not(test))]
fn step() {}

#[cfg(test)]
thread_local! {
    /// Steps that waitlists have taken on this thread: a measure of time that is the same on every machine.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn step() {
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::{
        Admission, Batch, Caller, Command, Course, CourseId, DropCourse, Enroll, Event, Facts, Limits,
        Operation, OperationOutcome, Record as _, Refusal, Student,
    };

    const ALGEBRA: CourseId = CourseId(7);

    fn waiting(student: i64, joined_seq: i64) -> WaitlistEntry {
        WaitlistEntry {
            student_id: StudentId(student),
            course_id: ALGEBRA,
            joined_seq,
            joined_at: format!("2026-09-01T08:00:00.{joined_seq:03}Z").parse().unwrap(),
        }
    }

    const OPERATIONS: i64 = 200;

    fn carry_out<C: Command>(command: &C, facts: &mut Facts) -> Result<(Vec<Event>, C::Answer), Refusal> {
        command.carry_out(&Caller::default(), facts)
    }

    /// A course with one seat, taken by student 0, and students 1 to `count` on its waitlist. More students exist.
    fn rush(count: i64) -> Facts {
        let limits = Limits { capacity: Some(1), waitlist_capacity: 1_000_000, ..Limits::default() };
        let student = |id| (StudentId(id), Student::empty(StudentId(id)));
        let mut facts = Facts {
            last_seq: count,
            students: (0..=count + 2 * OPERATIONS).map(student).collect(),
            courses: [(ALGEBRA, Course::empty(ALGEBRA))].into(),
            waitlists: [(ALGEBRA, (1..=count).map(|id| waiting(id, id)).collect())].into(),
            ..Facts::default()
        };
        carry_out(&Enroll::new(StudentId(0), ALGEBRA), &mut facts).unwrap();
        facts.limits.insert(ALGEBRA, limits);
        facts
    }

    /// Steps while students join the waitlist, ask for their place, leave, and move up.
    fn rush_steps(count: i64) -> usize {
        let mut facts = rush(count);
        STEPS.set(0);
        for n in 0..OPERATIONS {
            let enroll = |id| Enroll::new(StudentId(id), ALGEBRA);
            let (_, joined) = carry_out(&enroll(count + 1 + n), &mut facts).unwrap();
            assert!(matches!(joined, Admission::Waitlisted(_)));
            let again = carry_out(&enroll(count / 2 + n), &mut facts).unwrap_err();
            assert!(matches!(again, Refusal::AlreadyWaitlisted(_)));
            let drops = |id| DropCourse::new(StudentId(id), ALGEBRA);
            // The first one leaves, so that the next one moves up when the seat becomes free.
            let (first, last) = (2 * n + 1, count - n);
            for id in [first, last, 2 * n] {
                carry_out(&drops(id), &mut facts).unwrap();
            }
        }
        STEPS.get()
    }

    #[test]
    fn a_long_waitlist_is_hardly_more_work_than_a_short_one() {
        let (short, long) = (rush_steps(1_000), rush_steps(64_000));
        assert!(long < 2 * short, "{short} steps with 1,000 waiting, {long} with 64,000");
    }

    /// Steps of a batch whose last operation is refused, so that all of it is reverted.
    fn reverted_batch_steps(count: i64) -> usize {
        let mut facts = rush(count);
        let before = facts.clone();
        let drop = |id| Operation::Drop(DropCourse::new(StudentId(id), ALGEBRA));
        let enroll = |id| Operation::Enroll(Enroll::new(StudentId(id), ALGEBRA));
        let mut operations: Vec<_> = (1..=OPERATIONS).map(drop).collect();
        operations.extend((1..=OPERATIONS).map(|n| enroll(count + n)));
        operations.extend([drop(0), drop(0)]);
        STEPS.set(0);
        let (events, done) = carry_out(&Batch { operations, all_or_nothing: true }, &mut facts).unwrap();
        let steps = STEPS.get();
        assert!(done.iter().take(done.len() - 1).all(|done| *done == OperationOutcome::Withheld));
        assert_eq!(events, []);
        assert_eq!(facts, before);
        steps
    }

    #[test]
    fn a_batch_is_reverted_without_a_copy_of_the_waitlist() {
        let (short, long) = (reverted_batch_steps(1_000), reverted_batch_steps(64_000));
        assert!(long < 2 * short, "{short} steps with 1,000 waiting, {long} with 64,000");
    }
}
