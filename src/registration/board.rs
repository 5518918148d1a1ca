//! The board: counted once from the tables and then updated from the log, shared by everyone who watches. So it costs
//! little during a rush.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use tokio::sync::Mutex;

use super::order::in_order;
use super::{LiveCourse, store};
use crate::clock::{Clock, Stamp};
use crate::count::to_i64;
use crate::db::{Db, DbError};
use crate::events::LogEntry;
use crate::events::follower::{Follower, Subscription};
use crate::events::store::last_seq;
use crate::registrar::{CourseId, EventKind};
use crate::shares::{Client, Quota, QuotaError, QuotaGuard};
use crate::viewer::Viewer;

/// How long counts are updated from the log before everything is counted again: another program may have written to
/// the tables, which the log does not show.
const COUNT_TTL: Duration = Duration::from_mins(1);
/// Events that may wait to be applied; beyond it, everything is counted again.
const MAX_PENDING: usize = 50_000;
/// Events from which rates are computed; in a rush, a minute has more.
const MAX_RECENT: i64 = 5_000;
/// Streams of the board at a time.
const MAX_WATCHERS: usize = 500;

/// How full every course is. Cheap to clone; all clones share the counts.
#[derive(Clone, Debug)]
pub struct Board {
    db: Db,
    follower: Follower,
    clock: Clock,
    counted: Arc<Mutex<Option<CountedCourses>>>,
    rates: Arc<Mutex<Option<(Instant, Rates)>>>,
    places: Arc<Quota>,
}

#[derive(Debug)]
struct CountedCourses {
    when: Instant,
    /// The counts include the log up to here.
    seq: i64,
    courses: BTreeMap<CourseId, LiveCourse>,
    in_order: Arc<[LiveCourse]>,
    pending: Arc<PendingEvents>,
    _subscription: Option<Subscription>,
}

/// Events about courses that are not in the counts yet.
#[derive(Debug, Default)]
struct PendingEvents(std::sync::Mutex<Vec<CourseEvent>>);

/// An event about a course; `kind` is `None` if only a newer version knows it.
#[derive(Clone, Copy, Debug)]
struct CourseEvent {
    seq: i64,
    course_id: CourseId,
    kind: Option<EventKind>,
    /// Whether the student got the seat by an override while waiting for it.
    from_waitlist: bool,
}

impl PendingEvents {
    fn extend(&self, entries: &[LogEntry]) {
        let mut pending = self.lock();
        // Keep one too many, as a sign that some are missing.
        let room = (MAX_PENDING + 1).saturating_sub(pending.len());
        let happened = entries.iter().filter_map(|entry| {
            let (seq, kind) = (entry.seq, entry.r#type.parse().ok());
            let from_waitlist = entry.data["from_waitlist"] == true;
            Some(CourseEvent { seq, course_id: entry.course_id?, kind, from_waitlist })
        });
        pending.extend(happened.take(room));
    }

    /// Takes all waiting events; `None` if there were too many.
    fn take(&self) -> Option<Vec<CourseEvent>> {
        let pending = std::mem::take(&mut *self.lock());
        (pending.len() <= MAX_PENDING).then_some(pending)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<CourseEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events per minute, computed from the latest events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Students who enrolled, or got a seat from a waitlist.
    pub adds: i64,
    /// Students who dropped.
    pub drops: i64,
    /// Students who joined a waitlist.
    pub waits: i64,
}

impl Board {
    /// Creates a board; nothing is counted until it is first read.
    #[must_use]
    pub fn new(db: Db, follower: Follower, clock: Clock) -> Self {
        let places = Quota::new(MAX_WATCHERS);
        Self { db, follower, clock, counted: Arc::default(), rates: Arc::default(), places }
    }

    /// The current time.
    pub(super) fn now(&self) -> Stamp {
        self.clock.stamp()
    }

    /// Every course with its current seats, the fullest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn courses(&self, _: &Viewer) -> Result<Arc<[LiveCourse]>, DbError> {
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

    /// As [`Board::courses`], and exact about which courses there are, also where another program adds or deletes them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn present_courses(&self, viewer: &Viewer) -> Result<Arc<[LiveCourse]>, DbError> {
        let courses = self.courses(viewer).await?;
        let last = courses.iter().map(|live| live.course.id.0).max();
        if store::extent(viewer).await? == (to_i64(courses.len()), last.unwrap_or_default()) {
            return Ok(courses);
        }
        *self.counted.lock().await = None;
        self.courses(viewer).await
    }

    async fn count(&self) -> Result<CountedCourses, DbError> {
        let pending = Arc::new(PendingEvents::default());
        let handler = Arc::clone(&pending);
        // Subscribe before counting, so that nothing is missed in between; events that are also in the count are
        // recognized by their `seq`.
        let subscription = self.follower.subscribe(move |entries| handler.extend(entries)).await?;
        let (seq, courses) = store::courses(&Viewer::of_program(&self.db)).await?;
        let courses = courses.into_iter().map(|live| (live.course.id, live)).collect();
        let in_order = in_order(&courses);
        let when = Instant::now();
        Ok(CountedCourses { when, seq, courses, in_order, pending, _subscription: Some(subscription) })
    }

    /// Ends the subscription once the counts are too old to be used.
    async fn forget_when_old(self) {
        tokio::time::sleep(COUNT_TTL).await;
        let mut counted = self.counted.lock().await;
        if counted.as_ref().is_some_and(|counted| counted.when.elapsed() >= COUNT_TTL) {
            *counted = None;
        }
    }

    /// Takes a place for a stream of the board; dropping it frees the place.
    ///
    /// # Errors
    /// If all places, or the client's share of them, are taken.
    pub fn place(&self, client: Option<Client>) -> Result<QuotaGuard, QuotaError> {
        self.places.take(client, 1)
    }

    /// The rates, at most `age` old; everyone who watches shares them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rates(&self, _: &Viewer, age: Duration) -> Result<Rates, DbError> {
        let mut last = self.rates.lock().await;
        if let Some((_, rates)) = last.filter(|(when, _)| when.elapsed() < age) {
            return Ok(rates);
        }
        let (when, rates) = (Instant::now(), self.count_rates().await?);
        *last = Some((when, rates));
        Ok(rates)
    }

    async fn count_rates(&self) -> Result<Rates, DbError> {
        let now = self.clock.now();
        let since = now.checked_sub(1.minute()).unwrap_or(now);
        let after = last_seq(&self.db).await? - MAX_RECENT;
        let recent = store::recent_counts(&self.db, after, MAX_RECENT, &since.into()).await?;
        let all: i64 = recent.iter().map(|(_, count, _)| count).sum();
        let first = recent.iter().filter_map(|(_, _, first)| first.as_str().parse::<Timestamp>().ok()).min();
        // If the limit was reached, the events span less than a minute: extrapolate.
        let span =
            first.filter(|_| all >= MAX_RECENT).map_or(60.0, |first| now.duration_since(first).as_secs_f64());
        let rate = |kinds: &[EventKind]| {
            let counts = recent.iter().filter(|(kind, _, _)| kind.is_some_and(|kind| kinds.contains(&kind)));
            per_minute(counts.map(|(_, count, _)| count).sum(), span)
        };
        Ok(Rates {
            adds: rate(&[EventKind::EnrollmentCreated, EventKind::WaitlistPromoted]),
            drops: rate(&[EventKind::EnrollmentDropped]),
            waits: rate(&[EventKind::WaitlistJoined]),
        })
    }
}

impl CountedCourses {
    /// Applies events; returns `false` without changing anything if everything has to be counted again.
    fn apply(&mut self, happened: &[CourseEvent]) -> bool {
        let mut changes: BTreeMap<CourseId, (i64, i64)> = BTreeMap::new();
        for event in happened.iter().filter(|happened| happened.seq > self.seq) {
            let &CourseEvent { course_id, kind, from_waitlist, .. } = event;
            let change = kind.and_then(|kind| change_of_seats(kind, from_waitlist));
            let Some((enrolled, waitlisted)) = change else { return false };
            if !self.courses.contains_key(&course_id) {
                return false;
            }
            let sum = changes.entry(course_id).or_default();
            *sum = (sum.0 + enrolled, sum.1 + waitlisted);
        }
        for (id, (enrolled, waitlisted)) in &changes {
            if let Some(seats) = self.courses.get_mut(id).and_then(|live| live.course.seats.as_mut()) {
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

/// The change of the numbers of enrolled and waitlisted students by an event of this kind; `None` if it changes the
/// course itself.
fn change_of_seats(kind: EventKind, from_waitlist: bool) -> Option<(i64, i64)> {
    match kind {
        EventKind::EnrollmentCreated | EventKind::EnrollmentRestored if from_waitlist => Some((1, -1)),
        EventKind::EnrollmentCreated | EventKind::EnrollmentAdopted | EventKind::EnrollmentRestored => {
            Some((1, 0))
        }
        EventKind::EnrollmentDropped => Some((-1, 0)),
        EventKind::WaitlistJoined | EventKind::WaitlistRestored => Some((0, 1)),
        EventKind::WaitlistLeft => Some((0, -1)),
        EventKind::WaitlistPromoted => Some((1, -1)),
        EventKind::StudentCreated
        | EventKind::StudentUpdated
        | EventKind::StudentDeleted
        | EventKind::CourseCreated
        | EventKind::CourseUpdated
        | EventKind::CourseDeleted
        | EventKind::SeatsSet
        | EventKind::SeatsRemoved
        | EventKind::ImportApplied
        | EventKind::ImportUndone
        | EventKind::RulesSet
        | EventKind::GroupSet
        | EventKind::GroupDeleted
        | EventKind::GroupJoined
        | EventKind::GroupLeft
        | EventKind::HoldPlaced
        | EventKind::HoldReleased
        | EventKind::AccountCreated
        | EventKind::AccountChanged
        | EventKind::InstructorAssigned
        | EventKind::InstructorRemoved
        | EventKind::TokenCreated
        | EventKind::TokenRevoked => None,
    }
}

/// Converts a count in `span` seconds to a rate per minute.
fn per_minute(count: i64, span: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rate")]
    let rate = (count as f64 * 60.0 / span.max(0.001)).round() as i64;
    rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::{Course, SeatCount};

    fn counted(seats: &[(i64, Option<i64>, i64)]) -> CountedCourses {
        let course = |(id, capacity, enrolled): &(i64, Option<i64>, i64)| {
            let seats = SeatCount { capacity: *capacity, enrolled: *enrolled, waitlisted: 0 };
            let course =
                Course { id: CourseId(*id), name: None, level: None, code: None, seats: Some(seats) };
            (
                course.id,
                LiveCourse {
                    course,
                    has_limits: true,
                    waitlist_capacity: 0,
                    opens_at: None,
                    closes_at: None,
                    waitlist_closes_at: None,
                    group_opens_at: BTreeMap::new(),
                },
            )
        };
        let courses: BTreeMap<_, _> = seats.iter().map(course).collect();
        let in_order = in_order(&courses);
        let (when, pending) = (Instant::now(), Arc::default());
        CountedCourses { when, seq: 10, courses, in_order, pending, _subscription: None }
    }

    fn ids(counted: &CountedCourses) -> Vec<i64> {
        counted.in_order.iter().map(|live| live.course.id.0).collect()
    }

    fn happened(seq: i64, course: i64, kind: EventKind) -> CourseEvent {
        CourseEvent { seq, course_id: CourseId(course), kind: Some(kind), from_waitlist: false }
    }

    #[test]
    fn the_fullest_courses_come_first_and_those_without_limits_last() {
        let counted = counted(&[(1, None, 9), (2, Some(30), 3), (3, Some(30), 30), (4, None, 90)]);
        assert_eq!(ids(&counted), [3, 2, 4, 1]);
    }

    #[test]
    fn events_that_move_students_are_applied_once_and_others_need_a_new_count() {
        let mut counted = counted(&[(1, Some(2), 0), (2, Some(3), 0)]);
        let events = [
            // Already counted.
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
        let seats = counted.courses[&CourseId(2)].course.seats.clone().unwrap();
        assert_eq!((seats.enrolled, seats.waitlisted, counted.seq), (2, 0, 19));
        let joined = happened(20, 2, EventKind::WaitlistJoined);
        let by_override =
            CourseEvent { from_waitlist: true, ..happened(21, 2, EventKind::EnrollmentCreated) };
        assert!(counted.apply(&[joined, by_override]));
        let seats = counted.courses[&CourseId(2)].course.seats.clone().unwrap();
        assert_eq!((seats.enrolled, seats.waitlisted, counted.seq), (3, 0, 21));
        let set = happened(23, 2, EventKind::SeatsSet);
        let other_course = happened(23, 3, EventKind::EnrollmentCreated);
        let newer = CourseEvent { kind: None, ..set };
        for event in [set, other_course, newer] {
            assert!(!counted.apply(&[happened(22, 1, EventKind::EnrollmentCreated), event]));
        }
        assert_eq!(counted.seq, 21);
    }

    #[test]
    fn too_many_pending_events_need_a_new_count() {
        let entry = |seq| LogEntry {
            seq,
            at: crate::clock::Stamp::default(),
            r#type: EventKind::EnrollmentCreated.to_string(),
            student_id: None,
            course_id: Some(CourseId(1)),
            enrollment_id: None,
            actor: None,
            request_id: None,
            data: serde_json::Value::Null,
        };
        let entries: Vec<_> = (1..).take(MAX_PENDING).map(entry).collect();
        let pending = PendingEvents::default();
        pending.extend(&entries);
        assert_eq!(pending.take().map(|happened| happened.len()), Some(MAX_PENDING));
        pending.extend(&entries);
        pending.extend(&entries[..1]);
        assert!(pending.take().is_none());
    }

    #[test]
    fn rates_are_per_minute() {
        assert_eq!([per_minute(5, 60.0), per_minute(5_000, 0.25), per_minute(0, 60.0)], [5, 1_200_000, 0]);
    }
}
