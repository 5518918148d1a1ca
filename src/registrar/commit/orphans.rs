//! What another program left behind when it deleted a student or a course without minding foreign keys, as SQLite lets it.
//! Rows of nobody hold no seat: a batch that meets them drops them, on record, before it decides anything.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::db::{DbError, Row};
use crate::registrar::event::Event;
use crate::registrar::facts::Facts;
use crate::registrar::record::{CourseId, Enrollment, EnrollmentId, StudentId};
use crate::registrar::seats::{Waiting, promotions};

use super::enrollment;

/// A row of `student_courses` or `waitlist`, and whether the records that it refers to are there.
pub(super) struct Held<T> {
    pub(super) row: T,
    has_student: bool,
    has_course: bool,
}

impl Held<Enrollment> {
    pub(super) fn enrollment(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { row: enrollment(row)?, has_student: row.int(4)? > 0, has_course: row.int(5)? > 0 })
    }
}

impl Held<Waiting> {
    pub(super) fn waiting(row: &Row<'_>) -> Result<Self, DbError> {
        let waiting = Waiting {
            student_id: row.int(0)?.into(),
            course_id: row.int(1)?.into(),
            joined_seq: row.int(2)?,
            joined_at: row.text(3)?,
        };
        Ok(Self { row: waiting, has_student: row.int(4)? > 0, has_course: row.int(5)? > 0 })
    }
}

/// The rows of nobody among those that a batch has loaded.
#[derive(Default)]
pub(super) struct Orphans {
    pub(super) students: BTreeSet<StudentId>,
    pub(super) courses: BTreeSet<CourseId>,
    /// Courses whose seats were counted from rows for this batch.
    pub(super) counted: BTreeSet<CourseId>,
    enrollments: BTreeMap<EnrollmentId, Enrollment>,
    waiting: BTreeMap<i64, Waiting>,
}

impl Orphans {
    pub(super) fn add_enrollment(&mut self, held: Held<Enrollment>) {
        let (student, course) = (held.row.student_id, held.row.course_id);
        if self.add(student, held.has_student, course, held.has_course) {
            self.enrollments.insert(held.row.id, held.row);
        }
    }

    pub(super) fn add_waiting(&mut self, held: Held<Waiting>) {
        let (student, course) = (held.row.student_id, held.row.course_id);
        if self.add(student, held.has_student, course, held.has_course) {
            self.waiting.insert(held.row.joined_seq, held.row);
        }
    }

    fn add(&mut self, student: StudentId, has_student: bool, course: CourseId, has_course: bool) -> bool {
        self.students.extend((!has_student).then_some(student));
        self.courses.extend((!has_course).then_some(course));
        !has_student || !has_course
    }

    /// Adds those of the courses asked for that are gone and have left their limits behind.
    pub(super) fn judge(&mut self, asked: &HashSet<CourseId>, facts: &Facts) {
        let gone = |id: &&CourseId| !facts.courses.contains_key(id) && facts.limits.contains_key(id);
        self.courses.extend(asked.iter().filter(gone));
    }

    /// Drops all of it and gives the seats that are free to those who wait. What happened, in order; the facts know it.
    pub(super) fn sweep(self, facts: &mut Facts) -> Vec<Event> {
        let mut events: Vec<_> = self.waiting.into_values().map(Event::WaitlistLeft).collect();
        events.extend(self.enrollments.into_values().map(Event::EnrollmentDropped));
        let limited = self.courses.iter().filter(|id| facts.limits.contains_key(id));
        events.extend(limited.copied().map(Event::SeatsRemoved));
        events.extend(self.courses.iter().copied().map(Event::CourseVanished));
        events.extend(self.students.into_iter().map(Event::StudentVanished));
        for event in &events {
            facts.apply(event);
        }
        for id in self.counted.difference(&self.courses) {
            let last_id = EnrollmentId(facts.last_enrollment_id);
            let promoted = promotions(*id, &facts.limits_of(*id), 0, last_id, facts);
            for event in &promoted {
                facts.apply(event);
            }
            events.extend(promoted);
        }
        events
    }
}
