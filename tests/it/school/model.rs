use std::collections::BTreeMap;

use matricula::clock::Stamp;
use matricula::registrar::{
    Answer, Caller, Change, Command as _, CourseId, Enrollment, Event, EventKind, Facts, Held, Refusal,
    Standing, StudentId,
};
use serde_json::Value;

use super::{Command, FIRST_DAY};

/// A small school in memory: it decides commands as the Registrar does and numbers rows as the tables do.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) facts: Facts,
    pub(crate) log: Vec<Event>,
    students: i64,
    courses: i64,
}

impl Model {
    pub(crate) fn new() -> Self {
        let first_day: Stamp = FIRST_DAY.parse().unwrap();
        Self {
            facts: Facts { now: first_day.clone(), stamp: first_day, ..Facts::default() },
            ..Self::default()
        }
    }

    pub(crate) fn carry_out(&mut self, command: &Command) -> Result<Answer, Refusal> {
        let before = self.facts.clone();
        let (mut forced, mut restored) = (None, None);
        let (events, mut answer) = match command.decide(&Caller::default(), &self.facts) {
            Ok(decided) => decided,
            Err(refusal) => {
                assert_eq!(self.facts, before, "a refusal changes nothing");
                return Err(refusal);
            }
        };
        check_given_up(command, &events);
        for mut event in events {
            for change in &mut event.changes {
                match change {
                    Change::AddStudent(student) => {
                        self.students += 1;
                        student.id = StudentId(self.students);
                        answer = Answer::Student(student.clone());
                    }
                    Change::AddCourse(course) => {
                        self.courses += 1;
                        course.id = CourseId(self.courses);
                        answer = Answer::Course(course.clone());
                    }
                    _ => {}
                }
            }
            self.check_order(&event);
            let goes_beyond = event.kind == EventKind::EnrollmentRestored
                || (event.kind == EventKind::EnrollmentCreated && event.data["override"].is_object());
            forced = forced.or(event.course_id.filter(|_| goes_beyond));
            restored = restored.or(event.course_id.filter(|_| event.kind == EventKind::WaitlistRestored));
            self.facts.apply(&event);
            for change in &event.changes {
                if let Change::AddStudent(student) = change {
                    self.facts.standings.insert(student.id, Standing::default());
                }
            }
            self.log.push(event);
        }
        self.check_seats(&before, forced, restored);
        self.check_courses(&before, forced.or(restored).is_some());
        Ok(answer)
    }

    /// First come, first served.
    fn check_order(&self, event: &Event) {
        self.check_standing(event);
        match (event.kind, event.changes.as_slice()) {
            (
                EventKind::WaitlistPromoted,
                [Change::DeleteWaitlistEntry(waiting), Change::AddEnrollment(_)],
            ) => {
                assert_eq!(
                    self.facts.next_on_waitlist(waiting.course_id).next(),
                    Some(waiting),
                    "the first on the waitlist who is not on hold moves up"
                );
            }
            (EventKind::WaitlistRestored, [Change::AddWaitlistEntry(waiting)]) => {
                let waits = self.facts.place(waiting.student_id, waiting.course_id);
                assert_eq!(waits, None, "nobody waits twice for one course");
            }
            (EventKind::WaitlistJoined, [Change::AddWaitlistEntry(waiting)]) => {
                let last = self.facts.waitlist_entries_of_course(waiting.course_id).last();
                assert!(
                    last.is_none_or(|last| last.joined_seq < waiting.joined_seq),
                    "a student who joins is last"
                );
                let waits = self.facts.place(waiting.student_id, waiting.course_id);
                assert_eq!(waits, None, "nobody waits twice for one course");
            }
            // Everybody else moves up only when it is their turn.
            (
                EventKind::EnrollmentCreated,
                [Change::DeleteWaitlistEntry(waiting), Change::AddEnrollment(_)],
            ) => {
                assert_eq!(event.data["from_waitlist"], true, "the log says that the student waited");
                let limits = self.facts.limits_of(waiting.course_id);
                assert!(
                    event.data["override"].is_object()
                        || event.data["freed_in_request"] == true
                        || !limits.moves_up(&self.facts.now),
                    "only an override or the request that freed the seat passes others over"
                );
                let place = self.facts.place(waiting.student_id, waiting.course_id);
                assert!(place.is_some(), "only a student who waits leaves the waitlist");
            }
            (EventKind::EnrollmentCreated, changes) => {
                assert!(matches!(changes, [Change::AddEnrollment(_)]), "{changes:?}");
                assert_eq!(event.data["from_waitlist"], Value::Null);
            }
            _ => {}
        }
    }

    /// A student on hold, or before registration opens for them, gets nothing but by an override or a restoration.
    fn check_standing(&self, event: &Event) {
        let by_the_rules = matches!(
            event.kind,
            EventKind::EnrollmentCreated | EventKind::WaitlistJoined | EventKind::WaitlistPromoted
        ) && !event.data["override"].is_object();
        let (Some(student_id), Some(course_id), true) = (event.student_id, event.course_id, by_the_rules)
        else {
            return;
        };
        let standing = &self.facts.standings[&student_id];
        assert_eq!(standing.holds, [], "a student on hold gets neither a seat nor a place");
        if event.kind != EventKind::WaitlistPromoted {
            let limits = self.facts.limits_of(course_id);
            let own = limits.group_opens_at.iter().filter(|(group, _)| standing.groups.contains_key(*group));
            let opens_at = own.map(|(_, opens_at)| opens_at).min().or(limits.opens_at.as_ref());
            assert!(
                opens_at.is_none_or(|opens_at| *opens_at <= self.facts.now),
                "it is open for the student"
            );
        }
    }

    /// Nobody gets more courses than they may have, but by an override or a restoration.
    fn check_courses(&self, before: &Facts, goes_beyond: bool) {
        for (id, standing) in &self.facts.standings {
            let taken = self.facts.enrollments_of_student(*id).count();
            let courses = taken + self.facts.waitlist_entries_of_student(*id).count();
            assert_eq!(standing.courses, i64::try_from(courses).unwrap(), "the count is the number of rows");
            let were = before.standings.get(id).map_or(0, |standing| standing.courses);
            let limit = standing.course_limit(self.facts.rules.course_limit);
            assert!(
                limit.is_none_or(|limit| standing.courses <= limit.max(were)) || goes_beyond,
                "student {id} has {courses} courses and may have {limit:?}"
            );
        }
        assert!(
            self.facts.standings.keys().all(|id| self.facts.students.contains_key(id)),
            "only students have holds and groups"
        );
    }

    /// Checks the invariants after every command; `forced` is the course in which it gave a seat by an override or restored
    /// one, `restored` the course on whose waitlist it restored a place.
    fn check_seats(&self, before: &Facts, forced: Option<CourseId>, restored: Option<CourseId>) {
        let facts = &self.facts;
        for id in facts.courses.keys() {
            let (seats, were) = (facts.seats_of(*id), before.seats_of(*id));
            let rows = facts.enrollments_of_course(*id).count();
            assert_eq!(seats.enrolled, i64::try_from(rows).unwrap(), "the count is the number of rows");
            if let Some(capacity) = seats.capacity {
                assert!(
                    seats.enrolled <= capacity.max(were.enrolled + i64::from(forced == Some(*id))),
                    "no seat is sold twice: {seats:?}, were {were:?}"
                );
            }
            let idle = seats.capacity.is_none_or(|capacity| seats.enrolled < capacity);
            let moves_up = seats.limits().moves_up(&facts.now);
            assert!(
                !idle || facts.next_on_waitlist(*id).next().is_none() || !moves_up,
                "no seat is free while a student waits: {seats:?}"
            );
            if forced == Some(*id) {
                let rest = |facts: &Facts| -> Vec<_> {
                    let waiting = facts.waitlist_entries_of_course(*id).cloned();
                    waiting
                        .filter(|waiting| !self.facts.enrollments.contains_key(&(waiting.student_id, *id)))
                        .collect()
                };
                assert_eq!(
                    rest(facts),
                    rest(before),
                    "an override leaves the others on the waitlist, in order"
                );
            }
            let places = seats.waitlist_capacity.max(were.waitlisted + i64::from(restored == Some(*id)));
            assert!(seats.waitlisted <= places, "the waitlist is no longer than it may be: {seats:?}");
            for waiting in facts.waitlist_entries_of_course(*id) {
                let pair = (waiting.student_id, *id);
                assert!(
                    !facts.enrollments.contains_key(&pair),
                    "a student with a seat does not wait: {pair:?}"
                );
                assert!(
                    facts.students.contains_key(&waiting.student_id),
                    "a deleted student does not wait: {pair:?}"
                );
            }
        }
        let courses = facts.waitlists.iter().filter(|(_, waitlist)| !waitlist.is_empty()).map(|(id, _)| id);
        assert!(
            courses.chain(facts.limits.keys()).all(|id| facts.courses.contains_key(id)),
            "only existing courses have limits and waitlists"
        );
    }
}

/// The enrollments that the log alone describes.
pub(crate) fn enrollments_by(log: &[Event]) -> BTreeMap<(StudentId, CourseId), Enrollment> {
    let mut taken = BTreeMap::new();
    for change in log.iter().flat_map(|event| &event.changes) {
        match change {
            Change::AddEnrollment(row) => {
                let before = taken.insert((row.student_id, row.course_id), row.clone());
                assert_eq!(before, None, "a student enrolls in a course once");
            }
            Change::DeleteEnrollment(row) => {
                let before = taken.remove(&(row.student_id, row.course_id));
                assert_eq!(before.as_ref(), Some(row), "only an existing enrollment is dropped");
            }
            _ => {}
        }
    }
    taken
}

/// Only what the student was seen to have is given up.
fn check_given_up(command: &Command, events: &[Event]) {
    let (Command::Drop(drop) | Command::DropAsStudent(drop)) = command else { return };
    let given_up = match drop.expected {
        Some(Held::Seat) => EventKind::EnrollmentDropped,
        Some(Held::Place) => EventKind::WaitlistLeft,
        None => return,
    };
    assert_eq!(events[0].kind, given_up, "a place is not taken for a seat, nor the other way round");
}
