//! Imports: what files would change, and changing it.
//!
//! A [`Plan`] is made from what [`files::reading`](crate::files::reading) has read and from the database, by the same rules
//! as every other change, and changes nothing. [`carry_out`](Plan::carry_out) does exactly what it says: a step that would
//! have another effect by then is refused.

mod carry_out;
mod full;
mod known;
mod plan;
pub mod report;
mod store;

use crate::files::reading::{Origin, Reading};
use crate::registrar::{Course, FieldValues, Place, Record, Student, Version};

pub use self::carry_out::Done;
pub use self::full::Vanishing;
pub use self::plan::make;

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
    /// What is there and would vanish, because the files are the whole truth.
    pub vanishing: Vanishing,
    /// The student of each key of the reading.
    students_by_key: Vec<Party<Student>>,
    /// The course of each key of the reading.
    courses_by_key: Vec<Party<Course>>,
}

/// How much of the truth the files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What they do not mention stays.
    #[default]
    Add,
    /// What is there and they do not mention vanishes.
    Full,
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
    /// The course is full: the student gets this place on the waitlist.
    Wait(Place),
    /// The student is enrolled already.
    AlreadyEnrolled,
    /// The student is on the waitlist already.
    AlreadyWaiting,
    /// The student is dropped from the course, or taken off its waitlist.
    Drop,
    /// The student is not there anyway.
    NotThere,
    /// The row is refused.
    Refused(Obstacle),
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl Obstacle {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Who or what a key of the files names.
#[derive(Clone, Debug)]
enum Party<R: Record> {
    /// A record that exists.
    Known(R::Id),
    /// The record that this row of the files adds.
    New(usize),
    /// None that an enrollment can use.
    Nobody(Obstacle),
}

impl Plan {
    /// The numbers of what happens.
    #[must_use]
    pub fn counts(&self) -> report::Counts {
        report::Counts::of(self)
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps() == 0
    }

    /// How many steps carrying it out takes.
    #[must_use]
    pub fn steps(&self) -> usize {
        let counts = self.counts();
        counts.new + counts.changed + counts.vanishing
    }

    /// Each refused row in words.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        let name = |origin: Origin| &self.reading.files[origin.file as usize].name;
        let of_reading = self.reading.refused.iter().map(move |row| {
            let column = row.column.as_ref().map(|column| format!(", {column}")).unwrap_or_default();
            format!("{}, line {}{column}: {}", name(row.origin), row.origin.line, row.reason)
        });
        let of_plan = self.obstacles().map(move |(origin, obstacle)| {
            format!("{}, line {}: {}", name(origin), origin.line, obstacle.detail)
        });
        of_reading.chain(of_plan)
    }

    /// Where the row of an obstacle is, with the obstacle: the rows that the plan refuses, after those that the reading has
    /// refused.
    fn obstacles(&self) -> impl Iterator<Item = (Origin, &Obstacle)> {
        let of_students = self.reading.people.iter().map(|row| row.origin).zip(&self.students);
        let of_courses = self.reading.courses.iter().map(|row| row.origin).zip(&self.courses);
        let of_enrollments = self.reading.enrollments.iter().map(|row| row.origin).zip(&self.enrollments);
        let students = of_students.filter_map(|(origin, step)| match step {
            RecordStep::Refused(obstacle) => Some((origin, obstacle)),
            _ => None,
        });
        let courses = of_courses.filter_map(|(origin, step)| match step {
            RecordStep::Refused(obstacle) => Some((origin, obstacle)),
            _ => None,
        });
        let enrollments = of_enrollments.filter_map(|(origin, step)| match step {
            EnrollmentStep::Refused(obstacle) => Some((origin, obstacle)),
            _ => None,
        });
        students.chain(courses).chain(enrollments)
    }
}
