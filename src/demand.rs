//! How many students were refused a seat in each course within the last hour, by this process. Refusals are not in the
//! log, so this is all that is known of them, and it is gone when the process ends.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Students and courses that are remembered: a few megabytes, and more than a rush of a large school has in an hour.
const MAX_PAIRS: usize = 100_000;
/// How long a refusal counts, in minutes.
const MINUTES: u32 = 60;

/// Why a student did not get a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// All seats were taken, and there was no waitlist.
    Full,
    /// All places on the waitlist were taken, too.
    WaitlistFull,
    /// Registration had not opened for the student.
    NotOpen,
    /// Registration had closed.
    Closed,
}

/// A student who was refused a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedSeat {
    /// The id of the student.
    pub student_id: i64,
    /// The id of the course.
    pub course_id: i64,
    /// Why.
    pub why: NoSeat,
}

/// The numbers of students who were refused, each with the reason of their last refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    by_reason: [u32; 4],
}

impl Refused {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.by_reason.iter().copied().map(i64::from).sum()
    }

    /// Those with this reason.
    #[must_use]
    pub fn by(&self, why: NoSeat) -> i64 {
        self.by_reason[why as usize].into()
    }
}

/// The demand for all courses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CourseDemand {
    /// By the id of the course; courses without refusals are left out.
    pub courses: BTreeMap<i64, Refused>,
    /// Whether there may have been more students than are remembered.
    pub is_at_least: bool,
}

/// Counts refusals. Cheap to clone; all clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Demand(Arc<Mutex<Recent>>);

#[derive(Debug, Default)]
struct Recent {
    began: Option<Instant>,
    /// The last refusal of each student in each course: the minute and the reason.
    last: HashMap<(i64, i64), (u32, NoSeat)>,
    counts: BTreeMap<i64, Refused>,
    /// The minute in which old refusals were removed last.
    swept: u32,
    /// The minute in which a refusal was not remembered last.
    overflowed: Option<u32>,
    read: Option<(Instant, Arc<CourseDemand>)>,
}

impl Demand {
    /// Counts refusals. A student who tries again counts once.
    pub fn record(&self, now: Instant, refused: impl Iterator<Item = RefusedSeat>) {
        let mut refused = refused.peekable();
        if refused.peek().is_none() {
            return;
        }
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = recent.sweep(now);
        for one in refused {
            recent.count(minute, one);
        }
    }

    /// The refusals of the last hour, at most `age` old; everyone who watches shares them.
    #[must_use]
    pub fn read(&self, now: Instant, age: Duration) -> Arc<CourseDemand> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, read)) = recent.read.as_ref().filter(|(when, _)| now.duration_since(*when) < age) {
            return Arc::clone(read);
        }
        recent.sweep(now);
        let courses = recent.counts.clone();
        let read = Arc::new(CourseDemand { courses, is_at_least: recent.overflowed.is_some() });
        recent.read = Some((now, Arc::clone(&read)));
        read
    }
}

impl Recent {
    /// Removes what is older than an hour, at most once a minute. Returns the present minute.
    fn sweep(&mut self, now: Instant) -> u32 {
        let began = *self.began.get_or_insert(now);
        let minute = u32::try_from(now.duration_since(began).as_secs() / 60).unwrap_or(u32::MAX);
        if minute > self.swept {
            self.swept = minute;
            let counts = &mut self.counts;
            self.last.retain(|(course_id, _), (last, why)| {
                let is_recent = minute - *last < MINUTES;
                if !is_recent && let Some(refused) = counts.get_mut(course_id) {
                    refused.by_reason[*why as usize] -= 1;
                }
                is_recent
            });
            counts.retain(|_, refused| refused.total() > 0);
            self.overflowed = self.overflowed.filter(|last| minute - last < MINUTES);
        }
        minute
    }

    fn count(&mut self, minute: u32, RefusedSeat { student_id, course_id, why }: RefusedSeat) {
        let is_full = self.last.len() >= MAX_PAIRS;
        let before = match self.last.entry((course_id, student_id)) {
            Entry::Occupied(mut known) => Some(known.insert((minute, why)).1),
            Entry::Vacant(_) if is_full => {
                self.overflowed = Some(minute);
                return;
            }
            Entry::Vacant(new) => {
                new.insert((minute, why));
                None
            }
        };
        let refused = self.counts.entry(course_id).or_default();
        if let Some(before) = before {
            refused.by_reason[before as usize] -= 1;
        }
        refused.by_reason[why as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(student_id: i64, course_id: i64, why: NoSeat) -> RefusedSeat {
        RefusedSeat { student_id, course_id, why }
    }

    fn total(demand: &Demand, now: Instant, course_id: i64) -> i64 {
        demand.read(now, Duration::ZERO).courses.get(&course_id).map_or(0, Refused::total)
    }

    #[test]
    fn a_student_who_tries_again_counts_once_with_the_last_reason() {
        let (demand, now) = (Demand::default(), Instant::now());
        demand.record(now, (0..50).map(|_| refused(1, 7, NoSeat::NotOpen)));
        demand.record(now, [refused(1, 7, NoSeat::Full), refused(2, 7, NoSeat::Full)].into_iter());
        demand.record(now, [refused(1, 8, NoSeat::Closed)].into_iter());
        let read = demand.read(now, Duration::ZERO);
        let of_first = read.courses[&7];
        assert_eq!((of_first.total(), of_first.by(NoSeat::Full), of_first.by(NoSeat::NotOpen)), (2, 2, 0));
        assert_eq!(read.courses[&8].by(NoSeat::Closed), 1);
        assert!(!read.is_at_least);
    }

    #[test]
    fn refusals_are_forgotten_after_an_hour() {
        let (demand, now) = (Demand::default(), Instant::now());
        demand.record(now, [refused(1, 7, NoSeat::Full), refused(2, 7, NoSeat::Full)].into_iter());
        let later = now + Duration::from_mins(30);
        demand.record(later, [refused(1, 7, NoSeat::WaitlistFull)].into_iter());
        assert_eq!(total(&demand, now + Duration::from_mins(59), 7), 2);
        assert_eq!(total(&demand, now + Duration::from_hours(1), 7), 1);
        assert_eq!(total(&demand, now + Duration::from_mins(90), 7), 0);
        assert!(demand.read(now + Duration::from_mins(90), Duration::ZERO).courses.is_empty());
    }

    #[test]
    fn everyone_who_watches_shares_what_was_read() {
        let (demand, now) = (Demand::default(), Instant::now());
        let first = demand.read(now, Duration::from_secs(1));
        demand.record(now, [refused(1, 7, NoSeat::Full)].into_iter());
        assert!(Arc::ptr_eq(&first, &demand.read(now, Duration::from_secs(1))));
        assert_eq!(demand.read(now + Duration::from_secs(1), Duration::from_secs(1)).courses.len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_more_is_said_to_be_more() {
        let (demand, now) = (Demand::default(), Instant::now());
        let pairs = i64::try_from(MAX_PAIRS).unwrap();
        demand.record(now, (0..pairs).map(|student| refused(student, student % 9, NoSeat::Full)));
        assert!(!demand.read(now, Duration::ZERO).is_at_least);
        demand.record(now, [refused(pairs, 7, NoSeat::Full)].into_iter());
        let read = demand.read(now, Duration::ZERO);
        assert_eq!((read.is_at_least, read.courses.values().map(Refused::total).sum()), (true, pairs));
        assert!(!demand.read(now + Duration::from_hours(1), Duration::ZERO).is_at_least);
    }
}
