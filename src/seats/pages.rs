//! The seats of a course in a browser: a form on the course's page.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::api::NewSeats;
use super::store;
use crate::app::App;
use crate::courses::pages::{CourseView, course_page};
use crate::http::extract::{Named, NoQuery};
use crate::http::paging::Here;
use crate::http::problem::Problem;
use crate::registrar::{Command, CourseId, Limits, Refusal, Seats, Version};
use crate::ui::edit::version_field;
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
    /// The version of the limits that are changed: what was shown, until it is shown what they have become.
    pub version: Option<String>,
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
        let typed = Typed::with([
            ("capacity", seats.capacity.map_or_else(String::new, |capacity| capacity.to_string())),
            ("waitlist_capacity", seats.waitlist_capacity.to_string()),
            ("opens_at", time(&seats.opens_at)),
            ("closes_at", time(&seats.closes_at)),
        ]);
        Self { typed, version: Some(version_of(seats)), refusal: None, key: new_key() }
    }

    /// The form as it was sent, with why it was not done.
    async fn refused(self, app: &App, id: CourseId, refusal: Refusal) -> Result<(StatusCode, Self), Problem> {
        let (is_stale, key) = (matches!(refusal, Refusal::Stale(_)), key_after(&refusal));
        let problem = Problem::from(refusal);
        let status = problem.status();
        if !is_stale {
            return Ok((status, Self { refusal: Some(problem.detail().to_owned()), key, ..self }));
        }
        let seats = store::find(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?;
        let now = told(&seats.limits());
        let refusal = format!(
            "Somebody has changed the seats since you looked. They are now: {now}. Save to replace that."
        );
        Ok((status, Self { version: Some(version_of(&seats)), refusal: Some(refusal), key, ..self }))
    }
}

/// Limits in words; times as stored.
#[must_use]
pub fn told(limits: &Limits) -> String {
    let seats = match limits.capacity {
        None => "no limit".to_owned(),
        Some(1) => "1 seat".to_owned(),
        Some(seats) => format!("{seats} seats"),
    };
    let mut told = vec![seats];
    if limits.waitlist_capacity > 0 {
        told.push(format!("a waitlist of {}", limits.waitlist_capacity));
    }
    told.extend(limits.opens_at.iter().map(|opens| format!("from {opens}")));
    told.extend(limits.closes_at.iter().map(|closes| format!("until {closes}")));
    told.join(", ")
}

fn version_of(seats: &Seats) -> String {
    version_field(Version::of(&seats.limits()))
}

async fn set(
    State(app): State<App>,
    course: Named<CourseId>,
    _: NoQuery,
    here: Here,
    form: Form<NewSeats>,
) -> Result<Response, Problem> {
    let (course_id, expected) = (course.found()?, form.expected());
    let again = SeatsForm { typed: form.typed, version: form.seen, refusal: None, key: new_key() };
    let (status, again) = match form.draft {
        None => (StatusCode::UNPROCESSABLE_ENTITY, again),
        Some(draft) => {
            let command = Command::SetSeats { course_id, limits: draft.into(), expected };
            let Err(refusal) = submit::<Seats>(&app.registrar, command).await else {
                return Ok(Redirect::to(&format!("/courses/{course_id}?saved=seats")).into_response());
            };
            again.refused(&app, course_id, refusal).await?
        }
    };
    let page = course_page(&app, course_id, &CourseView::default(), &here, Some(again)).await?;
    Ok(Refused(status, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_far_as_they_limit() {
        let limits = |capacity, waitlist_capacity, closes_at: Option<&str>| Limits {
            capacity,
            waitlist_capacity,
            closes_at: closes_at.map(str::to_owned),
            ..Limits::default()
        };
        let all = [limits(None, 0, None), limits(Some(1), 0, Some("noon")), limits(Some(30), 5, None)];
        let all = all.map(|limits| told(&limits));
        assert_eq!(all, ["no limit", "1 seat, until noon", "30 seats, a waitlist of 5"]);
    }
}
