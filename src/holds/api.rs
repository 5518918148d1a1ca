//! The API of holds.

use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store;
use crate::http::echo::excerpt;
use crate::http::extract::{Bodiless, FromPath, Json, NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Routes, any_of, only};
use crate::problems::{HoldNotFound, RowRefused, StudentNotFound};
use crate::registrar::{
    Hold, MAX_ID, Outcome, PlaceHold, Refusal, ReleaseHold, Right, StudentId, reason_text,
};
use crate::state::{App, AppState};
use crate::students::store::find as find_student;

/// The routes of holds.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(holds))
        .api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(show))
        .api(only(Right::WriteStudents), routes!(place))
        .api(only(Right::WriteStudents), routes!(release))
}

/// List the holds of a student
///
/// In the order in which they were placed; `[]` if there are none.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/holds",
    operation_id = "list_student_holds",
    tag = "holds",
    params(PageQuery)
)]
async fn holds(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Hold>, Refused<(StudentNotFound,)>> {
    let id = student.into_result()?;
    let listing = store::holds_of(&app.viewer, id);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        find_student(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    }
    Ok(List::new(list, &url))
}

/// Read a hold
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/holds/{hold_id}",
    operation_id = "get_hold",
    tag = "holds"
)]
async fn show(
    app: App,
    hold: PathParams<(StudentId, HoldId)>,
    _: NoQuery,
) -> Result<Found<Hold>, Refused<(StudentNotFound, HoldNotFound)>> {
    let (student_id, HoldId(hold_id)) = hold.into_result()?;
    if let Some(hold) = store::find(&app.viewer, student_id, hold_id).await? {
        return Ok(Found(hold));
    }
    find_student(&app.viewer, student_id).await?.ok_or(Refusal::StudentNotFound(student_id))?;
    Err(Refusal::HoldNotFound { student_id, hold_id }.into())
}

/// Place a hold on a student
///
/// Until it is released the student does not enroll, joins no waitlist, and is passed over when seats come free, but keeps
/// courses and places. The student reads the reason.
#[utoipa::path(
    post,
    path = "/api/v1/students/{student_id}/holds",
    operation_id = "place_hold",
    tag = "holds"
)]
async fn place(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    Json(draft, caller): Json<NewHold>,
) -> Result<Outcome<Created<Hold>>, Refused<(StudentNotFound, RowRefused)>> {
    let command = PlaceHold { student_id: student.into_result()?, reason: draft.reason };
    Ok(app.registrar.submit(command, &caller).await?.map(Created))
}

/// Release a hold
///
/// With the last one the student gets the free seats that they wait for.
#[utoipa::path(
    delete,
    path = "/api/v1/students/{student_id}/holds/{hold_id}",
    operation_id = "release_hold",
    tag = "holds"
)]
async fn release(
    app: App,
    hold: PathParams<(StudentId, HoldId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(StudentNotFound, HoldNotFound, RowRefused)>> {
    let (student_id, HoldId(hold_id)) = hold.into_result()?;
    Ok(app.registrar.submit(ReleaseHold { student_id, hold_id }, &caller).await?.map(|()| NoContent))
}

/// A hold to place.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"reason": "Library fees: 12 euros are open. Ask at the library."}))]
pub(crate) struct NewHold {
    /// Why the student does not enroll. The student reads it, and the log has it for good.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reason: String,
}

impl Draft for NewHold {
    fn read(fields: &mut Fields) -> Option<Self> {
        let parse = |text: &str| reason_text(text)?.ok_or_else(|| "must not be empty".to_owned());
        let reason = fields.required("reason", |value| fields::text(value, parse));
        Some(Self { reason: reason? })
    }
}

impl Resource for Hold {}

impl Located for Hold {
    fn location(&self) -> String {
        format!("/api/v1/students/{}/holds/{}", self.student_id, self.id)
    }
}

/// The id of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldId(pub i64);

impl FromPath for (StudentId, HoldId) {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let student_id = StudentId::read(given)?;
        let text = given("hold_id");
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.then(|| text.parse().ok()).flatten().filter(|id| (1..=MAX_ID).contains(id));
        let id = id.ok_or_else(|| {
            Problem::new::<HoldNotFound>("There is no such hold.")
                .with("student_id", student_id.0)
                .with("hold_id", excerpt(&text))
        })?;
        Ok((student_id, HoldId(id)))
    }
}
