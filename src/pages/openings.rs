//! The form on a course's page that says when the course opens for a group.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::courses::{CourseQuery, RefusedForms, course_page};
use super::kit::{Form, FormDraft, FormValues, RefusedPage, submit};
use crate::clock::Stamp;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::{
    ChangeSeats, CourseId, GroupName, GroupOpenings, LimitsChange, MAX_GROUP_OPENINGS, Refusal, Right,
};
use crate::state::{App, AppState};

/// The routes of this form.
pub(super) fn routes() -> Routes<AppState> {
    let writes = only(Right::WriteCourses);
    Routes::new().get("/courses/{course_id}/openings", writes, redirect_to_course).post(
        "/courses/{course_id}/openings",
        writes,
        set,
    )
}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the course.
async fn redirect_to_course(course: PathParams<CourseId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("/courses/{}", course.into_result()?)))
}

/// A group, and when the course opens for it; `None` removes the time.
#[derive(Debug)]
struct Opening {
    group: GroupName,
    opens_at: Option<Stamp>,
}

impl Draft for Opening {
    fn read(fields: &mut Fields) -> Option<Self> {
        let group = fields.required("group", |value| fields::text(value, str::parse));
        if fields.optional("remove", |_| Ok(()))?.is_some() {
            return Some(Self { group: group?, opens_at: None });
        }
        let opens_at = fields.required("group_opens_at", fields::time);
        Some(Self { group: group?, opens_at: Some(opens_at?) })
    }
}

impl FormDraft for Opening {
    const MESSAGES: &[(&str, &str, &str)] = &[
        ("group", "must not be empty", "Choose a group"),
        ("group_opens_at", "must be a time", "Write the time like 2026-09-01T08:00:00Z"),
    ];
}

async fn set(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<Opening>,
) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let Some(Opening { group, opens_at }) = form.draft else {
        return refused(&app, course_id, StatusCode::UNPROCESSABLE_ENTITY, form.values).await;
    };
    let saved = if opens_at.is_some() { "openings" } else { "opening-removed" };
    let openings = GroupOpenings::Change([(group, opens_at)].into());
    let change = LimitsChange { group_opens_at: Some(openings), ..LimitsChange::default() };
    let command = ChangeSeats { course_id, change, expected: None };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(_) => Ok(Redirect::to(&format!("/courses/{course_id}?saved={saved}")).into_response()),
        Err(Refusal::EndsBeforeOpening(_)) => {
            let error = "Registration must open for the group before it closes";
            let values = form.values.with_error("group_opens_at", error);
            refused(&app, course_id, StatusCode::UNPROCESSABLE_ENTITY, values).await
        }
        Err(Refusal::TooManyGroupOpenings) => {
            let error =
                format!("The course has times for {MAX_GROUP_OPENINGS} groups already. Remove one first");
            let values = form.values.with_error("group", &error);
            refused(&app, course_id, StatusCode::UNPROCESSABLE_ENTITY, values).await
        }
        Err(Refusal::GroupNotFound(_)) => {
            let values = form.values.with_error("group", "Somebody has deleted this group");
            refused(&app, course_id, StatusCode::NOT_FOUND, values).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn refused(
    app: &App,
    id: CourseId,
    status: StatusCode,
    values: FormValues,
) -> Result<Response, Problem> {
    let forms = RefusedForms { openings: Some(values), ..RefusedForms::default() };
    let page = course_page(app, id, &CourseQuery::default(), forms).await?;
    Ok(RefusedPage(status, page).into_response())
}
