//! Enrolling and dropping on the page of a student.

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde_json::json;

use super::kit::form::Nothing;
use super::kit::{Filled, Form, Refused, submit};
use super::students::{StudentView, student_page};
use crate::enrollments::api::NewEnrollment;
use crate::http::extract::{NoQuery, PathParams, Query};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::registrar::{Admission, Caller, CourseId, DropCourse, Enroll, Refusal, StudentId};
use crate::state::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/students/{student_id}/courses", post(enroll))
        .route("/students/{student_id}/courses/{course_id}/drop", post(drop_course))
        .route("/students/{student_id}/courses/{course_id}/leave", post(leave_waitlist))
}

impl Filled for NewEnrollment {
    const NUMBERS: &[&str] = &["course_id"];
}

async fn enroll(
    app: App,
    student: PathParams<StudentId>,
    Query(view): Query<StudentView>,
    form: Form<NewEnrollment>,
) -> Result<Response, Problem> {
    let student_id = student.into_result()?;
    let Some(NewEnrollment { course_id }) = form.draft else {
        let detail = form.typed.error("course_id").unwrap_or("is required");
        return Err(invalid(vec![json!({"pointer": "/course_id", "detail": detail})]));
    };
    match submit(&app.registrar, Enroll { student_id, course_id }, &form.caller).await {
        Ok(Admission::Enrolled(_)) => Ok(told(student_id, "enrolled", course_id)),
        Ok(Admission::Waitlisted(_)) => Ok(told(student_id, "waits", course_id)),
        Err(refusal) => refused(&app, student_id, &view, refusal).await,
    }
}

async fn drop_course(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<Nothing>,
) -> Result<Response, Problem> {
    end(&app, pair.into_result()?, "dropped", &form.caller).await
}

async fn leave_waitlist(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<Nothing>,
) -> Result<Response, Problem> {
    end(&app, pair.into_result()?, "left", &form.caller).await
}

async fn end(
    app: &App,
    (student_id, course_id): (StudentId, CourseId),
    done: &str,
    caller: &Caller,
) -> Result<Response, Problem> {
    let command = DropCourse { student_id, course_id };
    match submit(&app.registrar, command, caller).await {
        Ok(()) => Ok(told(student_id, done, course_id)),
        Err(refusal) => refused(app, student_id, &StudentView::default(), refusal).await,
    }
}

/// Back to the student, whose page says what was done.
fn told(student_id: StudentId, done: &str, course_id: CourseId) -> Response {
    Redirect::to(&format!("/students/{student_id}?{done}={course_id}")).into_response()
}

async fn refused(
    app: &App,
    student_id: StudentId,
    view: &StudentView,
    refusal: Refusal,
) -> Result<Response, Problem> {
    let problem = Problem::from(refusal);
    let page = student_page(app, student_id, view, Some(problem.detail().to_owned())).await?;
    Ok(Refused(problem.status(), page).into_response())
}
