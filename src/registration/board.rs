//! The board: counted once from the tables and then kept up with the log, for everybody who watches together. So it costs
//! little during a rush.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use tokio::sync::Mutex;

use super::store;
use crate::clock::{Clock, stamp};
use crate::db::{Db, DbError};
use crate::events::LogEntry;
use crate::events::follower::{Follower, Subscription};
use crate::events::store::last_seq;
use crate::registrar::{Course, CourseId, EventKind};
use crate::shares::{Client, Full, Place, Places};

/// How long counts are kept up with the log before they are made again: another program may have written to the tables, of
/// which the log knows nothing.
const COUNT_TTL: Duration = Duration::from_mins(1);
/// Events that may wait to be applied; with more, everything is counted again.
const MAX_PENDING: usize = 50_000;
/// Events of which the rate is told: in a rush, fewer than a minute has.
const RECENT: i64 = 5_000;
/// Streams of the board at once.
const MAX_WATCHERS: usize = 500;

/// How full every course is. Cheap to clone; all clones share what was counted.
#[derive(Clone, Debug)]
pub struct Board {
    db: Db,
    follower: Follower,
    clock: Clock,
    counted: Arc<Mutex<Option<Counted>>>,
    pulse: Arc<Mutex<Option<(Instant, Pulse)>>>,
    places: Arc<Places>,
}

#[derive(Debug)]
struct Counted {
    when: Instant,
    /// The log up to here is in the counts.
    seq: i64,
    courses: BTreeMap<CourseId, Course>,
    in_order: Arc<[Course]>,
    pending: Arc<Pending>,
    _subscription: Option<Subscription>,
}

/// Events about courses that are not in the counts yet.
#[derive(Debug, Default)]
struct Pending(std::sync::Mutex<Vec<Happened>>);

/// What happened to a course; `kind` is `None` where only a newer version knows it.
#[derive(Clone, Copy, Debug)]
struct Happened {
    seq: i64,
    course_id: CourseId,
    kind: Option<EventKind>,
}

impl Pending {
    fn extend(&self, entries: &[LogEntry]) {
        let mut pending = self.lock();
        // One too many says that some are missing.
        let room = (MAX_PENDING + 1).saturating_sub(pending.len());
        let happened = entries.iter().filter_map(|entry| {
            let (seq, kind) = (entry.seq, entry.r#type.parse().ok());
            Some(Happened { seq, course_id: entry.course_id?, kind })
        });
        pending.extend(happened.take(room));
    }

    /// All that wait, or `None` where there were too many.
    fn take(&self) -> Option<Vec<Happened>> {
        let pending = std::mem::take(&mut *self.lock());
        (pending.len() <= MAX_PENDING).then_some(pending)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Happened>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// A board on which nothing is counted yet.
    #[must_use]
    pub fn new(db: Db, follower: Follower, clock: Clock) -> Self {
        let places = Places::new(MAX_WATCHERS);
        Self { db, follower, clock, counted: Arc::default(), pulse: Arc::default(), places }
    }

    /// Every course with its seats as they are now, the fullest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn courses(&self) -> Result<Arc<[Course]>, DbError> {
        let mut counted = self.counted.lock().await;
        if let Some(counted) = counted.as_mut().filter(|counted| counted.when.elapsed() < COUNT_TTL) {
            self.follower.catch_up().await?;
            if counted.pending.take().is_some_and(|happened| counted.apply(&happened)) {
                return Ok(Arc::clone(&counted.in_order));
            }
        }
        let new = self.count().await?;
        let in_order = Arc::clone(&new.in_order);
        *counted = Some(new);
        tokio::spawn(self.clone().forget_when_old());
        Ok(in_order)
    }

    async fn count(&self) -> Result<Counted, DbError> {
        let pending = Arc::new(Pending::default());
        let handler = Arc::clone(&pending);
        // Before the count, so that nothing is missed in between; what is in both is recognized by its `seq`.
        let subscription = self.follower.subscribe(move |entries| handler.extend(entries)).await?;
        let (seq, courses) = store::courses(&self.db).await?;
        let courses = courses.into_iter().map(|course| (course.id, course)).collect();
        let in_order = in_order(&courses);
        let when = Instant::now();
        Ok(Counted { when, seq, courses, in_order, pending, _subscription: Some(subscription) })
    }

    /// Ends the subscription once the counts are too old to be used.
    async fn forget_when_old(self) {
        tokio::time::sleep(COUNT_TTL).await;
        let mut counted = self.counted.lock().await;
        if counted.as_ref().is_some_and(|counted| counted.when.elapsed() >= COUNT_TTL) {
            *counted = None;
        }
    }

    /// A place for one who looks on, until it is dropped.
    ///
    /// # Errors
    /// Where all are taken, or the share of who asks.
    pub fn place(&self, client: Option<Client>) -> Result<Place, Full> {
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
        let lately = store::lately(&self.db, after, RECENT, &stamp(since)).await?;
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
    /// Applies events; `false`, and nothing is changed, where everything has to be counted again.
    fn apply(&mut self, happened: &[Happened]) -> bool {
        let mut changes: BTreeMap<CourseId, (i64, i64)> = BTreeMap::new();
        for &Happened { course_id, kind, .. } in happened.iter().filter(|happened| happened.seq > self.seq) {
            let Some((enrolled, waitlisted)) = kind.and_then(change_of_seats) else { return false };
            if !self.courses.contains_key(&course_id) {
                return false;
            }
            let sum = changes.entry(course_id).or_default();
            *sum = (sum.0 + enrolled, sum.1 + waitlisted);
        }
        for (id, (enrolled, waitlisted)) in &changes {
            if let Some(seats) = self.courses.get_mut(id).and_then(|course| course.seats.as_mut()) {
                seats.enrolled += enrolled;
                seats.waitlisted += waitlisted;
            }
        }
        self.seq = happened.last().map_or(self.seq, |last| last.seq.max(self.seq));
        if !changes.is_empty() {
            self.in_order = in_order(&self.courses);
        }
        true
    }
}

fn in_order(courses: &BTreeMap<CourseId, Course>) -> Arc<[Course]> {
    let mut courses: Vec<_> = courses.values().cloned().collect();
    courses.sort_by_cached_key(|course| (room(course), course.name.as_deref().map(natural_key), course.id));
    courses.into()
}

/// A key that sorts numbers in names by value: `Rush 2` before `Rush 10`.
fn natural_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 16);
    let mut rest = name;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        key.push_str(before);
        key.extend(std::iter::repeat_n('0', 20_usize.saturating_sub(end)));
        key.push_str(&digits[..end]);
        rest = &digits[end..];
    }
    key.push_str(rest);
    key
}

/// By how much an event of this kind changes how many students take the course and how many wait; `None` where it changes the
/// course itself.
fn change_of_seats(kind: EventKind) -> Option<(i64, i64)> {
    match kind {
        EventKind::EnrollmentCreated | EventKind::EnrollmentAdopted => Some((1, 0)),
        EventKind::EnrollmentDropped => Some((-1, 0)),
        EventKind::WaitlistJoined => Some((0, 1)),
        EventKind::WaitlistLeft => Some((0, -1)),
        EventKind::WaitlistPromoted => Some((1, -1)),
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
        let in_order = in_order(&courses);
        let (when, pending) = (Instant::now(), Arc::default());
        Counted { when, seq: 10, courses, in_order, pending, _subscription: None }
    }

    fn ids(counted: &Counted) -> Vec<i64> {
        counted.in_order.iter().map(|course| course.id.0).collect()
    }

    fn happened(seq: i64, course: i64, kind: EventKind) -> Happened {
        Happened { seq, course_id: CourseId(course), kind: Some(kind) }
    }

    #[test]
    fn the_fullest_courses_come_first_and_those_without_limits_last() {
        let counted = counted(&[(1, None, 9), (2, Some(30), 3), (3, Some(30), 30), (4, None, 90)]);
        assert_eq!(ids(&counted), [3, 2, 4, 1]);
    }

    #[test]
    fn numbers_in_names_sort_by_value() {
        let mut names = ["Rush 10", "Rush", "Rush 2", "Rush 2b"];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(names, ["Rush", "Rush 2", "Rush 2b", "Rush 10"]);
    }

    #[test]
    fn events_that_move_students_are_applied_once_and_others_need_a_new_count() {
        let mut counted = counted(&[(1, Some(2), 0), (2, Some(3), 0)]);
        let events = [
            // In the count already.
            happened(10, 2, EventKind::EnrollmentCreated),
            happened(11, 2, EventKind::EnrollmentCreated),
            happened(12, 2, EventKind::EnrollmentCreated),
            happened(13, 2, EventKind::EnrollmentCreated),
            happened(14, 2, EventKind::WaitlistJoined),
            happened(15, 2, EventKind::WaitlistJoined),
            happened(16, 2, EventKind::WaitlistLeft),
        ];
        assert!(counted.apply(&events));
        assert_eq!(ids(&counted), [2, 1]);
        let events = [
            happened(17, 2, EventKind::EnrollmentDropped),
            happened(18, 2, EventKind::EnrollmentDropped),
            happened(19, 2, EventKind::WaitlistPromoted),
        ];
        assert!(counted.apply(&events));
        let seats = counted.courses[&CourseId(2)].seats.clone().unwrap();
        assert_eq!((seats.enrolled, seats.waitlisted, counted.seq), (2, 0, 19));
        let set = happened(21, 2, EventKind::SeatsSet);
        let other_course = happened(21, 3, EventKind::EnrollmentCreated);
        let newer = Happened { kind: None, ..set };
        for event in [set, other_course, newer] {
            assert!(!counted.apply(&[happened(20, 1, EventKind::EnrollmentCreated), event]));
        }
        assert_eq!(counted.seq, 19);
    }

    #[test]
    fn more_events_than_can_wait_need_a_new_count() {
        let entry = |seq| LogEntry {
            seq,
            at: String::new(),
            r#type: EventKind::EnrollmentCreated.to_string(),
            student_id: None,
            course_id: Some(CourseId(1)),
            enrollment_id: None,
            actor: None,
            request_id: None,
            data: serde_json::Value::Null,
        };
        let entries: Vec<_> = (1..).take(MAX_PENDING).map(entry).collect();
        let pending = Pending::default();
        pending.extend(&entries);
        assert_eq!(pending.take().map(|happened| happened.len()), Some(MAX_PENDING));
        pending.extend(&entries);
        pending.extend(&entries[..1]);
        assert!(pending.take().is_none());
    }

    #[test]
    fn a_rate_is_told_by_the_minute() {
        assert_eq!([a_minute(5, 60.0), a_minute(5_000, 0.25), a_minute(0, 60.0)], [5, 1_200_000, 0]);
    }
}
