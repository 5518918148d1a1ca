//! Dropping a course and leaving a waitlist, after a question.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use super::confirmation::{DROPS, find as find_confirmation, latest, path};
use super::course::{find, refused};
use super::me::{Dropping, Me, Standing};
use crate::db::DbError;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::kit::form::{new_key, submit_again};
use crate::pages::kit::{Form, FormDraft, Frame, RefusedPage, Rendered, filters};
use crate::registrar::{CourseId, DropCourse, Held, Refusal, Right, Seats, StudentId};
use crate::registration::{LiveCourse, Outlook};
use crate::seats::store as seats;
use crate::state::{App, AppState};

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    let enrolls = only(Right::EnrollOneself);
    Routes::new().get("/my/courses/{course_id}/drop", enrolls, ask).post(
        "/my/courses/{course_id}/drop",
        enrolls,
        drop_course,
    )
}

/// The page that asks.
#[derive(Template)]
#[template(path = "my/drop.html")]
struct DropPage {
    frame: Frame,
    live: LiveCourse,
    /// The place on the waitlist; `None` if the student has a seat.
    place: Option<i64>,
    /// Whether the student who is next on the waitlist gets the seat.
    goes_to_next: bool,
    /// Whether somebody who drops could enroll again.
    can_come_back: bool,
    dropping: Dropping,
    /// Whether the student got a seat after the page was opened.
    has_moved_up: bool,
    key: String,
}

impl DropPage {
    async fn new(app: &App, me: &Me, live: LiveCourse, seats: &Seats) -> Result<Option<Self>, DbError> {
        let place = match me.standing(&live) {
            Standing::Enrolled => None,
            Standing::Waiting(place) => Some(place),
            Standing::Open(_) | Standing::Barred(_) => return Ok(None),
        };
        let is_over_full = seats.capacity.is_some_and(|capacity| seats.enrolled > capacity);
        let has_next = seats::has_next(&app.viewer, live.course.id).await?;
        Ok(Some(Self {
            frame: Frame::new(app, "my"),
            place,
            goes_to_next: has_next && !is_over_full && seats.limits().moves_up(&me.now),
            can_come_back: !matches!(me.outlook(&live), Outlook::ClosedAt(_)),
            dropping: me.dropping(&seats.limits()),
            has_moved_up: false,
            live,
            key: new_key(),
        }))
    }

    /// Whether the student may do what the page asks about. Nobody has to stay on a waitlist.
    fn is_possible(&self) -> bool {
        self.place.is_some() || self.dropping.is_possible()
    }
}

async fn ask(app: App, course: PathParams<CourseId>, _: NoQuery) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let (live, seats) = find(&app, course_id).await?;
    Ok(match DropPage::new(&app, &Me::require(&app).await?, live, &seats).await? {
        Some(page) => Rendered(page).into_response(),
        None => Redirect::to(&format!("/courses/{course_id}")).into_response(),
    })
}

/// What the student gives up.
#[derive(Debug)]
pub(super) struct DropForm {
    /// Whether it is a place on the waitlist, and not a seat.
    is_place: bool,
}

impl Draft for DropForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let is_place = |value: &Value| match value.as_str() {
            Some("place") => Ok(true),
            Some("seat") => Ok(false),
            _ => Err("must be `seat` or `place`".to_owned()),
        };
        Some(Self { is_place: fields.required("holds", is_place)? })
    }
}

impl FormDraft for DropForm {}

async fn drop_course(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<DropForm>,
) -> Result<Response, Problem> {
    let (me, course_id) = (Me::require(&app).await?, course.into_result()?);
    let Some(DropForm { is_place }) = form.draft else {
        return Ok(Redirect::to(&format!("/my/courses/{course_id}/drop")).into_response());
    };
    let expected = Some(if is_place { Held::Place } else { Held::Seat });
    let command = DropCourse { expected, ..DropCourse::new(me.id, course_id) };
    match submit_again(&app.registrar, command, &form.caller).await {
        Ok(()) => latest(&app, me.id, course_id, &DROPS).await,
        Err(refusal) => not_dropped(&app, me.id, course_id, refusal).await,
    }
}

async fn not_dropped(
    app: &App,
    student_id: StudentId,
    course_id: CourseId,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let has_moved_up = matches!(refusal, Refusal::AlreadyEnrolled(_));
    if has_moved_up || matches!(refusal, Refusal::EnrollmentNotFound { place: Some(_), .. }) {
        let (live, seats) = find(app, course_id).await?;
        if let Some(page) = DropPage::new(app, &Me::require(app).await?, live, &seats).await? {
            let page = DropPage { has_moved_up, ..page };
            return Ok(RefusedPage(StatusCode::CONFLICT, page).into_response());
        }
    }
    // It was dropped before.
    if let Refusal::EnrollmentNotFound { .. } = refusal
        && let Some(seq) = find_confirmation(app, student_id, course_id, &DROPS).await?
    {
        return Ok(Redirect::to(&path(seq)).into_response());
    }
    refused(app, course_id, refusal).await
}
