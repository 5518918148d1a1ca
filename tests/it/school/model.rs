use std::collections::BTreeMap;

use matricula::clock::Stamp;
use matricula::registrar::{
    Answer, Caller, Change, Command as _, CourseId, Enrollment, Event, EventKind, Facts, Refusal, StudentId,
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
            self.log.push(event);
        }
        self.check_seats(&before, forced, restored);
        Ok(answer)
    }

    /// First come, first served.
    fn check_order(&self, event: &Event) {
        match (event.kind, event.changes.as_slice()) {
            (
                EventKind::WaitlistPromoted,
                [Change::DeleteWaitlistEntry(waiting), Change::AddEnrollment(_)],
            ) => {
                assert_eq!(
                    self.facts.waitlist_entries_of_course(waiting.course_id).next(),
                    Some(waiting),
                    "the first on the waitlist moves up"
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
                !idle || seats.waitlisted == 0 || !moves_up,
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
