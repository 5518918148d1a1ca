//! The seats of a course in a browser: a form on the course's page.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::courses::{CourseView, course_page};
use super::kit::form::new_key;
use super::kit::{Filled, Form, Refused, submit};
use super::seats_form::SeatsForm;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::problem::Problem;
use crate::registrar::{CourseId, SetSeats};
use crate::seats::api::NewSeats;
use crate::state::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/courses/{course_id}/seats", post(set))
}

impl Filled for NewSeats {
    const NUMBERS: &[&str] = &["capacity", "waitlist_capacity"];
    const NULLABLE: &[&str] = &["opens_at", "closes_at"];
}

async fn set(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<NewSeats>,
) -> Result<Response, Problem> {
    let (course_id, expected) = (course.into_result()?, form.expected());
    let again = SeatsForm { typed: form.typed, version: form.seen, refusal: None, key: new_key() };
    let (status, again) = match form.draft {
        None => (StatusCode::UNPROCESSABLE_ENTITY, again),
        Some(draft) => {
            let command = SetSeats { course_id, limits: draft.into(), expected };
            let Err(refusal) = submit(&app.registrar, command, &form.caller).await else {
                return Ok(Redirect::to(&format!("/courses/{course_id}?saved=seats")).into_response());
            };
            again.refused(&app, course_id, refusal, &form.caller).await?
        }
    };
    let page = course_page(&app, course_id, &CourseView::default(), Some(again)).await?;
    Ok(Refused(status, page).into_response())
}
