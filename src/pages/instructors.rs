//! The forms on a course's page that assign and remove instructors.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::courses::{CourseQuery, RefusedForms, course_page};
use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, RefusedPage, submit};
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::{AccountId, AssignInstructor, CourseId, Refusal, RemoveInstructor, Right};
use crate::state::{App, AppState};

/// The routes of these forms.
pub(super) fn routes() -> Routes<AppState> {
    let writes = only(Right::WriteCourses);
    Routes::new()
        .get("/courses/{course_id}/instructors", writes, redirect_to_course)
        .post("/courses/{course_id}/instructors", writes, assign)
        .post("/courses/{course_id}/instructors/{account_id}/remove", writes, remove)
}

/// The instructor who was chosen.
#[derive(Debug)]
struct Chosen {
    account_id: i64,
}

impl Draft for Chosen {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { account_id: fields.required("account_id", fields::id)? })
    }
}

impl FormDraft for Chosen {
    const NUMBERS: &[&str] = &["account_id"];
}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the course.
async fn redirect_to_course(course: PathParams<CourseId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("/courses/{}", course.into_result()?)))
}

async fn assign(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<Chosen>,
) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let Some(Chosen { account_id }) = form.draft else {
        return refused(&app, course_id, StatusCode::UNPROCESSABLE_ENTITY, "Choose an instructor.").await;
    };
    match submit(&app.registrar, AssignInstructor { course_id, account_id }, &form.caller).await {
        Ok(()) => Ok(redirect(course_id, "instructor")),
        Err(Refusal::NotAnInstructor(_) | Refusal::AccountNotFound(_)) => {
            refused(&app, course_id, StatusCode::CONFLICT, "This account is not an instructor’s any more.")
                .await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn remove(
    app: App,
    pair: PathParams<(CourseId, AccountId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let (course_id, AccountId(account_id)) = pair.into_result()?;
    match submit(&app.registrar, RemoveInstructor { course_id, account_id }, &form.caller).await {
        // Somebody else was faster.
        Ok(()) | Err(Refusal::InstructorNotFound { .. }) => Ok(redirect(course_id, "no-instructor")),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Redirects to the course's page, which reports what was saved.
fn redirect(course_id: CourseId, saved: &str) -> Response {
    Redirect::to(&format!("/courses/{course_id}?saved={saved}")).into_response()
}

async fn refused(app: &App, id: CourseId, status: StatusCode, why: &str) -> Result<Response, Problem> {
    let forms = RefusedForms { instructors: Some(why.to_owned()), ..RefusedForms::default() };
    let page = course_page(app, id, &CourseQuery::default(), forms).await?;
    Ok(RefusedPage(status, page).into_response())
}
