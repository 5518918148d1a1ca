//! The rows that a plan refuses, with the column that matters.

use super::rows::{ImportRow, RowStatus};
use super::steps::{Party, Plan};
use super::vanishing::PlanRow;
use crate::files::reading::{CourseKey, Meaning, Origin};

impl Plan {
    /// Each refused row: those that the reading refuses, then those of courses, students and enrollments.
    pub fn refused_rows(&self) -> impl Iterator<Item = ImportRow> {
        let refused = self.rows_in_any_order().filter(|row| self.status(*row) == RowStatus::Refused);
        refused.map(|row| self.row(0, row))
    }

    /// Each refused row in words.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        self.refused_rows().map(|row| {
            let line = row.line.map(|line| format!(", line {line}")).unwrap_or_default();
            let column = row.column.map(|column| format!(", {column}")).unwrap_or_default();
            let (file, detail) = (row.file.unwrap_or_default(), row.detail.unwrap_or_default());
            format!("{file}{line}{column}: {detail}")
        })
    }

    /// The heading of the column that a refusal of the plan is about; `None` if the file has no headings.
    pub(super) fn column_of_refusal(&self, row: PlanRow) -> Option<String> {
        match row {
            PlanRow::Student(at) => self.heading(self.reading.people[at].origin, STUDENT),
            PlanRow::Course(at) => self.heading(self.reading.courses[at].origin, COURSE),
            PlanRow::Enrollment(at) => {
                let row = &self.reading.enrollments[at];
                let is_unknown = matches!(self.students_by_key[row.student.index()], Party::Nobody(_));
                let of_course = match self.reading.course_keys.get(row.course) {
                    CourseKey::Code(_) => &[Meaning::Code, Meaning::Section],
                    CourseKey::Section { .. } => &[Meaning::Section, Meaning::Code],
                };
                self.heading(row.origin, if is_unknown { STUDENT } else { of_course })
            }
            PlanRow::Unread(_) | PlanRow::Gone(_) => None,
        }
    }

    fn heading(&self, origin: Origin, meanings: &[Meaning]) -> Option<String> {
        let columns = &self.reading.files[origin.file as usize].recognized;
        let of = |meaning: &Meaning| columns.iter().find(|(_, found)| found == meaning);
        meanings.iter().find_map(of).map(|(heading, _)| heading.to_string())
    }
}

/// The columns that say who a student is, the first that there is.
const STUDENT: &[Meaning] = &[Meaning::Number, Meaning::IntegrationId, Meaning::Email];
/// The same for a course.
const COURSE: &[Meaning] = &[Meaning::Section, Meaning::Code];
