//! The seats of a course in a browser: a form on the course's page.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::api::NewSeats;
use crate::app::App;
use crate::courses::pages::{CourseView, course_page};
use crate::http::extract::{Named, NoQuery};
use crate::http::paging::Here;
use crate::http::problem::Problem;
use crate::registrar::{Command, CourseId, Seats};
use crate::ui::form::{key_after, new_key};
use crate::ui::{Filled, Form, Refused, Typed, submit};

/// The pages of this room.
pub fn pages() -> Router<App> {
    Router::new().route("/courses/{course_id}/seats", post(set))
}

impl Filled for NewSeats {
    const NUMBERS: &[&str] = &["capacity", "waitlist_capacity"];
    const NULLABLE: &[&str] = &["opens_at", "closes_at"];
}

/// The form for the seats of a course.
#[derive(Debug)]
pub struct SeatsForm {
    /// What stands in it.
    pub typed: Typed,
    /// Why it was not done.
    pub refusal: Option<String>,
    /// Names the form.
    pub key: String,
}

impl SeatsForm {
    /// The form with the limits as they are.
    #[must_use]
    pub fn of(seats: &Seats) -> Self {
        let time = |time: &Option<String>| time.clone().unwrap_or_default();
        Self::with(Typed::with([
            ("capacity", seats.capacity.map_or_else(String::new, |capacity| capacity.to_string())),
            ("waitlist_capacity", seats.waitlist_capacity.to_string()),
            ("opens_at", time(&seats.opens_at)),
            ("closes_at", time(&seats.closes_at)),
        ]))
    }

    fn with(typed: Typed) -> Self {
        Self { typed, refusal: None, key: new_key() }
    }
}

/// Limits the seats.
async fn set(
    State(app): State<App>,
    course: Named<CourseId>,
    _: NoQuery,
    here: Here,
    form: Form<NewSeats>,
) -> Result<Response, Problem> {
    let course_id = course.found()?;
    let mut again = SeatsForm::with(form.typed);
    let status = match form.draft {
        None => StatusCode::UNPROCESSABLE_ENTITY,
        Some(draft) => {
            let command = Command::SetSeats { course_id, limits: draft.into() };
            let Err(refusal) = submit::<Seats>(&app.registrar, command).await else {
                return Ok(Redirect::to(&format!("/courses/{course_id}?saved=seats")).into_response());
            };
            again.key = key_after(&refusal);
            let problem = Problem::from(refusal);
            again.refusal = Some(problem.detail().to_owned());
            problem.status()
        }
    };
    let page = course_page(&app, course_id, &CourseView::default(), &here, Some(again)).await?;
    Ok(Refused(status, page).into_response())
}
