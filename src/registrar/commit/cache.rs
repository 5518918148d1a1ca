//! A cache of the limits and seats of courses, so that a popular course is not counted again for every batch.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::registrar::facts::Facts;
use crate::registrar::limits::Limits;
use crate::registrar::record::CourseId;
use crate::registrar::waitlist::Waitlist;

/// Maximum number of cached courses.
const MAX_COURSES: usize = 20_000;
/// Maximum number of cached waitlist entries, over all courses: enough for one waitlist of the maximum length, which
/// takes seconds to read. An entry takes up to 150 bytes.
const MAX_WAITING: usize = 1_250_000;

/// How long cached seats are used without checking the rows, where the engine does not report writes of other
/// programs.
const SEATS_TTL: Duration = Duration::from_secs(1);

/// Limits and seats of courses as the last batch left them.
///
/// They are counted from rows once, then updated with the events of each batch. That is exact as long as every change
/// is ours: the log ends where this process left it and, in a file, no other program has written.
#[derive(Debug, Default)]
pub(super) struct CourseCache {
    state: Option<DatabaseState>,
    courses: HashMap<CourseId, CachedCourse>,
    waiting: usize,
}

/// Identifies a state of the database: while it is equal, nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DatabaseState {
    /// The `seq` of the last entry of the log.
    pub(super) last_seq: i64,
    /// The engine's counter of writes by other programs.
    pub(super) external_writes: i64,
}

#[derive(Debug)]
struct CachedCourse {
    limits: Option<Limits>,
    /// Enrolled students and the waitlist, if they have been loaded.
    seats: Option<(i64, Waitlist)>,
    /// When the seats were last counted from rows, or verified.
    counted: Instant,
}

impl CourseCache {
    /// Takes the cache if it belongs to this state, otherwise an empty one. `self` is left empty, so a batch that
    /// fails leaves no outdated entries.
    pub(super) fn take_if_current(&mut self, state: DatabaseState) -> Self {
        let cache = std::mem::take(self);
        if cache.state == Some(state) { cache } else { Self::default() }
    }

    /// Copies cached limits into `facts`; returns the courses that are not cached.
    pub(super) fn fill_limits(
        &mut self,
        courses: &HashSet<CourseId>,
        facts: &mut Facts,
    ) -> HashSet<CourseId> {
        let mut fill = |id: &CourseId| {
            let course = self.courses.get(id);
            facts.limits.extend(course.and_then(|course| Some((*id, course.limits.clone()?))));
            course.is_some()
        };
        courses.iter().copied().filter(|id| !fill(id)).collect()
    }

    /// Returns those of the courses whose seats were last counted more than [`SEATS_TTL`] ago, with their cached
    /// number of enrolled students.
    pub(super) fn to_verify(&self, courses: &HashSet<CourseId>) -> Vec<(CourseId, i64)> {
        let old = |id: &CourseId| {
            let course = self.courses.get(id)?;
            let (enrolled, _) = course.seats.as_ref()?;
            (course.counted.elapsed() > SEATS_TTL).then_some((*id, *enrolled))
        };
        courses.iter().filter_map(old).collect()
    }

    /// Renews a course whose cached number of students is correct, and removes one where it is not.
    pub(super) fn verify(&mut self, id: CourseId, is_correct: bool) {
        if is_correct {
            self.courses.entry(id).and_modify(|course| course.counted = Instant::now());
        } else if let Some((_, waitlist)) = self.courses.remove(&id).and_then(|course| course.seats) {
            self.waiting -= waitlist.len();
        }
    }

    /// Moves cached seats into `facts`; returns the courses whose seats are not cached.
    pub(super) fn fill_seats(&mut self, courses: &HashSet<CourseId>, facts: &mut Facts) -> HashSet<CourseId> {
        let mut fill = |id: &CourseId| {
            let seats = self.courses.get_mut(id).and_then(|course| course.seats.take());
            let has_seats = seats.is_some();
            if let Some((enrolled, waitlist)) = seats {
                self.waiting -= waitlist.len();
                facts.enrolled.insert(*id, enrolled);
                facts.waitlists.insert(*id, waitlist);
            }
            has_seats
        };
        courses.iter().copied().filter(|id| !fill(id)).collect()
    }

    /// Caches the facts after a committed batch: the limits of the courses in `limits`, and the seats of those that are
    /// also in `seats`. The seats of courses in `fresh` were counted for this batch.
    pub(super) fn store(
        &mut self,
        state: DatabaseState,
        limits: &HashSet<CourseId>,
        seats: &HashSet<CourseId>,
        fresh: &BTreeSet<CourseId>,
        mut facts: Facts,
    ) {
        self.state = Some(state);
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
            let course = CachedCourse { limits: facts.limits.remove(id), seats, counted };
            let before = self.courses.insert(*id, course);
            let forgotten = before.and_then(|course| course.seats);
            self.waiting -= forgotten.map_or(0, |(_, waitlist)| waitlist.len());
        }
        self.evict_beyond(MAX_COURSES, MAX_WAITING, limits);
    }

    /// Evicts entries above the maximum, those of `recent` courses last: the next batch is likely to be about the
    /// same courses.
    fn evict_beyond(&mut self, courses: usize, waiting: usize, recent: &HashSet<CourseId>) {
        let is_too_much = |cache: &Self| cache.courses.len() > courses || cache.waiting > waiting;
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
    use crate::registrar::record::{StudentId, WaitlistEntry};

    const ALGEBRA: CourseId = CourseId(7);
    const STATE: DatabaseState = DatabaseState { last_seq: 5, external_writes: 0 };

    /// The cache after a batch about one course with 28 students.
    fn cache() -> CourseCache {
        let mut cache = CourseCache::default();
        let facts = Facts {
            limits: [(ALGEBRA, Limits { capacity: Some(30), ..Limits::default() })].into(),
            enrolled: [(ALGEBRA, 28)].into(),
            ..Facts::default()
        };
        let courses = [ALGEBRA].into();
        cache.store(STATE, &courses, &courses, &BTreeSet::new(), facts);
        cache
    }

    #[test]
    fn the_next_batch_reads_from_the_cache() {
        let mut facts = Facts::default();
        let mut cache = cache().take_if_current(STATE);
        assert!(cache.fill_limits(&[ALGEBRA].into(), &mut facts).is_empty());
        assert!(cache.fill_seats(&[ALGEBRA].into(), &mut facts).is_empty());
        assert_eq!((facts.limits_of(ALGEBRA).capacity, facts.enrolled_in(ALGEBRA)), (Some(30), 28));
        let botany = CourseId(8);
        assert_eq!(cache.fill_limits(&[ALGEBRA, botany].into(), &mut facts), [botany].into());
    }

    #[test]
    fn the_cache_is_empty_after_writes_of_others() {
        for state in [DatabaseState { last_seq: 6, ..STATE }, DatabaseState { external_writes: 1, ..STATE }] {
            let mut cache = cache().take_if_current(state);
            let unknown = cache.fill_limits(&[ALGEBRA].into(), &mut Facts::default());
            assert_eq!(unknown, [ALGEBRA].into());
        }
        let mut failed = cache();
        failed.take_if_current(STATE);
        assert!(failed.take_if_current(STATE).courses.is_empty(), "the cache is empty after a failed batch");
    }

    #[test]
    fn too_many_courses_are_evicted() {
        let mut cache = cache();
        let many: HashSet<_> = (0..=20_000).map(CourseId).collect();
        cache.store(STATE, &many, &HashSet::new(), &BTreeSet::new(), Facts::default());
        assert!(cache.courses.is_empty() && cache.waiting == 0);
    }

    /// The cache after one batch for each course, with this many students on its waitlist.
    fn cache_with_waitlists(courses: impl IntoIterator<Item = (CourseId, i64)>) -> CourseCache {
        let mut cache = CourseCache::default();
        for (course_id, count) in courses {
            let waiting = |seq| WaitlistEntry {
                student_id: StudentId(seq),
                course_id,
                joined_seq: seq,
                joined_at: crate::clock::Stamp::default(),
            };
            let facts = Facts {
                enrolled: [(course_id, 1)].into(),
                waitlists: [(course_id, (1..=count).map(waiting).collect())].into(),
                ..Facts::default()
            };
            cache.store(STATE, &[course_id].into(), &[course_id].into(), &BTreeSet::new(), facts);
        }
        cache
    }

    fn has_seats(cache: &mut CourseCache, course: CourseId) -> bool {
        cache.fill_seats(&[course].into(), &mut Facts::default()).is_empty()
    }

    #[test]
    fn a_long_waitlist_is_not_read_again_for_every_batch() {
        let mut cache = cache_with_waitlists([(ALGEBRA, 100_000)]).take_if_current(STATE);
        let mut facts = Facts::default();
        assert!(cache.fill_seats(&[ALGEBRA].into(), &mut facts).is_empty());
        assert_eq!((facts.waitlisted_in(ALGEBRA), cache.waiting), (100_000, 0));
    }

    #[test]
    fn the_most_recent_waitlist_is_evicted_last() {
        let botany = CourseId(8);
        let mut cache = cache_with_waitlists([(ALGEBRA, 60), (botany, 60)]);
        cache.evict_beyond(20, 119, &[botany].into());
        assert_eq!(cache.waiting, 60);
        assert!(!has_seats(&mut cache, ALGEBRA) && has_seats(&mut cache, botany));
        let mut cache = cache_with_waitlists([(ALGEBRA, 60)]);
        cache.evict_beyond(20, 59, &[ALGEBRA].into());
        assert!(cache.courses.is_empty() && cache.waiting == 0, "a waitlist above the maximum is not cached");
    }
}
