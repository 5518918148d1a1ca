//! Swapping a held seat for a seat in another course.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};

use super::confirmation::{ADMISSIONS, latest};
use super::course::{find, refused};
use super::me::{Dropping, Me};
use crate::enrollments::OwnEnrollment;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::kit::form::{new_key, submit_again};
use crate::pages::kit::{Form, FormDraft, Frame, Rendered, filters};
use crate::registrar::{CourseId, Refusal, Right, Swap};
use crate::registration::{LiveCourse, Outlook};
use crate::state::{App, AppState};

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    let enrolls = only(Right::EnrollOneself);
    Routes::new().get("/my/courses/{course_id}/swap", enrolls, choose).post(
        "/my/courses/{course_id}/swap",
        enrolls,
        swap,
    )
}

/// The page that asks which course to give up.
#[derive(Template)]
#[template(path = "my/swap.html")]
struct SwapPage {
    frame: Frame,
    live: LiveCourse,
    outlook: Outlook,
    /// The held courses, and whether each may be dropped.
    held: Vec<(OwnEnrollment, Dropping)>,
    key: String,
}

async fn choose(app: App, course: PathParams<CourseId>, _: NoQuery) -> Result<Response, Problem> {
    let (me, course_id) = (Me::require(&app).await?, course.into_result()?);
    let (live, _) = find(&app, course_id).await?;
    if me.enrollment(course_id).is_some() || me.held.is_empty() {
        return Ok(Redirect::to(&format!("/courses/{course_id}")).into_response());
    }
    let held = me.held.iter().map(|held| (held.clone(), me.dropping(&held.limits)));
    let page = SwapPage {
        frame: Frame::new(&app, "courses"),
        outlook: me.outlook(&live),
        held: held.collect(),
        live,
        key: new_key(),
    };
    Ok(Rendered(page).into_response())
}

/// The course that the student gives up.
#[derive(Debug)]
pub(super) struct SwapForm {
    from: CourseId,
}

impl Draft for SwapForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { from: CourseId(fields.required("from", fields::id)?) })
    }
}

impl FormDraft for SwapForm {
    const NUMBERS: &[&str] = &["from"];
}

async fn swap(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<SwapForm>,
) -> Result<Response, Problem> {
    let (me, to) = (Me::require(&app).await?, course.into_result()?);
    let Some(SwapForm { from }) = form.draft else {
        return Ok(Redirect::to(&format!("/my/courses/{to}/swap")).into_response());
    };
    let command = Swap { student_id: me.id, from, to };
    let refusal = match submit_again(&app.registrar, command, &form.caller).await {
        Ok(_) | Err(Refusal::AlreadyEnrolled(_)) => return latest(&app, me.id, to, &ADMISSIONS).await,
        Err(refusal) => refusal,
    };
    // It was swapped before.
    if matches!(refusal, Refusal::EnrollmentNotFound { .. }) && me.enrollment(to).is_some() {
        return latest(&app, me.id, to, &ADMISSIONS).await;
    }
    refused(&app, to, refusal).await
}
