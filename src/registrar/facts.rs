//! What a decision may know.

use std::collections::{BTreeMap, HashMap};

use super::event::Event;
use super::record::{Course, CourseId, Enrollment, EnrollmentId, Student, StudentId};
use super::seats::{Limits, Waiting};
use super::waitlist::Waitlist;

/// Columns of found tables that cannot be written because the table computes them; in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly {
    /// Those of `students`.
    pub of_students: Vec<String>,
    /// Those of `courses`.
    pub of_courses: Vec<String>,
}

/// What a decision may know: the part of the school that the commands of one batch speak of.
///
/// [`Facts::apply`] moves the facts on, so that each command sees what those before it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the clock says, which decides: RFC 3339, UTC, milliseconds.
    pub now: String,
    /// The time that is written: as `now`, but never earlier than the log's last entry.
    pub stamp: String,
    /// The last `seq` of the log.
    pub last_seq: i64,
    /// The last id given to an enrollment.
    pub last_enrollment_id: i64,
    /// Those of the students asked for that exist.
    pub students: HashMap<StudentId, Student>,
    /// Those of the courses asked for that exist.
    pub courses: HashMap<CourseId, Course>,
    /// The enrollments that the commands could meet: of each pair, and of everybody who is to be deleted.
    pub enrollments: BTreeMap<(StudentId, CourseId), Enrollment>,
    /// Those of the courses asked for that have limits, and which.
    pub limits: HashMap<CourseId, Limits>,
    /// How many students take each of the courses of which seats matter.
    pub enrolled: HashMap<CourseId, i64>,
    /// Who waits for each of the courses of which seats matter.
    pub waitlists: BTreeMap<CourseId, Waitlist>,
    /// What cannot be written.
    pub read_only: ReadOnly,
    /// How many rows the batch has added to tables that number their rows themselves.
    pub added: i64,
}

impl Facts {
    /// The id that the next enrollment gets.
    #[must_use]
    pub fn next_enrollment_id(&self) -> EnrollmentId {
        EnrollmentId(self.last_enrollment_id + 1)
    }

    /// A stand-in for the id that a table will give to a new row when the events are applied: never positive, so never
    /// the id of a row that somebody can ask for.
    #[must_use]
    pub fn provisional_id(&self) -> i64 {
        -self.added
    }

    /// The student's enrollments, in order of the course.
    pub fn enrollments_of_student(&self, id: StudentId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments
            .range((id, CourseId(i64::MIN))..=(id, CourseId(i64::MAX)))
            .map(|(_, enrollment)| enrollment)
    }

    /// The course's enrollments, in order of the student.
    pub fn enrollments_of_course(&self, id: CourseId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments.values().filter(move |enrollment| enrollment.course_id == id)
    }

    /// Moves the facts on by what has happened.
    pub fn apply(&mut self, event: &Event) {
        self.last_seq += 1;
        match event {
            Event::StudentCreated(student) => {
                self.added += 1;
                self.students.insert(student.id, student.clone());
            }
            Event::StudentUpdated { student, .. } => {
                self.students.insert(student.id, student.clone());
            }
            Event::StudentDeleted(id) | Event::StudentVanished(id) => {
                self.students.remove(id);
            }
            Event::CourseCreated(course) => {
                self.added += 1;
                self.courses.insert(course.id, course.clone());
            }
            Event::CourseUpdated { course, .. } => {
                self.courses.insert(course.id, course.clone());
            }
            Event::CourseDeleted(id) | Event::CourseVanished(id) => {
                self.courses.remove(id);
            }
            Event::EnrollmentCreated(enrollment) => self.enroll(enrollment),
            Event::EnrollmentDropped(enrollment) => self.leave(enrollment),
            Event::SeatsSet { course_id, limits, .. } => {
                self.limits.insert(*course_id, limits.clone());
            }
            Event::SeatsRemoved(course_id) => {
                self.limits.remove(course_id);
            }
            Event::WaitlistJoined(waiting) => self.put_on_waitlist(waiting),
            Event::WaitlistLeft(waiting) => self.take_off_waitlist(waiting),
            Event::WaitlistPromoted { waiting, enrollment } => {
                self.take_off_waitlist(waiting);
                self.enroll(enrollment);
            }
        }
    }

    /// Takes back what the operations of a batch did, the last first. A copy of the facts to return to would be as large as
    /// all waitlists in them.
    pub(super) fn take_back(&mut self, events: &[Event], last_enrollment_id: i64) {
        for event in events.iter().rev() {
            self.last_seq -= 1;
            match event {
                Event::EnrollmentCreated(enrollment) => self.leave(enrollment),
                Event::EnrollmentDropped(enrollment) => self.enroll(enrollment),
                Event::WaitlistJoined(waiting) => self.take_off_waitlist(waiting),
                Event::WaitlistLeft(waiting) => self.put_on_waitlist(waiting),
                Event::WaitlistPromoted { waiting, enrollment } => {
                    self.leave(enrollment);
                    self.put_on_waitlist(waiting);
                }
                Event::StudentCreated(_)
                | Event::StudentUpdated { .. }
                | Event::StudentDeleted(_)
                | Event::StudentVanished(_)
                | Event::CourseCreated(_)
                | Event::CourseUpdated { .. }
                | Event::CourseDeleted(_)
                | Event::CourseVanished(_)
                | Event::SeatsSet { .. }
                | Event::SeatsRemoved(_) => {
                    debug_assert!(false, "no operation of a batch does this: {event:?}");
                }
            }
        }
        self.last_enrollment_id = last_enrollment_id;
    }

    fn enroll(&mut self, enrollment: &Enrollment) {
        self.last_enrollment_id = enrollment.id.0;
        self.enrollments.insert((enrollment.student_id, enrollment.course_id), enrollment.clone());
        *self.enrolled.entry(enrollment.course_id).or_default() += 1;
    }

    fn leave(&mut self, enrollment: &Enrollment) {
        self.enrollments.remove(&(enrollment.student_id, enrollment.course_id));
        *self.enrolled.entry(enrollment.course_id).or_default() -= 1;
    }

    fn put_on_waitlist(&mut self, waiting: &Waiting) {
        self.waitlists.entry(waiting.course_id).or_default().insert(waiting.clone());
    }

    fn take_off_waitlist(&mut self, waiting: &Waiting) {
        if let Some(waitlist) = self.waitlists.get_mut(&waiting.course_id) {
            waitlist.remove(waiting.student_id);
        }
    }
}
