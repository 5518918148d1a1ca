//! The forms on a student's page for holds and groups.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, RefusedPage, submit};
use super::students::{StudentQuery, student_page};
use crate::holds::api::{HoldId, NewHold};
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::{GroupName, JoinGroup, LeaveGroup, PlaceHold, Refusal, ReleaseHold, Right, StudentId};
use crate::state::{App, AppState};

/// The routes of these forms.
pub(super) fn routes() -> Routes<AppState> {
    let writes = only(Right::WriteStudents);
    Routes::new()
        .get("/students/{student_id}/holds", writes, redirect_to_student)
        .post("/students/{student_id}/holds", writes, place)
        .post("/students/{student_id}/holds/{hold_id}/release", writes, release)
        .get("/students/{student_id}/groups", writes, redirect_to_student)
        .post("/students/{student_id}/groups", writes, join)
        .post("/students/{student_id}/groups/leave", writes, leave)
}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the student.
async fn redirect_to_student(student: PathParams<StudentId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("/students/{}", student.into_result()?)))
}

/// Redirects to the student's page, which reports what was saved.
fn redirect(id: StudentId, saved: &str) -> Response {
    Redirect::to(&format!("/students/{id}?saved={saved}")).into_response()
}

impl FormDraft for NewHold {}

async fn place(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    form: Form<NewHold>,
) -> Result<Response, Problem> {
    let student_id = student.into_result()?;
    let Some(NewHold { reason }) = form.draft else {
        let error = form.values.error_sentence("reason", "The reason of a hold");
        return refused(&app, student_id, StatusCode::UNPROCESSABLE_ENTITY, error).await;
    };
    submit(&app.registrar, PlaceHold { student_id, reason }, &form.caller).await?;
    Ok(redirect(student_id, "hold"))
}

async fn release(
    app: App,
    hold: PathParams<(StudentId, HoldId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let (student_id, HoldId(hold_id)) = hold.into_result()?;
    match submit(&app.registrar, ReleaseHold { student_id, hold_id }, &form.caller).await {
        // Somebody else was faster.
        Ok(()) | Err(Refusal::HoldNotFound { .. }) => Ok(redirect(student_id, "no-hold")),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The group that was chosen.
#[derive(Debug)]
struct ChosenGroup(GroupName);

impl Draft for ChosenGroup {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self(fields.required("group", |value| fields::text(value, str::parse))?))
    }
}

impl FormDraft for ChosenGroup {}

async fn join(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    form: Form<ChosenGroup>,
) -> Result<Response, Problem> {
    let student_id = student.into_result()?;
    let Some(ChosenGroup(name)) = form.draft else {
        let error = Some("Choose a group.".to_owned());
        return refused(&app, student_id, StatusCode::UNPROCESSABLE_ENTITY, error).await;
    };
    match submit(&app.registrar, JoinGroup { name, student_id }, &form.caller).await {
        Ok(()) => Ok(redirect(student_id, "group")),
        Err(refusal @ Refusal::GroupNotFound(_)) => {
            refused(&app, student_id, StatusCode::NOT_FOUND, Some(refusal.to_string())).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn leave(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    form: Form<ChosenGroup>,
) -> Result<Response, Problem> {
    let student_id = student.into_result()?;
    let Some(ChosenGroup(name)) = form.draft else { return Ok(redirect(student_id, "nothing")) };
    match submit(&app.registrar, LeaveGroup { name, student_id }, &form.caller).await {
        Ok(()) | Err(Refusal::NotInGroup { .. } | Refusal::GroupNotFound(_)) => {
            Ok(redirect(student_id, "no-group"))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn refused(
    app: &App,
    id: StudentId,
    status: StatusCode,
    why: Option<String>,
) -> Result<Response, Problem> {
    let page = student_page(app, id, &StudentQuery::default(), why, None).await?;
    Ok(RefusedPage(status, page).into_response())
}
