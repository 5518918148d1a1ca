//! The form for a course's seats, on the course's page.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::courses::{CourseQuery, RefusedForms, course_page};
use super::kit::form::new_key;
use super::kit::{Form, FormDraft, RefusedPage, submit};
use super::seats_form::SeatsForm;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::Right;
use crate::registrar::{ChangeSeats, CourseId};
use crate::seats::api::NewSeats;
use crate::state::{App, AppState};

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let writes = only(Right::WriteCourses);
    Routes::new().get("/courses/{course_id}/seats", writes, redirect_to_course).post(
        "/courses/{course_id}/seats",
        writes,
        set,
    )
}

impl FormDraft for NewSeats {
    const NUMBERS: &[&str] = &["capacity", "waitlist_capacity"];
    const NULLABLE: &[&str] = &["opens_at", "closes_at", "waitlist_closes_at", "drop_until"];
    const MESSAGES: &[(&str, &str, &str)] = &[
        ("opens_at", "must be a time", "Write the time like 2026-09-01T08:00:00Z"),
        ("closes_at", "must be a time", "Write the time like 2026-09-01T08:00:00Z"),
        ("waitlist_closes_at", "must be a time", "Write the time like 2026-09-01T08:00:00Z"),
        ("drop_until", "must be a time", "Write the time like 2026-09-01T08:00:00Z"),
        ("closes_at", "must be after", "Registration must close after it opens"),
        ("waitlist_closes_at", "must be after", "The waitlist must close after registration opens"),
        ("drop_until", "must be after", "The deadline must be after registration opens"),
    ];
}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the course.
async fn redirect_to_course(course: PathParams<CourseId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("/courses/{}", course.into_result()?)))
}

async fn set(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<NewSeats>,
) -> Result<Response, Problem> {
    let (course_id, expected) = (course.into_result()?, form.expected());
    let sent = SeatsForm { values: form.values, version: form.shown_version, refusal: None, key: new_key() };
    let (status, seats_form) = match form.draft {
        None => (StatusCode::UNPROCESSABLE_ENTITY, sent),
        Some(draft) => {
            let command = ChangeSeats { course_id, change: draft.into(), expected };
            let Err(refusal) = submit(&app.registrar, command, &form.caller).await else {
                return Ok(Redirect::to(&format!("/courses/{course_id}?saved=seats")).into_response());
            };
            sent.refused(&app, course_id, refusal, &form.caller).await?
        }
    };
    let forms = RefusedForms { limits: Some(seats_form), ..RefusedForms::default() };
    let page = course_page(&app, course_id, &CourseQuery::default(), forms).await?;
    Ok(RefusedPage(status, page).into_response())
}
