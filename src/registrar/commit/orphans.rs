//! What another program left behind when it deleted a student or a course without minding foreign keys, as SQLite lets it.
//! Rows of nobody hold no seat: a batch that meets them drops them, on record, before it decides anything.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::rows::enrollment;
use crate::db::{DbError, Row};
use crate::registrar::enrollment::{dropped, left, promotions};
use crate::registrar::event::Event;
use crate::registrar::facts::Facts;
use crate::registrar::record::{CourseId, Enrollment, EnrollmentId, StudentId, Waiting};
use crate::registrar::{course, seats, student};

/// A statement for rows of `student_courses`, each with whether its student and its course are there. A row whose ids are no
/// numbers, as a file takes it, is about nobody and nothing: it holds no seat and is left to who wrote it.
macro_rules! held {
    ($which:literal) => {
        concat!(
            "select sc.id, sc.student_id, sc.course_id, sc.enrolled_at, \
             (select count(*) from students s where s.id = cast(sc.student_id as bigint)), \
             (select count(*) from courses c where c.id = cast(sc.course_id as bigint)) \
             from student_courses sc where sc.student_id = cast(sc.student_id as bigint) \
             and sc.course_id = cast(sc.course_id as bigint) and ",
            $which
        )
    };
}
pub(super) use held;

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
        let mut events: Vec<_> = self.waiting.into_values().map(left).collect();
        events.extend(self.enrollments.into_values().map(dropped));
        let limited = self.courses.iter().filter(|id| facts.limits.contains_key(id));
        events.extend(limited.copied().map(seats::removed));
        events.extend(self.courses.iter().copied().map(course::vanished));
        events.extend(self.students.into_iter().map(student::vanished));
        for event in &events {
            facts.apply(event);
        }
        for id in self.counted.difference(&self.courses) {
            let promoted = promotions(*id, &facts.limits_of(*id), 0, facts.last_enrollment_id, facts);
            for event in &promoted {
                facts.apply(event);
            }
            events.extend(promoted);
        }
        events
    }
}
