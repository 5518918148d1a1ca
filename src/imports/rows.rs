//! The rows of a plan, for people and programs that look at them one by one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::steps::{EnrollmentStep, FieldChange, Obstacle, Plan, RecordStep};
use super::vanishing::{Cause, Gone, PlanRow, VanishingPair, VanishingRecord};
use crate::count::to_i64;
use crate::files::reading::{Origin, StudentKey};
use crate::priority::pause_if_due;
use crate::registrar::{Course, Record, RecordField, Student};

/// A row of the files and its effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"row": 0, "file": "students.csv", "line": 4, "status": "refused", "column": "Number", "code": "id-is-scientific", "detail": "“1.2E+5” is a number in scientific notation: the spreadsheet has lost digits of the id. Export it as text."}))]
pub struct ImportRow {
    /// Its number in the plan, from 0: first the refused rows, then those that change something, then the others.
    /// Events have it in their data.
    #[schema(minimum = 0)]
    pub row: i64,
    /// The file; absent if a record vanishes without a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub file: Option<String>,
    /// Its physical line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub line: Option<u32>,
    /// The effect of the row.
    pub status: RowStatus,
    /// `student`, `course` or `enrollment`; `place-on-waitlist` only if it vanishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub record: Option<String>,
    /// The student as the file names them: the number, or the address in a file without numbers. If they vanish, the
    /// number or, without one, the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub student: Option<String>,
    /// The course as the file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub course: Option<String>,
    /// The id of the student, if they exist already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub student_id: Option<i64>,
    /// The id of the course, if it exists already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub course_id: Option<i64>,
    /// The values of a new student or course, or the changed values of an existing one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<RowField>,
    /// Whether the student gets a place on the waitlist instead of a seat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waitlisted: bool,
    /// Whether the student gets a seat, or is dropped, by the override of the import, since the rules do not allow it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overridden: bool,
    /// Why it vanishes: a `row` says so, it is `not-in-files` although they are the whole truth, or it ends
    /// `with-student` or `with-course`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<String>,
    /// The column with the reason for the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<String>,
    /// The reason why it is refused or was not done, as a word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// The same reason as a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct RowField {
    /// The name of the field.
    pub field: String,
    /// Its value before; null in a new record.
    #[schema(required)]
    pub old: Option<String>,
    /// Its value afterwards.
    #[schema(required)]
    pub new: Option<String>,
}

/// The effect of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowStatus {
    /// The row cannot be used.
    Refused,
    /// The record changes.
    Changed,
    /// The record or the enrollment is removed.
    Vanishing,
    /// The record or the enrollment is added.
    New,
    /// The row changes nothing.
    Unchanged,
}

impl RowStatus {
    /// All effects, in the order of the rows of a plan.
    pub const ALL: [Self; 5] = [Self::Refused, Self::Changed, Self::Vanishing, Self::New, Self::Unchanged];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Vanishing => "vanishing",
            Self::New => "new",
            Self::Unchanged => "unchanged",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Plan {
    /// All rows, in the order of their numbers.
    #[must_use]
    pub fn rows(&self) -> Vec<PlanRow> {
        let with = |status| self.rows_in_any_order().filter(move |row| self.status(*row) == status);
        RowStatus::ALL.into_iter().flat_map(with).inspect(|_| pause_if_due()).collect()
    }

    /// All rows.
    pub(super) fn rows_in_any_order(&self) -> impl Iterator<Item = PlanRow> {
        let unread = (0..self.reading.refused.len()).map(PlanRow::Unread);
        let courses = (0..self.courses.len()).map(PlanRow::Course);
        let students = (0..self.students.len()).map(PlanRow::Student);
        let enrollments = (0..self.enrollments.len()).map(PlanRow::Enrollment);
        let gone = &self.vanishing;
        let gone = (0..gone.courses.len())
            .map(Gone::Course)
            .chain((0..gone.students.len()).map(Gone::Student))
            .chain((0..gone.pairs.len()).map(Gone::Pair));
        let all = unread.chain(courses).chain(students).chain(enrollments).chain(gone.map(PlanRow::Gone));
        all.filter(|row| !self.is_gone(*row))
    }

    /// Whether the row is also listed among the vanishing records.
    fn is_gone(&self, row: PlanRow) -> bool {
        match row {
            PlanRow::Course(place) => matches!(self.courses[place], RecordStep::Remove { .. }),
            PlanRow::Student(place) => matches!(self.students[place], RecordStep::Remove { .. }),
            PlanRow::Enrollment(place) => self.enrollments[place] == EnrollmentStep::Drop,
            PlanRow::Unread(_) | PlanRow::Gone(_) => false,
        }
    }

    /// The effect of a row.
    #[must_use]
    pub fn status(&self, row: PlanRow) -> RowStatus {
        match row {
            PlanRow::Unread(_) => RowStatus::Refused,
            PlanRow::Course(place) => of_record(&self.courses[place]),
            PlanRow::Student(place) => match of_record(&self.students[place]) {
                RowStatus::Unchanged if self.groups.changes(place) => RowStatus::Changed,
                status => status,
            },
            PlanRow::Enrollment(place) => of_enrollment(&self.enrollments[place]),
            PlanRow::Gone(_) => RowStatus::Vanishing,
        }
    }

    /// A row with its number.
    #[must_use]
    pub fn row(&self, number: usize, which: PlanRow) -> ImportRow {
        let mut row = match which {
            PlanRow::Unread(place) => {
                let refused = &self.reading.refused[place];
                let mut row = self.empty_row(Some(refused.origin), RowStatus::Refused);
                row.column = refused.column.as_ref().map(ToString::to_string);
                row.code = Some(refused.reason.code().to_owned());
                row.detail = Some(self.reading.why(refused));
                row
            }
            PlanRow::Course(place) => {
                let of_file = &self.reading.courses[place];
                let step = &self.courses[place];
                let row = self.record_row(of_file.origin, step, "course");
                let course_id = step.id().map(|id| id.0);
                ImportRow { course: Some(of_file.code.to_string()), course_id, ..row }
            }
            PlanRow::Student(place) => {
                let of_file = &self.reading.people[place];
                let step = &self.students[place];
                let mut row = self.record_row(of_file.origin, step, "student");
                row.status = self.status(which);
                row.fields.extend(self.groups_field(place));
                let key = student_key(self.reading.students.get(of_file.reference));
                ImportRow { student: Some(key), student_id: step.id().map(|id| id.0), ..row }
            }
            PlanRow::Enrollment(place) => self.enrollment_row(place),
            PlanRow::Gone(gone) => self.gone_row(gone),
        };
        row.row = to_i64(number);
        if row.code.is_some() && row.column.is_none() {
            row.column = self.column_of_refusal(which);
        }
        row
    }

    fn empty_row(&self, origin: Option<Origin>, status: RowStatus) -> ImportRow {
        ImportRow {
            row: 0,
            file: origin.map(|origin| self.reading.files[origin.file as usize].name.clone()),
            line: origin.map(|origin| origin.line),
            status,
            record: None,
            student: None,
            course: None,
            student_id: None,
            course_id: None,
            fields: Vec::new(),
            waitlisted: false,
            overridden: false,
            cause: None,
            column: None,
            code: None,
            detail: None,
        }
    }

    fn record_row<R: Record>(&self, origin: Origin, step: &RecordStep<R>, record: &str) -> ImportRow {
        let mut row = self.empty_row(Some(origin), of_record(step));
        row.record = Some(record.to_owned());
        match step {
            RecordStep::Add(values) => {
                let given = R::FIELDS.iter().filter_map(|field| Some((field.name, values.get(field.name)?)));
                let field = |(name, new): (&'static str, &Option<String>)| RowField {
                    field: name.to_owned(),
                    old: None,
                    new: new.clone(),
                };
                row.fields = given.map(field).collect();
            }
            RecordStep::Change { changes, .. } => row.fields = changes.iter().map(changed_field).collect(),
            RecordStep::Refused(obstacle) => row.refuse(obstacle),
            RecordStep::Same(_) | RecordStep::LeftOut | RecordStep::Remove { .. } => {}
        }
        row
    }

    fn enrollment_row(&self, place: usize) -> ImportRow {
        let (of_file, step) = (&self.reading.enrollments[place], &self.enrollments[place]);
        let mut row = self.empty_row(Some(of_file.origin), of_enrollment(step));
        row.record = Some("enrollment".to_owned());
        row.student = Some(student_key(self.reading.students.get(of_file.student)));
        row.course = self.reading.course_keys.get(of_file.course).codes().next();
        row.student_id = self.students_by_key[of_file.student.index()].id().map(|id| id.0);
        row.course_id = self.courses_by_key[of_file.course.index()].id().map(|id| id.0);
        row.waitlisted = *step == EnrollmentStep::Wait;
        row.overridden = *step == EnrollmentStep::EnrollAnyway;
        if let EnrollmentStep::Refused(obstacle) = step {
            row.refuse(obstacle);
        }
        row
    }
}

impl Plan {
    fn gone_row(&self, gone: Gone) -> ImportRow {
        match gone {
            Gone::Course(place) => {
                let VanishingRecord { record, cause } = &self.vanishing.courses[place];
                let row = self.vanishing_row(*cause, "course");
                let course_id = Some(record.id.0);
                ImportRow { course: code_of(record), course_id, fields: old_fields(record), ..row }
            }
            Gone::Student(place) => {
                let VanishingRecord { record, cause } = &self.vanishing.students[place];
                let row = self.vanishing_row(*cause, "student");
                let student_id = Some(record.id.0);
                ImportRow { student: number_of(record), student_id, fields: old_fields(record), ..row }
            }
            Gone::Pair(place) => {
                let VanishingPair { student_id, course_id, is_waiting, cause, is_overridden, .. } =
                    self.vanishing.pairs[place];
                let record = if is_waiting { "place-on-waitlist" } else { "enrollment" };
                let student = self.names.students.get(&student_id).and_then(number_of);
                let course = self.names.courses.get(&course_id).and_then(code_of);
                let (student_id, course_id) = (Some(student_id.0), Some(course_id.0));
                let row = self.vanishing_row(cause, record);
                ImportRow { student, course, student_id, course_id, overridden: is_overridden, ..row }
            }
        }
    }

    fn vanishing_row(&self, cause: Cause, record: &str) -> ImportRow {
        let mut row = self.empty_row(cause.origin(), RowStatus::Vanishing);
        row.record = Some(record.to_owned());
        row.cause = Some(cause.slug().to_owned());
        row
    }
}

pub(super) fn number_of(student: &Student) -> Option<String> {
    student.number.clone().or_else(|| student.name.clone())
}

fn code_of(course: &Course) -> Option<String> {
    course.code.clone().or_else(|| course.name.clone())
}

/// The values of a record that vanishes.
fn old_fields<R: Record>(record: &R) -> Vec<RowField> {
    let field = |field: &RecordField| {
        let old = record.value(field)?.clone();
        Some(RowField { field: field.name.to_owned(), old: Some(old), new: None })
    };
    R::FIELDS.iter().filter_map(field).collect()
}

impl ImportRow {
    /// The row with the reason why it was not done.
    #[must_use]
    pub fn with_obstacle(mut self, obstacle: &Obstacle) -> Self {
        self.refuse(obstacle);
        self
    }

    fn refuse(&mut self, obstacle: &Obstacle) {
        self.code = Some(obstacle.code.to_owned());
        self.detail = Some(obstacle.detail.clone());
    }
}

fn changed_field(change: &FieldChange) -> RowField {
    RowField { field: change.field.to_owned(), old: change.old.clone(), new: Some(change.new.clone()) }
}

fn student_key(key: &StudentKey) -> String {
    match key {
        StudentKey::Number(text) | StudentKey::Email(text) => text.to_string(),
    }
}

fn of_record<R: Record>(step: &RecordStep<R>) -> RowStatus {
    match step {
        RecordStep::Add(_) => RowStatus::New,
        RecordStep::Change { .. } => RowStatus::Changed,
        RecordStep::Same(_) | RecordStep::LeftOut => RowStatus::Unchanged,
        RecordStep::Remove { .. } => RowStatus::Vanishing,
        RecordStep::Refused(_) => RowStatus::Refused,
    }
}

fn of_enrollment(step: &EnrollmentStep) -> RowStatus {
    match step {
        EnrollmentStep::Enroll | EnrollmentStep::EnrollAnyway | EnrollmentStep::Wait => RowStatus::New,
        EnrollmentStep::AlreadyEnrolled | EnrollmentStep::AlreadyWaiting | EnrollmentStep::NotThere => {
            RowStatus::Unchanged
        }
        EnrollmentStep::Drop => RowStatus::Vanishing,
        EnrollmentStep::Refused(_) => RowStatus::Refused,
    }
}
