//! What the rows of all files say together: repeats, contradictions, sections of courses, and who is a student.

mod courses;
mod division;
mod enrollments;
mod people;
mod sections;
mod settle;

use super::canvas::KnownSections;
use super::drafts::Drafts;
use super::report::{Reading, Warning};
use crate::count::counted;

/// Puts everything that was read into the reading.
pub(super) fn gather(mut drafts: Drafts, reading: &mut Reading, known: &KnownSections) {
    let roles = std::mem::take(&mut drafts.other_roles);
    for ((file, skipped), count) in std::mem::take(&mut drafts.skipped) {
        *reading.files[file as usize].counts.skipped.entry(skipped).or_default() += count;
    }
    enrollments::find_students(&mut drafts);
    reading.named_courses = sections::named(&drafts, known);
    reading.sections_before = sections::before(&drafts, known);
    let sections = sections::settle(&mut drafts, reading, known);
    enrollments::settle(&mut drafts, &sections, reading);
    people::settle(&mut drafts, reading);
    reading.students = drafts.students;
    reading.groups = drafts.groups;
    reading.refused = drafts.refused;
    reading.refused.sort_by_key(|row| row.origin);
    for row in &reading.refused {
        reading.files[row.origin.file as usize].counts.refused += 1;
    }
    reading.warnings.extend(drafts.warnings);
    for ((file, role), count) in roles {
        let role = if role.is_empty() { "another role".to_owned() } else { format!("the role {role}") };
        let (are, they) = if count == 1 { ("is", "It is") } else { ("are", "They are") };
        let rows = counted(count.into(), "row");
        let detail = format!("{rows} {are} of {role} and not of students. {they} left out.");
        reading.warnings.push(Warning { file, line: None, other: None, code: "not-a-student", detail });
    }
    reading.warnings.sort_by_key(|warning| (warning.file, warning.line));
}
