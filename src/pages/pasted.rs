//! A pasted list of students to enroll in a course, with a result for each line.

use super::enrollments::refusal_with_names;
use super::kit::filters::{display_name, isolate_name};
use super::kit::submit;
use super::meant::student_of_line;
use crate::db::DbError;
use crate::http::problem::Problem;
use crate::registrar::{Admission, Caller, CourseId, Enroll, GroupName, JoinGroup, Refusal, Student};
use crate::state::App;
use futures_util::stream::{self, StreamExt as _};

/// Lines of a list: the largest lecture, twice.
const MAX_LINES: usize = 1_000;
/// Students who are enrolled at a time; the Registrar commits them together.
const MAX_IN_FLIGHT: usize = 64;

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
        meant.push((line.to_owned(), student_of_line(app, line).await?));
    }
    app.discloses_students().sent(meant.iter().filter(|(_, found)| found.is_ok()).count());
    Ok(meant)
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

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn empty_lines_say_nothing() {
        assert_eq!(lines(" Ana \r\n\n\tBen").collect::<Vec<_>>(), ["Ana", "Ben"]);
    }
}
