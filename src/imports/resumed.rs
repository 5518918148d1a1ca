//! What is left of an import that was interrupted.

use std::collections::{HashMap, HashSet};

use super::carry_out::{Done, RowNumbers};
use super::rows::{ImportRow, RowStatus};
use super::staging::Assignment;
use super::steps::{Obstacle, Plan};
use super::vanishing::PlanRow;
use crate::registrar::Refusal;

/// What the log has of an import.
#[derive(Debug, Default)]
pub(super) struct InLog {
    /// The numbers of the rows because of which something has happened.
    pub(super) rows: HashSet<i64>,
    /// The ids of students and courses that it has added, by the numbers of their rows.
    pub(super) added: HashMap<i64, i64>,
}

/// The plan that was confirmed, and what the log has of it.
pub(super) struct Resumed {
    planned: Vec<ImportRow>,
    /// The numbers of rows because of which something has happened already.
    in_log: HashSet<i64>,
    /// The ids of students and courses that were added, by the places of their rows in the files.
    added: HashMap<Place, i64>,
}

/// A file, a line, and whether the row is about a student.
type Place = (String, u32, bool);

impl Resumed {
    pub(super) fn new(planned: Vec<ImportRow>, in_log: InLog) -> Self {
        let InLog { rows, added } = in_log;
        let place = |row: &ImportRow| {
            let is_student = row.record.as_deref() == Some("student");
            Some(((row.file.clone()?, row.line?, is_student), *added.get(&row.row)?))
        };
        Self { added: planned.iter().filter_map(place).collect(), planned, in_log: rows }
    }

    /// Carries out the rows of a new plan that do what was confirmed. What has happened already is not done once more: if it
    /// is to be done again by the new plan, somebody has reversed it since.
    pub(super) fn to_do(&self, assignment: &Assignment, plan: &Plan) -> RowNumbers {
        let left = self.planned.iter().filter(|row| !self.in_log.contains(&row.row));
        let left: HashMap<u64, &ImportRow> = left.map(|row| (row.fingerprint(), row)).collect();
        RowNumbers::new(assignment.clone(), plan, |number, which| {
            let now = plan.row(number, which);
            let planned = left.get(&now.fingerprint())?;
            // Where the rules allow a seat by now, the override is not used; it is never used for another row.
            let is_allowed = planned.overridden || !now.overridden;
            (is_allowed && self.is_about_the_same(planned, plan, which, &now)).then_some(planned.row)
        })
    }

    /// The rows that were confirmed and not carried out, with the reasons. `in_log` are the numbers of rows because of which
    /// something has happened by now.
    pub(super) fn not_done(
        self,
        plan: &Plan,
        to_do: &RowNumbers,
        done: &Done,
        in_log: &HashSet<i64>,
    ) -> Vec<ImportRow> {
        let refused: HashMap<i64, &Obstacle> =
            done.changed.iter().filter_map(|(row, why)| Some((to_do.number(*row)?, why))).collect();
        let now: HashMap<u64, (PlanRow, ImportRow)> = plan
            .rows()
            .into_iter()
            .map(|which| (which, plan.row(0, which)))
            .filter(|(_, row)| {
                matches!(row.status, RowStatus::Refused | RowStatus::Unchanged | RowStatus::Vanishing)
            })
            .map(|(which, row)| (row.subject(), (which, row)))
            .collect();
        let mut not_done = Vec::new();
        for row in self.planned.iter().filter(|row| row.is_step() && !in_log.contains(&row.row)) {
            let by_now = now.get(&row.subject());
            let is_so = match row.status {
                // It is gone, whoever has removed it.
                RowStatus::Vanishing => by_now.is_none_or(|(_, row)| row.status != RowStatus::Vanishing),
                _ => by_now.is_some_and(|(which, now)| {
                    now.status == RowStatus::Unchanged && self.is_about_the_same(row, plan, *which, now)
                }),
            };
            if is_so {
                continue;
            }
            let why = match (refused.get(&row.row), by_now) {
                (Some(why), _) => (*why).clone(),
                (None, Some((_, ImportRow { code: Some(_), detail: Some(detail), .. }))) => {
                    Obstacle { code: "plan-changed", detail: detail.clone() }
                }
                _ => Obstacle::from(&Refusal::PlanChanged),
            };
            not_done.push(row.clone().with_obstacle(&why));
        }
        not_done
    }

    /// Whether a row of a later plan is about the same student and course as when it was confirmed: the same records, or
    /// those that the import itself has added for the rows of the files about them. Others may have their numbers by now.
    fn is_about_the_same(&self, planned: &ImportRow, plan: &Plan, which: PlanRow, now: &ImportRow) -> bool {
        let is_same = |planned: Option<i64>, now: Option<i64>, added: &dyn Fn() -> Option<i64>| match planned
        {
            Some(id) => now == Some(id),
            None => now.is_none() || now == added(),
        };
        is_same(planned.student_id, now.student_id, &|| self.added_student(plan, which))
            && is_same(planned.course_id, now.course_id, &|| self.added_course(plan, which))
    }

    /// The student that the import has added for the row of the files about the student of a row.
    fn added_student(&self, plan: &Plan, which: PlanRow) -> Option<i64> {
        let row = match which {
            PlanRow::Student(row) => row,
            PlanRow::Enrollment(at) => {
                plan.students_by_key[plan.reading.enrollments[at].student.index()].row()?
            }
            _ => return None,
        };
        let origin = plan.reading.people[row].origin;
        let file = plan.reading.files[origin.file as usize].name.clone();
        self.added.get(&(file, origin.line, true)).copied()
    }

    /// The same for the course.
    fn added_course(&self, plan: &Plan, which: PlanRow) -> Option<i64> {
        let row = match which {
            PlanRow::Course(row) => row,
            PlanRow::Enrollment(at) => {
                plan.courses_by_key[plan.reading.enrollments[at].course.index()].row()?
            }
            _ => return None,
        };
        let origin = plan.reading.courses[row].origin;
        let file = plan.reading.files[origin.file as usize].name.clone();
        self.added.get(&(file, origin.line, false)).copied()
    }
}
