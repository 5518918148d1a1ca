//! Dropping a course, leaving a waitlist, and taking that back, from a student's page. The page that asks before a drop is
//! also that of a course's page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::enrollments::{redirect_to_student, refused};
use super::kit::filters::{self, display_name};
use super::kit::form::{EmptyForm, new_key};
use super::kit::{Form, FormDraft, FormValues, Frame, RefusedPage, Rendered, submit};
use super::records::find;
use super::students::StudentQuery;
use crate::clock::Stamp;
use crate::courses::store as courses;
use crate::enrollments::store as enrollments;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::{
    Admission, CourseId, DropCourse, Held, Override, Refusal, Restore, Right, Seats, Student, StudentId,
    reason_text,
};
use crate::seats::store as seats;
use crate::state::{App, AppState};

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    // Students have pages of their own.
    let enrolls = only(Right::WriteEnrollments);
    Routes::new()
        .get("/students/{student_id}/courses/{course_id}/drop", enrolls, ask)
        .post("/students/{student_id}/courses/{course_id}/drop", enrolls, drop_course)
        .post("/students/{student_id}/courses/{course_id}/leave", enrolls, leave_waitlist)
        .post("/students/{student_id}/courses/{course_id}/restore", enrolls, restore)
}

/// The page that asks before a drop that cannot be taken back as if nothing had happened, or that needs a reason.
#[derive(Debug, Template)]
#[template(path = "drop.html")]
pub(crate) struct DropPage {
    frame: Frame,
    student: Student,
    course_id: CourseId,
    course: String,
    /// How many students wait, if the first of them gets the seat.
    next_of: Option<i64>,
    /// The deadline, if it has passed: staff says why.
    passed: Option<Stamp>,
    values: FormValues,
    from: Opener,
    /// The address of the page that asked.
    back: String,
    key: String,
}

/// The page on which somebody drops a student.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Opener {
    /// The student's.
    #[default]
    Student,
    /// The course's.
    Course,
}

impl Opener {
    /// The address of the page.
    fn path(self, (student_id, course_id): (StudentId, CourseId)) -> String {
        match self {
            Self::Student => format!("/students/{student_id}"),
            Self::Course => format!("/courses/{course_id}"),
        }
    }
}

/// The query parameters of the page that asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AskQuery {
    /// `course` if the form is on the course's page.
    from: Option<String>,
}

impl AskQuery {
    fn from(&self) -> Opener {
        if self.from.as_deref() == Some("course") { Opener::Course } else { Opener::Student }
    }
}

impl Parameters for AskQuery {
    const KNOWN: &'static [&'static str] = &["from"];
}

async fn ask(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    Query(query): Query<AskQuery>,
) -> Result<Response, Problem> {
    let pair = pair.into_result()?;
    Ok(match drop_page(&app, pair, query.from(), FormValues::default()).await? {
        Some(page) => Rendered(page).into_response(),
        None => Redirect::to(&query.from().path(pair)).into_response(),
    })
}

/// The address of the question that comes before a drop, if there is something to ask.
pub(super) async fn asks(
    app: &App,
    pair: (StudentId, CourseId),
    from: Opener,
) -> Result<Option<String>, Problem> {
    let page = drop_page(app, pair, from, FormValues::default()).await?;
    Ok(page.map(|page| page.path()))
}

/// The page, if the student takes the course and there is something to ask.
async fn drop_page(
    app: &App,
    pair @ (student_id, course_id): (StudentId, CourseId),
    from: Opener,
    values: FormValues,
) -> Result<Option<DropPage>, Problem> {
    let student = find::<Student>(app, student_id).await?;
    let course = courses::find(&app.viewer, course_id).await?.ok_or(Refusal::CourseNotFound(course_id))?;
    let seats = seats::find(&app.viewer, course_id).await?.ok_or(Refusal::CourseNotFound(course_id))?;
    let now = app.clock.stamp();
    let frame = Frame::new(app, "students");
    let is_past = |deadline: &Stamp| *deadline <= now && frame.writes_enrollments();
    let has_next = seats::has_next(&app.viewer, course_id).await?;
    let next_of = next_of(&seats, &now).filter(|_| has_next);
    let passed = seats.drop_until.clone().filter(is_past);
    let takes_course = enrollments::find(&app.viewer, student_id, course_id).await?.is_some();
    let asks = takes_course && (next_of.is_some() || passed.is_some());
    let course = display_name(&course.name);
    let (back, key) = (from.path(pair), new_key());
    Ok(asks.then_some(DropPage {
        frame,
        student,
        course_id,
        course,
        next_of,
        passed,
        values,
        from,
        back,
        key,
    }))
}

/// How many students wait, if the first of them gets the seat of a student who is dropped now.
fn next_of(seats: &Seats, now: &Stamp) -> Option<i64> {
    let is_freed = seats.capacity.is_none_or(|capacity| seats.enrolled <= capacity);
    let is_taken = seats.waitlisted > 0 && is_freed && seats.limits().moves_up(now);
    is_taken.then_some(seats.waitlisted)
}

/// What a drop is sent with.
#[derive(Debug)]
pub(crate) struct DropForm {
    /// Whether the person has read what it does.
    is_confirmed: bool,
    reason: Option<String>,
}

impl Draft for DropForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let text = |value: &Value| fields::text(value, reason_text);
        let reason = fields.optional("reason", text)?;
        let is_confirmed = fields.optional("confirmed", |_| Ok(()))?;
        Some(Self { is_confirmed: is_confirmed.is_some(), reason: reason.flatten() })
    }
}

impl FormDraft for DropForm {}

async fn drop_course(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    Query(query): Query<AskQuery>,
    form: Form<DropForm>,
) -> Result<Response, Problem> {
    let (pair @ (student_id, course_id), from) = (pair.into_result()?, query.from());
    let Some(DropForm { is_confirmed, reason }) = form.draft else {
        return ask_again(&app, pair, from, form.values).await;
    };
    if !is_confirmed && let Some(question) = asks(&app, pair, from).await? {
        return Ok(Redirect::to(&question).into_response());
    }
    let r#override = reason.and_then(|reason| Override::new(Some(reason)).ok());
    let expected = Some(Held::Seat);
    let command = DropCourse { r#override, expected, ..DropCourse::new(student_id, course_id) };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(()) if from == Opener::Course => {
            Ok(Redirect::to(&format!("/courses/{course_id}?dropped={student_id}")).into_response())
        }
        Ok(()) => Ok(redirect_to_student(student_id, "dropped", course_id)),
        Err(Refusal::DropDeadlinePassed { .. }) if form.caller.is_staff() => {
            ask_again(&app, pair, from, form.values.with_error("reason", "is required")).await
        }
        Err(refusal) => refused(&app, pair, &StudentQuery::default(), refusal, None).await,
    }
}

/// The page with what is wrong with the reason.
async fn ask_again(
    app: &App,
    pair: (StudentId, CourseId),
    from: Opener,
    values: FormValues,
) -> Result<Response, Problem> {
    Ok(match drop_page(app, pair, from, values).await? {
        Some(page) => RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response(),
        None => Redirect::to(&from.path(pair)).into_response(),
    })
}

async fn leave_waitlist(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let pair @ (student_id, course_id) = pair.into_result()?;
    match submit(&app.registrar, DropCourse::leave_waitlist(student_id, course_id), &form.caller).await {
        Ok(()) => Ok(redirect_to_student(student_id, "left", course_id)),
        Err(refusal) => refused(&app, pair, &StudentQuery::default(), refusal, None).await,
    }
}

async fn restore(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let pair @ (student_id, course_id) = pair.into_result()?;
    match submit(&app.registrar, Restore { student_id, course_id }, &form.caller).await {
        Ok(Admission::Enrolled(_)) => Ok(redirect_to_student(student_id, "restored", course_id)),
        Ok(Admission::Waitlisted(_)) => Ok(redirect_to_student(student_id, "waits", course_id)),
        Err(refusal) => refused(&app, pair, &StudentQuery::default(), refusal, None).await,
    }
}

impl DropPage {
    fn path(&self) -> String {
        let query = if self.from == Opener::Course { "?from=course" } else { "" };
        format!("/students/{}/courses/{}/drop{query}", self.student.id, self.course_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Limits;

    #[test]
    fn the_next_gets_the_seat_unless_the_course_is_over_full_or_its_waitlist_has_ended() {
        let now = Stamp::from_stored("2026-09-01T08:00:00.000Z".to_owned());
        let seats = |enrolled, waitlisted, waitlist_closes_at| {
            let limits = Limits { capacity: Some(2), waitlist_closes_at, ..Limits::default() };
            Seats::new(limits, enrolled, waitlisted)
        };
        assert_eq!(next_of(&seats(2, 3, None), &now), Some(3));
        assert_eq!(next_of(&seats(2, 0, None), &now), None);
        assert_eq!(next_of(&seats(3, 3, None), &now), None);
        assert_eq!(next_of(&seats(2, 3, Some(now.clone())), &now), None);
    }
}
