//! What staff do with the students of a course, on its page: find and enroll one, or many from a list.

use super::kit::form::new_key;
use super::kit::{FormValues, parse_search};
use super::pasted::LineResult;
use crate::db::DbError;
use crate::enrollments::store as enrollments;
use crate::http::problem::Problem;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{CourseId, Right, Student, StudentId};
use crate::seats::store as seats;
use crate::state::App;
use crate::students::store::{self as students, StudentSort};

/// The panel for somebody who enrolls any student.
#[derive(Debug)]
pub(super) struct EnrollPanel {
    /// What was typed to find a student.
    pub who: String,
    /// The students who were found.
    pub found: Vec<FoundStudent>,
    /// How many were found.
    pub total: i64,
    /// What the last form did, while that is still true.
    pub done: Option<Done>,
    /// What the last form was refused for.
    pub refused: RefusedEnrollment,
    /// What the pasted list led to.
    pub pasted: Option<Pasted>,
    /// The start of the idempotency keys of the forms.
    pub key: String,
}

/// A student who was found.
#[derive(Debug)]
pub(super) struct FoundStudent {
    /// The student.
    pub student: Student,
    /// Whether the student has a seat in the course.
    pub is_enrolled: bool,
    /// Whether the student waits for one.
    pub is_waiting: bool,
}

/// What the last form did, and for which student.
#[derive(Debug)]
pub(super) struct Done {
    /// What.
    pub action: Action,
    /// To whom.
    pub student: Student,
}

/// What a form does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The student got a seat.
    Enrolled,
    /// The student joined the waitlist.
    Waits,
    /// The student was dropped.
    Dropped,
    /// The student was removed from the waitlist.
    Left,
}

impl Action {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Enrolled, Self::Waits, Self::Dropped, Self::Left];

    /// The query parameter with which the page reports it.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Waits => "waits",
            Self::Dropped => "dropped",
            Self::Left => "left",
        }
    }
}

/// Why a form was refused, and the form with which staff enrolls the student all the same.
#[derive(Debug, Default)]
pub(super) struct RefusedEnrollment {
    /// Why.
    pub why: Option<String>,
    /// The student, the typed reason with what is wrong with it, and whether the form is shown at once.
    pub offer: Option<(Student, FormValues, bool)>,
}

/// A pasted list and what it led to.
#[derive(Debug)]
pub(super) struct Pasted {
    /// The lines as they were sent.
    pub text: String,
    /// What is wrong with the list as a whole.
    pub error: Option<String>,
    /// A result for each line.
    pub results: Vec<LineResult>,
}

impl EnrollPanel {
    /// Loads the panel; `None` for a reader who does not enroll any student.
    ///
    /// # Errors
    /// `invalid-request` for a search that cannot be, or when the database cannot be read.
    pub(super) async fn load(
        app: &App,
        id: CourseId,
        who: &str,
        done: Option<(Action, StudentId)>,
        refused: RefusedEnrollment,
        pasted: Option<Pasted>,
    ) -> Result<Option<Self>, Problem> {
        if !(app.viewer.sees_students() && app.viewer.has(Right::WriteEnrollments)) {
            return Ok(None);
        }
        let (mut found, mut total) = (Vec::new(), 0);
        if let Some(search) = parse_search(who)? {
            let first = Page::first(Limit::SUGGESTIONS);
            let wanted = Wanted { search: Some(search), sort: StudentSort::Name, ..Wanted::default() };
            let list = app.students.list(&app.viewer, &wanted, &first).await?;
            app.discloses_students().sent(list.rows.len());
            total = list.total;
            for student in list.rows {
                let (is_enrolled, is_waiting) = standing(app, student.id, id).await?;
                found.push(FoundStudent { student, is_enrolled, is_waiting });
            }
        }
        let done = match done {
            Some((action, student)) => still_true(app, id, action, student).await?,
            None => None,
        };
        Ok(Some(Self { who: who.to_owned(), found, total, done, refused, pasted, key: new_key() }))
    }

    /// Whether the next step is in the search: whoever has enrolled a student by keyboard goes on typing there.
    pub(super) fn continues_in_search(&self) -> bool {
        let action = self.done.as_ref().map(|done| done.action);
        matches!(action, Some(Action::Enrolled | Action::Waits))
    }

    /// Whether the next step is in the roster, where the last student was dropped.
    pub(super) fn continues_in_roster(&self) -> bool {
        self.done.is_some() && !self.continues_in_search()
    }
}

/// Whether the student has a seat in the course, and whether they wait for one.
async fn standing(app: &App, student: StudentId, course: CourseId) -> Result<(bool, bool), DbError> {
    let is_enrolled = enrollments::find(&app.viewer, student, course).await?.is_some();
    let is_waiting = !is_enrolled && seats::place(&app.viewer, student, course).await?.is_some();
    Ok((is_enrolled, is_waiting))
}

/// What was done, unless it has changed since: after going back, a page must not report what is no longer true.
async fn still_true(
    app: &App,
    course: CourseId,
    action: Action,
    student: StudentId,
) -> Result<Option<Done>, DbError> {
    let Some(student) = students::find(&app.viewer, student).await? else { return Ok(None) };
    let (is_enrolled, is_waiting) = standing(app, student.id, course).await?;
    let is_true = match action {
        Action::Enrolled => is_enrolled,
        Action::Waits => is_waiting,
        Action::Dropped | Action::Left => !is_enrolled && !is_waiting,
    };
    Ok(is_true.then_some(Done { action, student }))
}
