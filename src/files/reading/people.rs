//! Rows of people.

use super::drafts::{Drafts, EnrollmentDraft, Integrated, PersonDraft};
use super::enrollments::leave_out;
use super::meaning::Meaning;
use super::reasons::Reason;
use super::report::Format;
use super::row::{Fault, Row, accepted};
use super::rows::{Reference, Standing, StudentKey, Wanted};
use super::words;
use crate::text::record_text;

/// Reads a person, and in Moodle's upload of users also the person's courses.
pub(super) fn read(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    let number = row.id(Meaning::Number)?;
    if number.is_none() && row.layout.columns.place(Meaning::Number).is_some() {
        return Err(row.fault(Meaning::Number, Reason::NumberMissing));
    }
    let email = row.email()?;
    let key = match (&number, &email) {
        (Some(number), _) => StudentKey::Number(number.clone()),
        (None, Some(email)) => StudentKey::Email(email.to_lowercase().into()),
        (None, None) => return Err(row.fault(Meaning::Email, Reason::StudentMissing)),
    };
    let standing = row.standing_of_person()?;
    let name = name(row)?;
    let courses = courses(row, standing)?;
    let groups = row.groups()?;
    let integration_id = row.id(Meaning::IntegrationId)?;
    let student = drafts.students.add(key);
    if let Some(integration_id) = integration_id {
        let now = Integrated { student, origin: row.origin, standing, is_shared: false };
        let known = drafts.integration_ids.entry(integration_id).or_insert(now);
        // Who is deleted gives the id away.
        match (known.standing, standing) {
            _ if known.student == student => {}
            (_, Standing::Deleted) => {}
            (Standing::Deleted, _) => *known = now,
            _ => {
                known.is_shared = true;
                let reason = Reason::Contradicts(known.origin, "integration id");
                return Err(row.fault(Meaning::IntegrationId, reason));
            }
        }
    }
    let role = row.text(Meaning::Role);
    if !role.is_empty() {
        *drafts.roles.entry(student).or_default() |= words::is_student(role);
    }
    let (origin, modified) = (row.origin, row.modified());
    let draft = |code, wanted, drafts: &mut Drafts| EnrollmentDraft {
        origin,
        student,
        course: Some(drafts.texts.add(code)),
        section: None,
        section_is_course: false,
        wanted,
        modified,
    };
    for (code, role) in courses.other_roles {
        drafts.others.insert(student);
        let other = draft(code, Wanted::Enrolled, drafts);
        drafts.other_rows.push(other);
        leave_out(row, role, drafts);
    }
    for (code, wanted) in courses.taken {
        let taken = draft(code, wanted, drafts);
        drafts.enrollments.push(taken);
    }
    if name.is_some() || groups.is_some() {
        let (name, groups) = (name.unwrap_or_default(), groups.map(|names| added(names, drafts)));
        drafts.people.push(PersonDraft { origin, student, number, name, email, groups, standing, modified });
    }
    Ok(())
}

/// The references to names of groups, which are added where they are new.
fn added(names: Vec<Box<str>>, drafts: &mut Drafts) -> Box<[Reference]> {
    drafts.named_groups += names.len();
    names.into_iter().map(|name| drafts.groups.add(name)).collect()
}

/// The name in one text: the parts if there are any, otherwise the whole name. `None` only where the file has no names.
fn name(row: &Row<'_>) -> Result<Option<Box<str>>, Fault> {
    let part = |meaning| match row.text(meaning) {
        // OneRoster demands both parts: whoever has one name has this for the other.
        "-" if row.layout.format == Format::OneRoster => "",
        text => text,
    };
    let whole = [Meaning::Name, Meaning::SortableName, Meaning::ShortName];
    let (first, last) = (part(Meaning::FirstName), part(Meaning::LastName));
    let (meaning, text) = match (first, last) {
        ("", "") => {
            let found = whole.into_iter().find(|meaning| !row.text(*meaning).is_empty());
            let Some(meaning) = found else { return missing(row) };
            let text = row.text(meaning);
            (meaning, if meaning == Meaning::SortableName { first_name_first(text) } else { text.to_owned() })
        }
        ("", last) => (Meaning::LastName, last.to_owned()),
        (first, "") => (Meaning::FirstName, first.to_owned()),
        (first, last) => (Meaning::FirstName, format!("{first} {last}")),
    };
    let name = accepted(&text, "name-not-valid", "The name", record_text);
    name.map(Some).map_err(|reason| row.fault(meaning, reason))
}

fn missing(row: &Row<'_>) -> Result<Option<Box<str>>, Fault> {
    let names =
        [Meaning::Name, Meaning::FirstName, Meaning::LastName, Meaning::SortableName, Meaning::ShortName];
    match names.into_iter().find(|meaning| row.layout.columns.place(*meaning).is_some()) {
        Some(meaning) => Err(row.fault(meaning, Reason::NameMissing)),
        None => Ok(None),
    }
}

/// `Simpson, Bart` is Bart Simpson. With more commas nobody knows which of them it is; then it stays as it is.
fn first_name_first(text: &str) -> String {
    match text.split(',').map(str::trim).collect::<Vec<_>>().as_slice() {
        [last, first] => format!("{first} {last}").trim().to_owned(),
        _ => text.to_owned(),
    }
}

/// Moodle's `course1`, `role1`, `course2`, ...: whoever has no role there is a student. A person who is deleted takes no
/// course.
fn courses<'a>(row: &Row<'a>, standing: Standing) -> Result<Courses<'a>, Fault> {
    let mut courses = Courses::default();
    let there = row.layout.columns.courses.iter().take_while(|(course, _)| *course < row.record.len());
    for (course, role) in there {
        let Some(code) = row.id_at(*course)? else { continue };
        let role = role.map_or("", |role| row.record.cell(role));
        if role.is_empty() || words::is_student(role) {
            let wanted = if standing == Standing::Deleted { Wanted::NotEnrolled } else { Wanted::Enrolled };
            courses.taken.push((code, wanted));
        } else {
            courses.other_roles.push((code, role));
        }
    }
    Ok(courses)
}

#[derive(Default)]
struct Courses<'a> {
    taken: Vec<(Box<str>, Wanted)>,
    /// The courses in which the person has another role than student.
    other_roles: Vec<(Box<str>, &'a str)>,
}
