//! A pasted list of students to enroll in a course, with a result for each line.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use super::enrollments::refusal_with_names;
use super::kit::filters::{display_name, isolate_name};
use super::kit::submit;
use crate::db::{DbError, casefold};
use crate::http::fields;
use crate::http::problem::Problem;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{
    Admission, Caller, CourseId, Enroll, GroupName, JoinGroup, Refusal, Student, StudentId,
};
use crate::state::App;
use crate::students::store::{StudentSort, students_called};

/// Lines of a list: the largest lecture, twice.
const MAX_LINES: usize = 1_000;
/// Students who are enrolled at a time; the Registrar commits them together.
const MAX_IN_FLIGHT: usize = 64;
/// Students of one line who are named, if several fit.
const MAX_NAMED: usize = 3;

/// What a line of the list led to.
#[derive(Debug)]
pub(super) struct LineResult {
    /// The line as it was typed.
    pub line: String,
    /// The student whom it means.
    pub student: Option<Student>,
    /// What happened.
    pub outcome: LineOutcome,
}

/// What happened with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineOutcome {
    /// The student got a seat.
    Enrolled,
    /// The student has this place on the waitlist.
    Waits(i64),
    /// The student has a seat or a place already.
    Already(String),
    /// The student is in the group.
    InGroup,
    /// Nothing was changed, and why.
    Refused(String),
}

/// Enrolls the students of the lines, in their order.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn enroll_all(
    app: &App,
    course: (CourseId, &str),
    text: &str,
    caller: &Caller,
) -> Result<Vec<LineResult>, Problem> {
    let meant = meant(app, text).await?;
    // One key belongs to one command; enrolling somebody again changes nothing.
    let caller = Caller { key: None, ..caller.clone() };
    let enroll = |(line, found): (String, Result<Student, String>)| {
        let caller = &caller;
        async move {
            match found {
                Ok(student) => {
                    let outcome = enroll_one(app, &student, course, caller).await;
                    LineResult { line, student: Some(student), outcome }
                }
                Err(why) => LineResult { line, student: None, outcome: LineOutcome::Refused(why) },
            }
        }
    };
    Ok(stream::iter(meant).map(enroll).buffered(MAX_IN_FLIGHT).collect().await)
}

/// Adds the students of the lines to a group, in their order.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn join_all(
    app: &App,
    group: &GroupName,
    text: &str,
    caller: &Caller,
) -> Result<Vec<LineResult>, Problem> {
    let meant = meant(app, text).await?;
    let caller = Caller { key: None, ..caller.clone() };
    let join = |(line, found): (String, Result<Student, String>)| {
        let caller = &caller;
        async move {
            let student = match found {
                Ok(student) => student,
                Err(why) => return LineResult { line, student: None, outcome: LineOutcome::Refused(why) },
            };
            let command = JoinGroup { name: group.clone(), student_id: student.id };
            let outcome = match submit(&app.registrar, command, caller).await {
                Ok(()) => LineOutcome::InGroup,
                Err(refusal) => LineOutcome::Refused(Problem::from(refusal).detail().to_owned()),
            };
            LineResult { line, student: Some(student), outcome }
        }
    };
    Ok(stream::iter(meant).map(join).buffered(MAX_IN_FLIGHT).collect().await)
}

/// The lines, each with the student whom it means, or why there is not one.
async fn meant(app: &App, text: &str) -> Result<Vec<(String, Result<Student, String>)>, DbError> {
    let mut meant = Vec::new();
    for line in lines(text) {
        meant.push((line.to_owned(), find(app, line).await?));
    }
    app.discloses_students().sent(meant.iter().filter(|(_, found)| found.is_ok()).count());
    Ok(meant)
}

/// A field of a form in which people name a student, if there is one.
pub(super) fn typed_student(value: &Value) -> Result<Option<String>, String> {
    fields::nullable(value, |value| fields::text(value, |text| Ok(text.to_owned())))
}

/// The one student with a number or an e-mail address; `None` for an empty text. No name is enough: it opens an account.
///
/// # Errors
/// When the database cannot be read. Why there is not one student is in the result.
pub(super) async fn student_meant(
    app: &App,
    text: Option<&str>,
) -> Result<Result<Option<StudentId>, String>, DbError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(Ok(None)) };
    let found = students_called(&app.viewer, text).await?;
    app.discloses_students().sent(found.len());
    Ok(match found.as_slice() {
        [] => Err("Nobody has this number or address.".to_owned()),
        [student] => Ok(Some(*student)),
        _ => Err("Several students have this number or address.".to_owned()),
    })
}

/// What is wrong with a pasted list: it is empty, or has more than [`MAX_LINES`] lines.
pub(super) fn fault(text: &str) -> Option<String> {
    match lines(text).count() {
        0 => Some("Write or paste at least one line.".to_owned()),
        count if count > MAX_LINES => {
            Some(format!("A list may have up to {MAX_LINES} lines; this one has {count}."))
        }
        _ => None,
    }
}

/// The lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

async fn enroll_one(
    app: &App,
    student: &Student,
    (course_id, course): (CourseId, &str),
    caller: &Caller,
) -> LineOutcome {
    let refusal = match submit(&app.registrar, Enroll::new(student.id, course_id), caller).await {
        Ok(Admission::Enrolled(_)) => return LineOutcome::Enrolled,
        Ok(Admission::Waitlisted(place)) => return LineOutcome::Waits(place.position),
        Err(refusal) => refusal,
    };
    let student = isolate_name(&display_name(&student.name));
    let is_in = matches!(refusal, Refusal::AlreadyEnrolled(_) | Refusal::AlreadyWaitlisted(_));
    let why = refusal_with_names(&refusal, &student, &isolate_name(course));
    let why = why.unwrap_or_else(|| Problem::from(refusal).detail().to_owned());
    if is_in { LineOutcome::Already(why) } else { LineOutcome::Refused(why) }
}

/// The one student whom a line means, or why there is not one. A line has a number, an address or a name, or several of
/// them as a spreadsheet copies them, or `Name <address>`.
async fn find(app: &App, line: &str) -> Result<Result<Student, String>, DbError> {
    let mut found: BTreeMap<StudentId, Student> = BTreeMap::new();
    let parts = parts(line);
    for part in &parts {
        let Ok(search) = part.parse() else { continue };
        let first = Page::first(Limit::PAGE);
        let wanted = Wanted { search: Some(search), sort: StudentSort::Name, ..Wanted::default() };
        let list = app.students.list(&app.viewer, &wanted, &first).await?;
        let exact: Vec<_> = list.rows.into_iter().filter(|student| is_exact(student, part)).collect();
        // A number or an address after a name says which of several people with this name is meant.
        if !exact.is_empty() && (found.is_empty() || exact.len() < found.len()) {
            found = exact.into_iter().map(|student| (student.id, student)).collect();
        }
    }
    let mut found = found.into_values();
    Ok(match (found.next(), found.next()) {
        (None, _) => Err("Nobody has this number, address or name.".to_owned()),
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(several(&[one, other].into_iter().chain(found).collect::<Vec<_>>())),
    })
}

/// The parts of a line that may each name a student: first all of it, then its columns.
fn parts(line: &str) -> Vec<String> {
    let separators = |letter: char| matches!(letter, '\t' | ';' | '<' | '>' | '"');
    let clean = |part: &str| part.trim().trim_matches(',').trim().to_owned();
    let mut parts = vec![clean(line)];
    let columns = line.split(separators).map(clean);
    parts.extend(columns.filter(|column| !column.is_empty() && *column != parts[0]).collect::<Vec<_>>());
    if let Some((family, given)) = line.split_once(',') {
        // `García, Ana` as some lists have it, and columns that are separated by commas.
        parts.push(format!("{} {}", given.trim(), family.trim()));
        parts.extend(line.split(',').map(clean).filter(|column| !column.is_empty()));
    }
    parts
}

fn is_exact(student: &Student, part: &str) -> bool {
    let folded = |text: &str| casefold(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let (part, id) = (folded(part), part.trim().trim_start_matches('#'));
    let texts = [&student.name, &student.email, &student.number];
    texts.into_iter().flatten().any(|text| folded(text) == part)
        // The number that this page shows for a student without a number of their own.
        || (student.number.is_none() && student.id.to_string() == id)
}

fn several(students: &[Student]) -> String {
    let hint = |student: &Student| {
        let number = student.number.clone().or_else(|| student.email.clone());
        number.unwrap_or_else(|| student.id.to_string())
    };
    let named: Vec<_> = students.iter().take(MAX_NAMED).map(hint).collect();
    let more = if students.len() > MAX_NAMED { ", …" } else { "" };
    format!("{} students fit: write {}{more}.", students.len(), named.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::{lines, parts};

    #[test]
    fn a_line_is_read_whole_and_by_its_columns() {
        assert_eq!(lines(" Ana \r\n\n\tBen").collect::<Vec<_>>(), ["Ana", "Ben"]);
        assert_eq!(parts("Ana García"), ["Ana García"]);
        assert_eq!(
            parts("Ana García <ana@example.edu>"),
            ["Ana García <ana@example.edu>", "Ana García", "ana@example.edu"]
        );
        assert_eq!(parts("0042\tAna"), ["0042\tAna", "0042", "Ana"]);
        assert_eq!(parts("García, Ana"), ["García, Ana", "Ana García", "García", "Ana"]);
    }
}
