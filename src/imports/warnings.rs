//! Warnings: rows of a plan that are worth a look, although they are not refused.

use std::collections::HashSet;

use super::doubles::student_named;
use super::known::{Known, name_look};
use super::steps::{EnrollmentStep, Pair, Plan, RecordStep};
use crate::files::reading::{EnrollmentRow, Origin, PersonRow, StudentKey, Warning};
use crate::registrar::Student;

/// Finds the warnings for which the database is needed.
pub(super) fn find(plan: &Plan, known: &Known, taken: &HashSet<Pair>) -> Vec<Warning> {
    let mut warnings = renumbered(plan, known);
    warnings.extend(doubled(plan, known, taken));
    warnings
}

/// Warns of new students who have the name and the address of an existing one with another number.
fn renumbered(plan: &Plan, known: &Known) -> Vec<Warning> {
    let rows = plan.reading.people.iter().zip(&plan.students);
    let added = rows.filter(|(_, step)| matches!(step, RecordStep::Add(_))).map(|(row, _)| row);
    let warning = |row: &PersonRow| {
        let is_same = |student: &&Student| {
            student.name.as_deref().is_some_and(|name| name_look(name) == name_look(&row.name))
        };
        let same = known.students_at(row.email.as_deref()?).iter().find(is_same)?;
        let detail = format!(
            "{} has the same name and address with another number. Perhaps they are the same person.",
            student_named(same)
        );
        let Origin { file, line } = row.origin;
        Some(Warning { file, line: Some(line), other: None, code: "same-person-other-number", detail })
    };
    added.filter_map(warning).collect()
}

/// Warns of students who take a course and also the one that an import with another number of sections added for it.
fn doubled(plan: &Plan, known: &Known, taken: &HashSet<Pair>) -> Vec<Warning> {
    let gone = plan.vanishing.pairs.iter().map(|pair| (pair.student_id, pair.course_id));
    let gone: HashSet<Pair> = gone.collect();
    let rows = plan.reading.enrollments.iter().zip(&plan.enrollments);
    let mut warnings = Vec::new();
    for (row, _) in rows.filter(|(_, step)| takes(step)) {
        let Ok((student, course)) = plan.pair(row) else { continue };
        let key = plan.reading.course_keys.get(row.course);
        for code in plan.reading.other_codes(key) {
            let other = known.courses(&code).iter().find(|other| {
                let pair = (student, other.id);
                other.id != course && taken.contains(&pair) && !gone.contains(&pair)
            });
            warnings.extend(other.map(|_| doubled_warning(plan, row, &code)));
        }
    }
    warnings
}

fn takes(step: &EnrollmentStep) -> bool {
    use EnrollmentStep::{
        AlreadyEnrolled, AlreadyWaiting, Drop, Enroll, EnrollAnyway, NotThere, Refused, Wait,
    };
    match step {
        Enroll | EnrollAnyway | Wait | AlreadyEnrolled | AlreadyWaiting => true,
        Drop | NotThere | Refused(_) => false,
    }
}

fn doubled_warning(plan: &Plan, row: &EnrollmentRow, other: &str) -> Warning {
    let (StudentKey::Number(student) | StudentKey::Email(student)) = plan.reading.students.get(row.student);
    let code = plan.reading.course_keys.get(row.course).codes().next().unwrap_or_default();
    let detail = format!(
        "The student {student} takes {code} and also {other}, which an import with other sections has added for the same \
         course. {other} stays: drop the student there if that is wrong."
    );
    let Origin { file, line } = row.origin;
    Warning { file, line: Some(line), other: None, code: "also-in-other-course", detail }
}
