//! Rows of enrollments and of roles.

use super::courses::section_key;
use super::drafts::{Drafts, EnrollmentDraft, IntegrationId};
use super::headings::key;
use super::meaning::Meaning;
use super::reasons::Reason;
use super::report::{Format, Skipped};
use super::row::{Fault, Row};
use super::rows::{StudentKey, Wanted};
use super::words;
use crate::text::record_text;

/// Reads an enrollment.
pub(super) fn read(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    let has_role = row.layout.columns.place(Meaning::Role).is_some();
    let role = row.text(Meaning::Role);
    if has_role && role.is_empty() {
        return Err(row.fault(Meaning::Role, Reason::RoleMissing));
    }
    if has_role && !words::is_student(role) {
        if let Ok(student) = row.student() {
            let student = drafts.students.add(student);
            drafts.others.insert(student);
            if let Ok(other) = draft(row, student, drafts) {
                drafts.other_rows.push(other);
            }
        }
        leave_out(row, role, drafts);
        return Ok(());
    }
    if let Some(integration_id) = integration_id(row)? {
        let draft = EnrollmentDraft { wanted: wanted(row)?, ..draft(row, integration_id, drafts)? };
        drafts.by_integration_id.push(draft);
        return Ok(());
    }
    let student = row.student()?;
    let wanted = wanted(row);
    let student = drafts.students.add(student);
    let draft = draft(row, student, drafts)?;
    drafts.enrollments.push(EnrollmentDraft { wanted: wanted?, ..draft });
    Ok(())
}

/// The id by which a row names its student if it does not in a usual way.
fn integration_id(row: &Row<'_>) -> Result<Option<IntegrationId>, Fault> {
    if [Meaning::Number, Meaning::Email].iter().any(|meaning| !row.text(*meaning).is_empty()) {
        return Ok(None);
    }
    let Some(text) = row.id(Meaning::IntegrationId)? else { return Ok(None) };
    let column = row.layout.columns.place(Meaning::IntegrationId);
    let column = column.and_then(|place| row.layout.headings.get(place).cloned());
    Ok(Some(IntegrationId { text, column }))
}

fn wanted(row: &Row<'_>) -> Result<Wanted, Fault> {
    let word = row.status(Meaning::Status, words::wanted, words::ENROLLMENT_WORDS)?;
    let deleted = row.flag(Meaning::Deleted)?.unwrap_or(false);
    Ok(if deleted { Wanted::NotEnrolled } else { word.unwrap_or(Wanted::Enrolled) })
}

/// The student and the course of a row.
fn draft<S>(row: &Row<'_>, student: S, drafts: &mut Drafts) -> Result<EnrollmentDraft<S>, Fault> {
    let section = section_key(row)?;
    let course = row.id(Meaning::Code)?;
    if section.is_none() && course.is_none() {
        let column =
            [Meaning::Code, Meaning::Section].into_iter().find(|at| row.layout.columns.place(*at).is_some());
        return Err(row.fault(column.unwrap_or(Meaning::Code), Reason::CourseMissing));
    }
    Ok(EnrollmentDraft {
        origin: row.origin,
        student,
        course: course.map(|course| drafts.texts.add(course)),
        section: section.map(|section| drafts.texts.add(section)),
        section_is_course: [Format::OneRoster, Format::Clever].contains(&row.layout.format),
        wanted: Wanted::Enrolled,
        modified: row.modified(),
    })
}

/// The most roles of a file that are counted one by one.
const MAX_ROLES: usize = 50;

/// Leaves out a row of somebody who is no student.
pub(super) fn leave_out(row: &Row<'_>, role: &str, drafts: &mut Drafts) {
    *drafts.skipped.entry((row.origin.file, Skipped::NotAStudent)).or_default() += 1;
    let role = if row.layout.has_passwords { String::new() } else { role.chars().take(40).collect() };
    let role = (row.origin.file, key(&role));
    if drafts.other_roles.len() < MAX_ROLES || drafts.other_roles.contains_key(&role) {
        *drafts.other_roles.entry(role).or_default() += 1;
    }
}

/// Reads which role a person has. Whoever is a student somewhere is a student.
pub(super) fn read_role(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    drafts.has_file_of_roles = true;
    let student = row.student()?;
    let role = row.text(Meaning::Role);
    if role.is_empty() {
        return Err(row.fault(Meaning::Role, Reason::RoleMissing));
    }
    let word = row.status(Meaning::Status, words::wanted, words::ENROLLMENT_WORDS)?;
    if word != Some(Wanted::NotEnrolled) {
        let student = drafts.students.add(student);
        *drafts.roles.entry(student).or_default() |= words::is_student(role);
    }
    Ok(())
}

/// Reads a line of Moodle's flat file: operation, role, id of the user, id of the course, and perhaps two times.
pub(super) fn read_flat(row: &Row<'_>, drafts: &mut Drafts) -> Result<Option<Skipped>, Fault> {
    let cell = |place| row.record.cell(place);
    let fault = |column, reason| Fault { column, reason };
    if cell(0).starts_with('#') {
        return Ok(Some(Skipped::Comment));
    }
    let wanted = match cell(0).to_ascii_lowercase().as_str() {
        "add" => Wanted::Enrolled,
        "del" => Wanted::NotEnrolled,
        _ => return Err(fault(None, Reason::UnknownOperation(row.quoted(cell(0))))),
    };
    let cells = u32::try_from(row.record.len()).unwrap_or(u32::MAX);
    if row.record.len() > 6 {
        return Err(fault(None, Reason::TooManyCells { cells, headings: 6 }));
    }
    if cell(1).is_empty() {
        return Err(fault(None, Reason::RoleMissing));
    }
    if !words::is_student(cell(1)) {
        leave_out(row, cell(1), drafts);
        return Ok(None);
    }
    let Some(number) = row.id_at(2)? else { return Err(fault(None, Reason::NumberMissing)) };
    let Some(course) = row.id_at(3)? else { return Err(fault(None, Reason::CourseMissing)) };
    let draft = EnrollmentDraft {
        origin: row.origin,
        student: drafts.students.add(StudentKey::Number(number)),
        course: Some(drafts.texts.add(course)),
        section: None,
        section_is_course: false,
        wanted,
        modified: None,
    };
    drafts.enrollments.push(draft);
    Ok(None)
}

/// Whether a row is one of Moodle's flat file, which has no heading.
pub(super) fn is_flat(cells: &[&str]) -> bool {
    let is_operation = |cell: &&str| ["add", "del"].contains(&cell.to_ascii_lowercase().as_str());
    cells.len() >= 4 && cells.first().is_some_and(is_operation) && record_text(cells[1]).is_ok()
}
