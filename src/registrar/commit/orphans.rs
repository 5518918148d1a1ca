//! Orphaned rows: enrollments, waitlist entries and limits of a student or course that another program deleted
//! without enforcing foreign keys, which SQLite allows. They hold no seat: a batch that finds them drops them, with
//! log entries, before it decides anything.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::rows::enrollment;
use crate::db::{DbError, Row};
use crate::registrar::enrollment::{dropped, left, promotions};
use crate::registrar::event::Event;
use crate::registrar::facts::Facts;
use crate::registrar::record::{CourseId, Enrollment, EnrollmentId, StudentId, WaitlistEntry};
use crate::registrar::{course, seats, student};

/// A statement for rows of `student_courses`, each with whether its student and its course exist. Rows whose ids are
/// not numbers, which SQLite allows, are left out: they hold no seat, and stay as they are.
macro_rules! select_enrollments {
    ($which:literal) => {
        concat!(
            "select sc.id, sc.student_id, sc.course_id, sc.enrolled_at, \
             case when exists (select 1 from students s where s.id = cast(sc.student_id as bigint)) then 1 else 0 end, \
             case when exists (select 1 from courses c where c.id = cast(sc.course_id as bigint)) then 1 else 0 end \
             from student_courses sc where sc.student_id = cast(sc.student_id as bigint) \
             and sc.course_id = cast(sc.course_id as bigint) and ",
            $which
        )
    };
}
pub(super) use select_enrollments;

/// A row of `student_courses` or `waitlist`, and whether its student and its course exist.
pub(super) struct CheckedRow<T> {
    pub(super) row: T,
    has_student: bool,
    has_course: bool,
}

impl CheckedRow<Enrollment> {
    pub(super) fn enrollment(row: &Row<'_>) -> Result<Self, DbError> {
        Ok(Self { row: enrollment(row)?, has_student: row.int(4)? > 0, has_course: row.int(5)? > 0 })
    }
}

impl CheckedRow<WaitlistEntry> {
    pub(super) fn waiting(row: &Row<'_>) -> Result<Self, DbError> {
        let waiting = WaitlistEntry {
            student_id: row.int(0)?.into(),
            course_id: row.int(1)?.into(),
            joined_seq: row.int(2)?,
            joined_at: row.stamp(3)?,
        };
        Ok(Self { row: waiting, has_student: row.int(4)? > 0, has_course: row.int(5)? > 0 })
    }
}

/// The orphaned rows among those that a batch has loaded.
#[derive(Default)]
pub(super) struct Orphans {
    pub(super) students: BTreeSet<StudentId>,
    pub(super) courses: BTreeSet<CourseId>,
    /// Courses whose seats were counted from rows in this batch.
    pub(super) counted: BTreeSet<CourseId>,
    enrollments: BTreeMap<EnrollmentId, Enrollment>,
    waiting: BTreeMap<i64, WaitlistEntry>,
}

impl Orphans {
    pub(super) fn add_enrollment(&mut self, checked: CheckedRow<Enrollment>) {
        let (student, course) = (checked.row.student_id, checked.row.course_id);
        if self.add(student, checked.has_student, course, checked.has_course) {
            self.enrollments.insert(checked.row.id, checked.row);
        }
    }

    pub(super) fn add_waiting(&mut self, checked: CheckedRow<WaitlistEntry>) {
        let (student, course) = (checked.row.student_id, checked.row.course_id);
        if self.add(student, checked.has_student, course, checked.has_course) {
            self.waiting.insert(checked.row.joined_seq, checked.row);
        }
    }

    fn add(&mut self, student: StudentId, has_student: bool, course: CourseId, has_course: bool) -> bool {
        self.students.extend((!has_student).then_some(student));
        self.courses.extend((!has_course).then_some(course));
        !has_student || !has_course
    }

    /// Adds those of the courses that do not exist but still have limits.
    pub(super) fn add_missing_courses(&mut self, courses: &HashSet<CourseId>, facts: &Facts) {
        let gone = |id: &&CourseId| !facts.courses.contains_key(id) && facts.limits.contains_key(id);
        self.courses.extend(courses.iter().filter(gone));
    }

    /// Drops all orphaned rows and gives free seats to students on waitlists. Returns the events in order, already
    /// applied to `facts`.
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
