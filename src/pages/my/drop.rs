//! Dropping a course and leaving a waitlist, after a question.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use super::confirmation::{DROPS, find as find_confirmation, latest, path};
use super::course::{find, refused};
use super::me::{Dropping, Me, Standing};
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::kit::form::{new_key, submit_anew};
use crate::pages::kit::{Form, FormDraft, Frame, RefusedPage, Rendered, filters};
use crate::registrar::{CourseId, DropCourse, GivesUp, Refusal, Right, Seats};
use crate::registration::{LiveCourse, Outlook};
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
    fn new(app: &App, me: &Me, live: LiveCourse, seats: &Seats) -> Option<Self> {
        let place = match me.standing(&live) {
            Standing::Enrolled => None,
            Standing::Waiting(place) => Some(place),
            Standing::Open(_) => return None,
        };
        let is_over_full = seats.capacity.is_some_and(|capacity| seats.enrolled > capacity);
        Some(Self {
            frame: Frame::new(app, "my"),
            place,
            goes_to_next: seats.waitlisted > 0 && !is_over_full && seats.limits().moves_up(&me.now),
            can_come_back: !matches!(me.outlook(&live), Outlook::ClosedAt(_)),
            dropping: me.dropping(&seats.limits()),
            has_moved_up: false,
            live,
            key: new_key(),
        })
    }

    /// Whether the student may do what the page asks about. Nobody has to stay on a waitlist.
    fn is_possible(&self) -> bool {
        self.place.is_some() || self.dropping.is_possible()
    }
}

async fn ask(app: App, course: PathParams<CourseId>, _: NoQuery) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let (live, seats) = find(&app, course_id).await?;
    Ok(match DropPage::new(&app, &Me::require(&app).await?, live, &seats) {
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
    // Leaving a waitlist must not give up a seat that the student has got in the meantime, nor the other way round.
    let gives_up = Some(if is_place { GivesUp::Place } else { GivesUp::Seat });
    let command = DropCourse { gives_up, ..DropCourse::new(me.id, course_id) };
    let refusal = match submit_anew(&app.registrar, command, &form.caller).await {
        Ok(()) => return latest(&app, me.id, course_id, &DROPS).await,
        Err(Refusal::AlreadyEnrolled(_) | Refusal::AlreadyWaitlisted(_)) => {
            return ask_again(&app, course_id, is_place).await;
        }
        Err(refusal) => refusal,
    };
    // It was dropped before.
    if let Refusal::EnrollmentNotFound { .. } = refusal
        && let Some(seq) = find_confirmation(&app, me.id, course_id, &DROPS).await?
    {
        return Ok(Redirect::to(&path(seq)).into_response());
    }
    refused(&app, course_id, refusal).await
}

/// The page again, for what the student has now.
async fn ask_again(app: &App, course_id: CourseId, has_moved_up: bool) -> Result<Response, Problem> {
    let (me, (live, seats)) = (Me::require(app).await?, find(app, course_id).await?);
    Ok(match DropPage::new(app, &me, live, &seats) {
        Some(page) => RefusedPage(StatusCode::CONFLICT, DropPage { has_moved_up, ..page }).into_response(),
        None => Redirect::to(&format!("/courses/{course_id}")).into_response(),
    })
}
