//! The form that enrolls, or joins a waitlist.

use axum::response::Response;

use super::confirmation::{ADMISSIONS, latest};
use super::course::refused;
use super::me::own_id;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::kit::form::submit_again;
use crate::pages::kit::{Form, FormDraft};
use crate::registrar::{CourseId, Enroll, Refusal, Right};
use crate::state::{App, AppState};

/// The routes of this form.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().post("/my/courses/{course_id}/enroll", only(Right::EnrollOneself), enroll)
}

/// What the button said.
#[derive(Debug)]
pub(super) struct EnrollForm {
    /// Whether it joins the waitlist if the course is full.
    waits: bool,
}

impl Draft for EnrollForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let waits = fields.optional("wait", |_| Ok(()))?;
        Some(Self { waits: waits.is_some() })
    }
}

impl FormDraft for EnrollForm {}

async fn enroll(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<EnrollForm>,
) -> Result<Response, Problem> {
    let (id, course_id) = (own_id(&app)?, course.into_result()?);
    // *Enroll* means a seat: students decide about the waitlist once they know how many wait.
    let wait = form.draft.is_some_and(|draft| draft.waits);
    let command = Enroll { wait, ..Enroll::new(id, course_id) };
    match submit_again(&app.registrar, command, &form.caller).await {
        Ok(_) | Err(Refusal::AlreadyEnrolled(_) | Refusal::AlreadyWaitlisted(_)) => {
            latest(&app, id, course_id, &ADMISSIONS).await
        }
        Err(refusal) => refused(&app, course_id, refusal).await,
    }
}
