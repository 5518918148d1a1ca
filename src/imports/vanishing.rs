//! The records that a plan removes, and the order of removing them.

use std::collections::HashMap;
use std::hash::Hash;

use crate::files::reading::Origin;
use crate::registrar::{
    Course, CourseId, DeleteCourse, DeleteStudent, DropCourse, EnrollmentId, ImportStep, Override,
    SeenCourse, Student, StudentId, Version,
};

/// The records that a plan removes: students, courses, enrollments and places on waitlists.
#[derive(Debug, Default)]
pub struct Vanishing {
    /// Students who are deleted.
    pub students: Vec<VanishingRecord<Student>>,
    /// Courses that are deleted.
    pub courses: Vec<VanishingRecord<Course>>,
    /// Enrollments and places on waitlists that end, also those that end with a student or a course.
    pub pairs: Vec<VanishingPair>,
    /// The present numbers: students, courses, enrollments plus places on waitlists.
    pub(super) totals: [i64; 3],
}

/// A row of a plan: its place in one of the lists of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlanRow {
    /// In the rows that the reading has refused.
    Unread(usize),
    /// In the courses.
    Course(usize),
    /// In the students.
    Student(usize),
    /// In the enrollments.
    Enrollment(usize),
    /// In the vanishing records.
    Gone(Gone),
}

/// A vanishing record: its place in one of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// In the students.
    Student(usize),
    /// In the courses.
    Course(usize),
    /// In the pairs.
    Pair(usize),
}

/// A student or a course that is deleted.
#[derive(Clone, Debug)]
pub struct VanishingRecord<R> {
    /// The record as it is now.
    pub record: R,
    /// Why.
    pub cause: Cause,
}

/// Exactly one enrollment or place on a waitlist, and no later one of the same student in the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The enrollment.
    Seat(EnrollmentId),
    /// The place, by the `seq` of the log with which the student joined.
    Place(i64),
}

/// An enrollment or a place on a waitlist that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VanishingPair {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// Whether it is a place on a waitlist.
    pub is_waiting: bool,
    /// Which enrollment or which place it is, for a step of its own.
    pub held: Option<Held>,
    /// Why.
    pub cause: Cause,
    /// Whether it ends by the override of the import, since the rules do not allow it.
    pub is_overridden: bool,
}

/// Why a record vanishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This row of the files says so.
    Row(Origin),
    /// The files are the whole truth and do not mention it.
    NotMentioned,
    /// Its student is deleted.
    WithStudent,
    /// Its course is deleted.
    WithCourse,
}

impl Cause {
    /// The row that removes it.
    #[must_use]
    pub fn origin(self) -> Option<Origin> {
        match self {
            Self::Row(origin) => Some(origin),
            Self::NotMentioned | Self::WithStudent | Self::WithCourse => None,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Row(_) => "row",
            Self::NotMentioned => "not-in-files",
            Self::WithStudent => "with-student",
            Self::WithCourse => "with-course",
        }
    }
}

impl Vanishing {
    /// How many students, courses, enrollments and places on waitlists vanish.
    #[must_use]
    pub fn len(&self) -> usize {
        self.students.len() + self.courses.len() + self.pairs.len()
    }

    /// Whether nothing vanishes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps in the order in which they are planned and carried out: first places on waitlists, so that leaving
    /// students do not move up; then courses, since nobody moves up into a deleted course; then drops; then students.
    pub(super) fn steps(&self, r#override: Option<&Override>) -> Vec<(PlanRow, ImportStep)> {
        let drop = |(at, pair): (usize, &VanishingPair)| {
            let VanishingPair { student_id, course_id, is_overridden, .. } = *pair;
            let r#override = r#override.filter(|_| is_overridden).cloned();
            let step = DropCourse { r#override, ..DropCourse::new(student_id, course_id) };
            let step = match pair.held? {
                Held::Seat(id) => ImportStep::DropEnrollment(step, id),
                Held::Place(joined_seq) => ImportStep::LeaveWaitlist(step, joined_seq),
            };
            Some((PlanRow::Gone(Gone::Pair(at)), step))
        };
        let pairs = || self.pairs.iter().enumerate();
        let leave = pairs().filter(|(_, pair)| pair.is_waiting && pair.cause != Cause::WithCourse);
        let mut steps: Vec<_> = leave.filter_map(drop).collect();
        let ends =
            count(self.pairs.iter().filter(|pair| pair.cause == Cause::WithCourse), |pair| pair.course_id);
        steps.extend(self.courses.iter().enumerate().map(|(at, course)| {
            let max_dropped = ends.get(&course.record.id).copied().unwrap_or_default();
            (PlanRow::Gone(Gone::Course(at)), remove_course(&course.record, max_dropped))
        }));
        let is_own = |cause: Cause| matches!(cause, Cause::Row(_) | Cause::NotMentioned);
        steps.extend(pairs().filter(|(_, pair)| !pair.is_waiting && is_own(pair.cause)).filter_map(drop));
        let with_student =
            self.pairs.iter().filter(|pair| !pair.is_waiting && pair.cause == Cause::WithStudent);
        let ends = count(with_student, |pair| pair.student_id);
        steps.extend(self.students.iter().enumerate().map(|(at, student)| {
            let max_dropped = ends.get(&student.record.id).copied().unwrap_or_default();
            (PlanRow::Gone(Gone::Student(at)), remove_student(&student.record, max_dropped))
        }));
        steps
    }
}

/// Deletes the student as it is now, with at most so many enrollments.
pub(super) fn remove_student(student: &Student, max_dropped: usize) -> ImportStep {
    let expected = Some(vec![Version::from_record(student)]);
    let (id, max_dropped) = (student.id, Some(max_dropped));
    ImportStep::RemoveStudent(DeleteStudent { id, drop: true, max_dropped, expected })
}

/// Deletes the course as it is now, with at most so many enrollments and places on its waitlist.
pub(super) fn remove_course(course: &Course, max_dropped: usize) -> ImportStep {
    let expected = Some(vec![SeenCourse { version: Version::from_record(course), seats: None }]);
    let (id, max_dropped) = (course.id, Some(max_dropped));
    ImportStep::RemoveCourse(DeleteCourse { id, drop: true, max_dropped, expected })
}

fn count<'a, Id: Hash + Eq>(
    pairs: impl Iterator<Item = &'a VanishingPair>,
    id: impl Fn(&VanishingPair) -> Id,
) -> HashMap<Id, usize> {
    let mut counts = HashMap::new();
    for pair in pairs {
        *counts.entry(id(pair)).or_default() += 1;
    }
    counts
}
