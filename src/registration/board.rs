//! The board: counted once from the tables, then kept up with the log, for all who look on together: so it costs a
//! rush little.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use tokio::sync::Mutex;

use super::store::{self, EventCount};
use crate::clock::{Clock, stamp};
use crate::db::{Db, DbError};
use crate::events::store::last_seq;
use crate::registrar::{Course, CourseId, EventKind};
use crate::shares::{Client, Quota, QuotaError, QuotaGuard};

/// How long what was counted is followed: another program may have written to the tables, of which the log knows nothing.
const KEPT: Duration = Duration::from_mins(1);
/// Events that are caught up with; behind more than that, all is counted anew.
const BEHIND: i64 = 50_000;
/// Events of which the rate is told: in a rush, fewer than a minute has.
const RECENT: i64 = 5_000;
/// Who may look on at once.
const ONLOOKERS: usize = 500;

/// How full every course is. Cheap to clone; all clones share what was counted.
#[derive(Clone, Debug)]
pub struct Board {
    db: Db,
    clock: Clock,
    counted: Arc<Mutex<Option<Counted>>>,
    pulse: Arc<Mutex<Option<(Instant, Pulse)>>>,
    places: Arc<Quota>,
}

#[derive(Debug)]
struct Counted {
    when: Instant,
    seq: i64,
    courses: BTreeMap<CourseId, Course>,
    in_order: Arc<[Course]>,
}

/// How fast it goes: a minute's worth, from the latest events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Students who enrolled, or got a seat from a waitlist.
    pub adds: i64,
    /// Students who dropped.
    pub drops: i64,
    /// Students who joined a waitlist.
    pub waits: i64,
}

impl Board {
    /// A board on which nothing is yet.
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, counted: Arc::default(), pulse: Arc::default(), places: Quota::new(ONLOOKERS) }
    }

    /// Every course with its seats as they are now, the fullest first.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn courses(&self) -> Result<Arc<[Course]>, DbError> {
        let mut counted = self.counted.lock().await;
        let seq = last_seq(&self.db).await?;
        let is_near = |it: &&mut Counted| it.when.elapsed() < KEPT && (0..=BEHIND).contains(&(seq - it.seq));
        if let Some(near) = counted.as_mut().filter(is_near) {
            let counts = store::event_counts(&self.db, near.seq, seq).await?;
            if near.follow(&counts, seq) {
                return Ok(Arc::clone(&near.in_order));
            }
        }
        let (seq, courses) = store::courses(&self.db).await?;
        let courses = courses.into_iter().map(|course| (course.id, course)).collect();
        let anew =
            counted.insert(Counted { when: Instant::now(), seq, in_order: in_order(&courses), courses });
        Ok(Arc::clone(&anew.in_order))
    }

    /// A place for one who looks on, until it is dropped.
    ///
    /// # Errors
    /// Where all are taken, or the share of who asks.
    pub fn place(&self, client: Option<Client>) -> Result<QuotaGuard, QuotaError> {
        self.places.take(client, 1)
    }

    /// How fast it goes, or went no longer than `age` ago: all who look on share what one of them has asked for.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn pulse(&self, age: Duration) -> Result<Pulse, DbError> {
        let mut last = self.pulse.lock().await;
        if let Some((_, pulse)) = last.filter(|(when, _)| when.elapsed() < age) {
            return Ok(pulse);
        }
        let (when, pulse) = (Instant::now(), self.felt().await?);
        *last = Some((when, pulse));
        Ok(pulse)
    }

    async fn felt(&self) -> Result<Pulse, DbError> {
        let now = self.clock.now();
        let since = now.checked_sub(1.minute()).unwrap_or(now);
        let after = last_seq(&self.db).await? - RECENT;
        let lately = store::recent_counts(&self.db, after, RECENT, &stamp(since)).await?;
        let all: i64 = lately.iter().map(|(_, count, _)| count).sum();
        let first = lately.iter().filter_map(|(_, _, first)| first.parse::<Timestamp>().ok()).min();
        // As many as are looked at came in less than a minute: as they came, so a minute would have them.
        let span =
            first.filter(|_| all >= RECENT).map_or(60.0, |first| now.duration_since(first).as_secs_f64());
        let of = |kinds: &[EventKind]| {
            let counts = lately.iter().filter(|(kind, _, _)| kind.is_some_and(|kind| kinds.contains(&kind)));
            a_minute(counts.map(|(_, count, _)| count).sum(), span)
        };
        Ok(Pulse {
            adds: of(&[EventKind::EnrollmentCreated, EventKind::WaitlistPromoted]),
            drops: of(&[EventKind::EnrollmentDropped]),
            waits: of(&[EventKind::WaitlistJoined]),
        })
    }
}

impl Counted {
    /// Moves on to what has happened up to `seq`; false, and nothing is changed, where all has to be counted anew.
    fn follow(&mut self, counts: &[EventCount], seq: i64) -> bool {
        let moves: Option<Vec<_>> =
            counts.iter().map(|tally| Some((tally.course_id, moved(tally)?))).collect();
        let Some(moves) = moves.filter(|moves| moves.iter().all(|(id, _)| self.courses.contains_key(id)))
        else {
            return false;
        };
        for (id, (enrolled, waitlisted)) in &moves {
            if let Some(seats) = self.courses.get_mut(id).and_then(|course| course.seats.as_mut()) {
                seats.enrolled += enrolled;
                seats.waitlisted += waitlisted;
            }
        }
        self.seq = seq;
        if !moves.is_empty() {
            self.in_order = in_order(&self.courses);
        }
        true
    }
}

fn in_order(courses: &BTreeMap<CourseId, Course>) -> Arc<[Course]> {
    let mut courses: Vec<_> = courses.values().cloned().collect();
    courses.sort_by_cached_key(|course| (room(course), course.name.clone(), course.id));
    courses.into()
}

/// By how much events of this kind change how many students take the course and how many wait; `None` where they change the
/// course itself, or the kind is unknown.
fn moved(tally: &EventCount) -> Option<(i64, i64)> {
    let count = tally.count;
    match tally.kind? {
        EventKind::EnrollmentCreated | EventKind::EnrollmentAdopted => Some((count, 0)),
        EventKind::EnrollmentDropped => Some((-count, 0)),
        EventKind::WaitlistJoined => Some((0, count)),
        EventKind::WaitlistLeft => Some((0, -count)),
        EventKind::WaitlistPromoted => Some((count, -count)),
        EventKind::StudentCreated
        | EventKind::StudentUpdated
        | EventKind::StudentDeleted
        | EventKind::CourseCreated
        | EventKind::CourseUpdated
        | EventKind::CourseDeleted
        | EventKind::SeatsSet
        | EventKind::SeatsRemoved => None,
    }
}

/// Those with the fewest free seats first; then those that nobody limits, the largest first.
fn room(course: &Course) -> (bool, i64) {
    let seats = course.seats.as_ref();
    match seats.and_then(|seats| seats.capacity.map(|capacity| capacity - seats.enrolled - seats.waitlisted))
    {
        Some(free) => (false, free),
        None => (true, seats.map_or(0, |seats| -seats.enrolled)),
    }
}

/// What came in `span` seconds, as a minute would have it.
fn a_minute(count: i64, span: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rate")]
    let rate = (count as f64 * 60.0 / span.max(0.001)).round() as i64;
    rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::SeatCount;

    fn counted(seats: &[(i64, Option<i64>, i64)]) -> Counted {
        let course = |(id, capacity, enrolled): &(i64, Option<i64>, i64)| {
            let seats = SeatCount { capacity: *capacity, enrolled: *enrolled, waitlisted: 0 };
            let course = Course { id: CourseId(*id), name: None, level: None, seats: Some(seats) };
            (course.id, course)
        };
        let courses: BTreeMap<_, _> = seats.iter().map(course).collect();
        Counted { when: Instant::now(), seq: 10, in_order: in_order(&courses), courses }
    }

    fn ids(counted: &Counted) -> Vec<i64> {
        counted.in_order.iter().map(|course| course.id.0).collect()
    }

    fn tally(course: i64, kind: EventKind, count: i64) -> EventCount {
        EventCount { course_id: CourseId(course), kind: Some(kind), count }
    }

    #[test]
    fn the_fullest_courses_come_first_and_those_without_limits_last() {
        let counted = counted(&[(1, None, 9), (2, Some(30), 3), (3, Some(30), 30), (4, None, 90)]);
        assert_eq!(ids(&counted), [3, 2, 4, 1]);
    }

    #[test]
    fn what_happened_is_followed_as_far_as_it_moves_students_only() {
        let mut counted = counted(&[(1, Some(2), 0), (2, Some(3), 0)]);
        let moves = [
            tally(2, EventKind::EnrollmentCreated, 3),
            tally(2, EventKind::WaitlistJoined, 2),
            tally(2, EventKind::WaitlistLeft, 1),
        ];
        assert!(counted.follow(&moves, 16));
        assert_eq!(ids(&counted), [2, 1]);
        assert!(counted.follow(
            &[tally(2, EventKind::WaitlistPromoted, 1), tally(2, EventKind::EnrollmentDropped, 2)],
            19
        ));
        let seats = counted.courses[&CourseId(2)].seats.clone().unwrap();
        assert_eq!((seats.enrolled, seats.waitlisted, counted.seq), (2, 0, 19));
        for unknown in [tally(2, EventKind::SeatsSet, 1), tally(3, EventKind::EnrollmentCreated, 1)] {
            assert!(!counted.follow(&[tally(1, EventKind::EnrollmentCreated, 1), unknown], 21));
        }
        assert_eq!(counted.seq, 19);
    }

    #[test]
    fn a_rate_is_told_by_the_minute() {
        assert_eq!([a_minute(5, 60.0), a_minute(5_000, 0.25), a_minute(0, 60.0)], [5, 1_200_000, 0]);
    }
}
