//! What the Registrar still knows of the courses that it was asked about: a course that everybody wants is not counted
//! again for every batch.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::registrar::facts::Facts;
use crate::registrar::record::{CourseId, Limits};
use crate::registrar::waitlist::Waitlist;

/// Courses that are known at most.
const MAX_COURSES: usize = 20_000;
/// Students on their waitlists that are known at most: enough for one course with the longest waitlist that there can be, which
/// takes seconds to read. Each takes up to 150 bytes.
const MAX_WAITING: usize = 1_250_000;

/// How long the seats of a course are relied on without a look at the rows, where the engine does not say that another
/// program has written.
const TRUSTED: Duration = Duration::from_secs(1);

/// Limits and seats of courses as the last batch left them.
///
/// They are counted from rows once, and moved on by the events of each batch after. That is exact as long as every change
/// is one of ours: the head of the log is where this process left it, and, in a file, nobody else has written anything.
#[derive(Debug, Default)]
pub(super) struct Known {
    as_of: Option<Mark>,
    courses: HashMap<CourseId, Course>,
    waiting: usize,
}

/// A state of the database: it is the same as long as this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where the log ends.
    pub(super) last_seq: i64,
    /// What the engine says of the writes of others.
    pub(super) others: i64,
}

#[derive(Debug)]
struct Course {
    limits: Option<Limits>,
    /// Where they matter.
    seats: Option<(i64, Waitlist)>,
    /// When the seats were last counted from rows, or found to be as many.
    counted: Instant,
}

impl Known {
    /// What is known of the state at the mark; nothing of any other. While a batch is under way, nothing is known: if it
    /// fails, that is right.
    pub(super) fn take_as_of(&mut self, mark: Mark) -> Self {
        let known = std::mem::take(self);
        if known.as_of == Some(mark) { known } else { Self::default() }
    }

    /// Gives to the facts what is known of these courses; those of which it is nothing are left over.
    pub(super) fn give_limits(
        &mut self,
        courses: &HashSet<CourseId>,
        facts: &mut Facts,
    ) -> HashSet<CourseId> {
        let mut is_given = |id: &CourseId| {
            let course = self.courses.get(id);
            facts.limits.extend(course.and_then(|course| Some((*id, course.limits.clone()?))));
            course.is_some()
        };
        courses.iter().copied().filter(|id| !is_given(id)).collect()
    }

    /// Courses of these whose seats were counted too long ago to be relied on where nobody says that another program has
    /// written, with how many students they are known to have.
    pub(super) fn to_verify(&self, courses: &HashSet<CourseId>) -> Vec<(CourseId, i64)> {
        let old = |id: &CourseId| {
            let course = self.courses.get(id)?;
            let (enrolled, _) = course.seats.as_ref()?;
            (course.counted.elapsed() > TRUSTED).then_some((*id, *enrolled))
        };
        courses.iter().filter_map(old).collect()
    }

    /// Of a course that another number of students take than was known, nothing is known any more.
    pub(super) fn verify(&mut self, id: CourseId, is_so: bool) {
        if is_so {
            self.courses.entry(id).and_modify(|course| course.counted = Instant::now());
        } else if let Some((_, waitlist)) = self.courses.remove(&id).and_then(|course| course.seats) {
            self.waiting -= waitlist.len();
        }
    }

    /// The same for seats.
    pub(super) fn give_seats(&mut self, courses: &HashSet<CourseId>, facts: &mut Facts) -> HashSet<CourseId> {
        let mut is_given = |id: &CourseId| {
            let seats = self.courses.get_mut(id).and_then(|course| course.seats.take());
            let is_known = seats.is_some();
            if let Some((enrolled, waitlist)) = seats {
                self.waiting -= waitlist.len();
                facts.enrolled.insert(*id, enrolled);
                facts.waitlists.insert(*id, waitlist);
            }
            is_known
        };
        courses.iter().copied().filter(|id| !is_given(id)).collect()
    }

    /// Keeps what a batch that is committed has left, of courses of which it knew the limits and of those of which it knew
    /// the seats; the `fresh` were counted for it.
    pub(super) fn keep(
        &mut self,
        mark: Mark,
        limits: &HashSet<CourseId>,
        seats: &HashSet<CourseId>,
        fresh: &BTreeSet<CourseId>,
        mut facts: Facts,
    ) {
        self.as_of = Some(mark);
        for id in limits {
            let counted = facts.enrolled.remove(id).filter(|_| seats.contains(id));
            let seats = counted.map(|enrolled| {
                let mut waitlist = facts.waitlists.remove(id).unwrap_or_default();
                waitlist.compact();
                (enrolled, waitlist)
            });
            self.waiting += seats.as_ref().map_or(0, |(_, waitlist)| waitlist.len());
            let counted = self.courses.get(id).filter(|_| !fresh.contains(id)).map(|course| course.counted);
            let counted = counted.unwrap_or_else(Instant::now);
            let course = Course { limits: facts.limits.remove(id), seats, counted };
            let before = self.courses.insert(*id, course);
            let forgotten = before.and_then(|course| course.seats);
            self.waiting -= forgotten.map_or(0, |(_, waitlist)| waitlist.len());
        }
        self.forget_beyond(MAX_COURSES, MAX_WAITING, limits);
    }

    /// Forgets what is too much, if possible not these courses: those of one batch are likely to be those of the next.
    fn forget_beyond(&mut self, courses: usize, waiting: usize, recent: &HashSet<CourseId>) {
        let is_too_much = |known: &Self| known.courses.len() > courses || known.waiting > waiting;
        if is_too_much(self) {
            self.courses.retain(|id, _| recent.contains(id));
            let waitlists = self.courses.values().filter_map(|course| Some(course.seats.as_ref()?.1.len()));
            self.waiting = waitlists.sum();
        }
        if is_too_much(self) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::record::{StudentId, Waiting};

    const ALGEBRA: CourseId = CourseId(7);
    const MARK: Mark = Mark { last_seq: 5, others: 0 };

    /// After a batch that knew of one course that 28 take.
    fn known() -> Known {
        let mut known = Known::default();
        let facts = Facts {
            limits: [(ALGEBRA, Limits { capacity: Some(30), ..Limits::default() })].into(),
            enrolled: [(ALGEBRA, 28)].into(),
            ..Facts::default()
        };
        let courses = [ALGEBRA].into();
        known.keep(MARK, &courses, &courses, &BTreeSet::new(), facts);
        known
    }

    #[test]
    fn what_a_batch_has_left_the_next_need_not_read() {
        let mut facts = Facts::default();
        let mut known = known().take_as_of(MARK);
        assert!(known.give_limits(&[ALGEBRA].into(), &mut facts).is_empty());
        assert!(known.give_seats(&[ALGEBRA].into(), &mut facts).is_empty());
        assert_eq!((facts.limits_of(ALGEBRA).capacity, facts.enrolled_in(ALGEBRA)), (Some(30), 28));
        let botany = CourseId(8);
        assert_eq!(known.give_limits(&[ALGEBRA, botany].into(), &mut facts), [botany].into());
    }

    #[test]
    fn nothing_is_known_of_what_somebody_else_may_have_changed() {
        for mark in [Mark { last_seq: 6, ..MARK }, Mark { others: 1, ..MARK }] {
            let mut known = known().take_as_of(mark);
            let unknown = known.give_limits(&[ALGEBRA].into(), &mut Facts::default());
            assert_eq!(unknown, [ALGEBRA].into());
        }
        let mut failed = known();
        failed.take_as_of(MARK);
        assert!(failed.take_as_of(MARK).courses.is_empty(), "a batch that fails leaves nothing");
    }

    #[test]
    fn more_than_is_worth_remembering_is_forgotten() {
        let mut known = known();
        let many: HashSet<_> = (0..=20_000).map(CourseId).collect();
        known.keep(MARK, &many, &HashSet::new(), &BTreeSet::new(), Facts::default());
        assert!(known.courses.is_empty() && known.waiting == 0);
    }

    /// After a batch for each of these courses, for which so many wait.
    fn known_waitlists(courses: impl IntoIterator<Item = (CourseId, i64)>) -> Known {
        let mut known = Known::default();
        for (course_id, count) in courses {
            let waiting = |seq| Waiting {
                student_id: StudentId(seq),
                course_id,
                joined_seq: seq,
                joined_at: String::new(),
            };
            let facts = Facts {
                enrolled: [(course_id, 1)].into(),
                waitlists: [(course_id, (1..=count).map(waiting).collect())].into(),
                ..Facts::default()
            };
            known.keep(MARK, &[course_id].into(), &[course_id].into(), &BTreeSet::new(), facts);
        }
        known
    }

    fn is_known(known: &mut Known, course: CourseId) -> bool {
        known.give_seats(&[course].into(), &mut Facts::default()).is_empty()
    }

    #[test]
    fn a_long_waitlist_is_not_read_again_for_every_batch() {
        let mut known = known_waitlists([(ALGEBRA, 100_000)]).take_as_of(MARK);
        let mut facts = Facts::default();
        assert!(known.give_seats(&[ALGEBRA].into(), &mut facts).is_empty());
        assert_eq!((facts.waitlisted_in(ALGEBRA), known.waiting), (100_000, 0));
    }

    #[test]
    fn of_more_waitlists_than_there_is_room_for_the_last_one_is_kept() {
        let botany = CourseId(8);
        let mut known = known_waitlists([(ALGEBRA, 60), (botany, 60)]);
        known.forget_beyond(20, 119, &[botany].into());
        assert_eq!(known.waiting, 60);
        assert!(!is_known(&mut known, ALGEBRA) && is_known(&mut known, botany));
        let mut known = known_waitlists([(ALGEBRA, 60)]);
        known.forget_beyond(20, 59, &[ALGEBRA].into());
        assert!(known.courses.is_empty() && known.waiting == 0, "not even one that is too long by itself");
    }
}
