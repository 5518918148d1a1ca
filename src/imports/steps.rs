//! A plan and its steps.

use std::collections::HashMap;

use super::group_plan::GroupPlan;
use super::vanishing::Vanishing;
use crate::count::to_i64;
use crate::files::reading::{EnrollmentRow, Reading};
use crate::registrar::{
    Course, CourseId, FieldValues, Override, Record, Refusal, Student, StudentId, Version,
};

/// What files would change.
#[derive(Debug)]
pub struct Plan {
    /// What was read.
    pub reading: Reading,
    /// For each of its people, in the same order.
    pub students: Vec<RecordStep<Student>>,
    /// For each of its courses, in the same order.
    pub courses: Vec<RecordStep<Course>>,
    /// For each of its enrollments, in the same order.
    pub enrollments: Vec<EnrollmentStep>,
    /// What changes about the groups of the students.
    pub groups: GroupPlan,
    /// Records that vanish, because of a row or because the files do not mention them.
    pub vanishing: Vanishing,
    /// Records that the files do not mention, but that stay.
    pub held_back: Vec<HeldBack>,
    /// Students who move up from a waitlist, because others leave.
    pub promoted: Vec<Pair>,
    /// How many sections of Canvas are described as no import has described them before: that is written down for later
    /// files, even if nothing else changes.
    pub new_sections: usize,
    /// Why students get seats that the rules do not allow.
    pub r#override: Option<Override>,
    /// The students and courses of vanishing pairs, of students who move up and of warnings.
    pub(super) names: Names,
    /// The student of each key of the reading.
    pub(super) students_by_key: Vec<Party<Student>>,
    /// The course of each key of the reading.
    pub(super) courses_by_key: Vec<Party<Course>>,
}

/// What happens to a student or a course of the files.
#[derive(Clone, Debug)]
pub enum RecordStep<R: Record> {
    /// It is added.
    Add(FieldValues<R>),
    /// Some of its fields change.
    Change {
        /// Its id.
        id: R::Id,
        /// Its version now.
        version: Version,
        /// What changes.
        changes: Vec<FieldChange>,
    },
    /// It is there already, as the files have it.
    Same(R::Id),
    /// It takes no part and is not there: it is not added.
    LeftOut,
    /// It is deleted, with all of its enrollments.
    Remove {
        /// Its id.
        id: R::Id,
        /// Its version now.
        version: Version,
    },
    /// Its row is refused.
    Refused(Obstacle),
}

impl<R: Record> RecordStep<R> {
    /// The id of the record, if it exists already and the row is used.
    #[must_use]
    pub fn id(&self) -> Option<R::Id> {
        match self {
            Self::Change { id, .. } | Self::Same(id) | Self::Remove { id, .. } => Some(*id),
            Self::Add(_) | Self::LeftOut | Self::Refused(_) => None,
        }
    }
}

/// Records of a kind that the files do not mention, but that do not vanish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// `students`, `courses` or `enrollments`.
    pub kind: &'static str,
    /// How many.
    pub count: usize,
    /// Why.
    pub why: Obstacle,
}

/// Students and courses by their ids, to name them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) students: HashMap<StudentId, Student>,
    pub(super) courses: HashMap<CourseId, Course>,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The name of the field.
    pub field: &'static str,
    /// Its value now.
    pub old: Option<String>,
    /// Its value afterwards.
    pub new: String,
}

/// What happens to a student and a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrollmentStep {
    /// The student is enrolled.
    Enroll,
    /// The student is enrolled by the override of the import, since the rules do not allow it.
    EnrollAnyway,
    /// The course is full: the student gets a place on the waitlist.
    Wait,
    /// The student is enrolled already.
    AlreadyEnrolled,
    /// The student is on the waitlist already.
    AlreadyWaiting,
    /// The student is dropped from the course, or taken off its waitlist.
    Drop,
    /// The student is not there anyway.
    NotThere,
    /// The row is refused. The reason is boxed, since there is a step for each of a million rows.
    Refused(Box<Obstacle>),
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl From<&Refusal> for Obstacle {
    fn from(refusal: &Refusal) -> Self {
        // A new student has no id yet, and the row says who it is.
        let detail = match refusal {
            Refusal::OnHold { holds, .. } => {
                let reasons: Vec<_> = holds.iter().map(|hold| hold.reason.as_str()).collect();
                format!("The student is on hold: {}", reasons.join(" "))
            }
            Refusal::CourseLimitReached { courses, course_limit, .. } => {
                format!(
                    "The student would have more courses and places on waitlists than {course_limit}, and has {courses}."
                )
            }
            other => other.to_string(),
        };
        Self::new(refusal.reason(), detail)
    }
}

impl Obstacle {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Who or what a key of the files names.
#[derive(Clone, Debug)]
pub(super) enum Party<R: Record> {
    /// A record that exists, and the row of the files about it, if there is one.
    Known { id: R::Id, row: Option<usize> },
    /// The record that this row of the files adds.
    New(usize),
    /// None that an enrollment can use.
    Nobody(Obstacle),
}

impl<R: Record> Party<R> {
    /// The id, with that of a new record from its row.
    pub(super) fn id_or<Id>(
        &self,
        known: impl FnOnce(R::Id) -> Id,
        added: impl FnOnce(usize) -> Id,
    ) -> Result<Id, &Obstacle> {
        match self {
            Self::Known { id, .. } => Ok(known(*id)),
            Self::New(row) => Ok(added(*row)),
            Self::Nobody(obstacle) => Err(obstacle),
        }
    }

    pub(super) fn id(&self) -> Option<R::Id> {
        match self {
            Self::Known { id, .. } => Some(*id),
            Self::New(_) | Self::Nobody(_) => None,
        }
    }

    /// The row of the files about the record.
    pub(super) fn row(&self) -> Option<usize> {
        match self {
            Self::Known { row, .. } => *row,
            Self::New(row) => Some(*row),
            Self::Nobody(_) => None,
        }
    }
}

impl Plan {
    /// The student and the course of a row; provisional ids for those that the files add.
    pub(super) fn pair(&self, row: &EnrollmentRow) -> Result<Pair, &Obstacle> {
        let student = self.students_by_key[row.student.index()].id_or(|id| id, provisional)?;
        let course = self.courses_by_key[row.course.index()].id_or(|id| id, provisional)?;
        Ok((student, course))
    }
}

/// A student and a course.
pub type Pair = (StudentId, CourseId);

/// An id for the steps of a plan: that of a record which exists, or one of zero and below for a row that adds one.
pub(super) fn provisional<Id: From<i64>>(row: usize) -> Id {
    Id::from(-to_i64(row))
}
