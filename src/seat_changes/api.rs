//! The API of changes of the seats of many courses.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{ChangedCourse, CourseChoice, CourseStatus, SeatChange, SeatChangeError, store};
use crate::http::extract::{Bodiless, FromPath, Json, NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::{IdempotencyKeyReused, Problem};
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, Resource};
use crate::http::routes::{Allow, Routes, only};
use crate::lists::Search;
use crate::problems::{GroupNotFound, PlanChanged, SeatChangeNotFound, SeatChangeState};
use crate::registrar::{LimitsChange, MAX_ID, Right};
use crate::state::{App, AppState};

/// The right to change the seats of many courses: that to change those of one.
pub const ALLOWED: Allow = only(Right::WriteCourses);

/// The most ids of courses in a request.
const MAX_IDS: usize = 1_000;

/// The routes of changes.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(ALLOWED, routes!(create, list))
        .api(ALLOWED, routes!(show))
        .api(ALLOWED, routes!(courses))
        .api(ALLOWED, routes!(apply))
        .api(ALLOWED, routes!(undo))
}

/// Plan a change of the seats of many courses
///
/// Nothing changes yet: the answer counts what the change would mean, and its `courses` list it. Without `courses`, the
/// change is about all courses. `seats` is a merge patch (RFC 7396), as for a single course.
#[utoipa::path(
    post,
    path = "/api/v1/seat-changes",
    operation_id = "create_seat_change",
    tag = "seat-changes"
)]
async fn create(
    app: App,
    _: NoQuery,
    Json(new, caller): Json<NewSeatChange>,
) -> Result<Created<SeatChange>, Refused<(GroupNotFound, SeatChangeNotFound)>> {
    let choice = new.courses.unwrap_or_default();
    let id = app.seat_changes.plan(&app.viewer, &choice, &new.seats, &caller).await?;
    Ok(Created(find(&app, id).await?))
}

/// List changes of the seats of many courses
///
/// The latest first, of the last 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/seat-changes",
    operation_id = "list_seat_changes",
    tag = "seat-changes",
    params(PageQuery)
)]
async fn list(
    app: App,
    Query(page): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<SeatChange>, Refused<()>> {
    let listing = store::list(&app.viewer);
    let page = page.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Read a change of the seats of many courses
///
/// While it runs, `done` of `counts.changed` courses have changed.
#[utoipa::path(
    get,
    path = "/api/v1/seat-changes/{seat_change_id}",
    operation_id = "get_seat_change",
    tag = "seat-changes"
)]
async fn show(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
) -> Result<Found<SeatChange>, Refused<(SeatChangeNotFound,)>> {
    Ok(Found(find(&app, id.into_result()?.0).await?))
}

/// List the courses of a change
///
/// What becomes of each course, planned or done: those that are refused, those that change, and those that are so already,
/// each by their names.
#[utoipa::path(
    get,
    path = "/api/v1/seat-changes/{seat_change_id}/courses",
    operation_id = "list_seat_change_courses",
    tag = "seat-changes",
    params(PageQuery, CourseQuery)
)]
async fn courses(
    app: App,
    id: PathParams<SeatChangeId>,
    Query(query): Query<CourseQuery>,
    url: RequestUrl,
) -> Result<List<ChangedCourse>, Refused<(SeatChangeNotFound,)>> {
    let id = find(&app, id.into_result()?.0).await?.id;
    let listing = store::courses(&app.viewer, id, query.status.map(|Status(status)| status));
    let page = query.page.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Carry out a change
///
/// Exactly as it was planned, in several commits if there are many courses, so that others can write in between. Refused if a
/// course or its seats are not as they were. A course that somebody changes in between keeps its seats; `not_done` counts
/// those. The answer waits at most a second for the end; while `status` is `applying`, read the change again. Does nothing if
/// the change is already applied.
#[utoipa::path(
    post,
    path = "/api/v1/seat-changes/{seat_change_id}/apply",
    operation_id = "apply_seat_change",
    tag = "seat-changes"
)]
async fn apply(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Found<SeatChange>, Refused<(SeatChangeNotFound, SeatChangeState, PlanChanged)>> {
    let id = id.into_result()?.0;
    app.seat_changes.apply(&app.viewer, id, &caller).await?;
    Ok(Found(find(&app, id).await?))
}

/// Undo a change
///
/// Puts back the seats of each course that are as the change has left them; `remaining` counts the others. Students who got a
/// seat by the change keep it. The answer waits at most a second for the end; while `status` is `undoing`, read the change
/// again.
#[utoipa::path(
    post,
    path = "/api/v1/seat-changes/{seat_change_id}/undo",
    operation_id = "undo_seat_change",
    tag = "seat-changes"
)]
async fn undo(
    app: App,
    id: PathParams<SeatChangeId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Found<SeatChange>, Refused<(SeatChangeNotFound, SeatChangeState)>> {
    let id = id.into_result()?.0;
    app.seat_changes.undo(id, &caller).await?;
    Ok(Found(find(&app, id).await?))
}

async fn find(app: &App, id: i64) -> Result<SeatChange, Problem> {
    let found = store::find(&app.viewer, id).await?;
    Ok(found.ok_or(SeatChangeError::NotFound(id))?)
}

impl Resource for SeatChange {}

impl Located for SeatChange {
    fn location(&self) -> String {
        format!("/api/v1/seat-changes/{}", self.id)
    }
}

impl From<SeatChangeError> for Problem {
    fn from(error: SeatChangeError) -> Self {
        let detail = error.to_string();
        match error {
            SeatChangeError::NotFound(_) => Self::new::<SeatChangeNotFound>(detail),
            SeatChangeError::WrongState(_) => Self::new::<SeatChangeState>(detail),
            SeatChangeError::PlanChanged => Self::new::<PlanChanged>(detail),
            SeatChangeError::KeyReused => Self::new::<IdempotencyKeyReused>(detail),
            SeatChangeError::Refused(refusal) => refusal.into(),
        }
    }
}

/// The id of a change.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
pub struct SeatChangeId(pub i64);

impl FromPath for SeatChangeId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("seat_change_id");
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = text.parse().ok().filter(|id| is_digits && (1..=MAX_ID).contains(id));
        id.map(Self).ok_or_else(|| Problem::new::<SeatChangeNotFound>("There is no such change."))
    }
}

/// A change of the seats of many courses.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"courses": {"q": "bio", "waiting": true}, "seats": {"capacity": 40}}))]
struct NewSeatChange {
    /// The courses; without it, all courses.
    courses: Option<CourseChoice>,
    /// What changes; limits that are left out stay as they are, and null removes one. At least one.
    seats: LimitsChange,
}

impl Draft for NewSeatChange {
    const ITEMS_OF_OBJECTS: usize = MAX_IDS + 1;

    fn read(fields: &mut Fields) -> Option<Self> {
        let courses = fields.optional_object("courses");
        let seats = fields.optional_object::<LimitsChange>("seats")?;
        let Some(seats) = seats else {
            fields.add_error("seats", "is required");
            return None;
        };
        if seats.is_empty() {
            fields.add_error("seats", "must have at least one limit");
        }
        Some(Self { courses: courses?, seats })
    }
}

impl Draft for CourseChoice {
    fn read(fields: &mut Fields) -> Option<Self> {
        let text = |text: &str| Search::from_str(text).map(|search| search.text().to_owned());
        let q = fields.optional("q", |value| fields::text(value, text));
        let level = fields.optional("level", |value| fields::text(value, |level| Ok(level.to_owned())));
        let open = fields.optional("open", fields::boolean);
        let free = fields.optional("free", fields::boolean);
        let waiting = fields.optional("waiting", fields::boolean);
        let ids = fields.optional("ids", ids);
        let (q, level, open) = (q?, level?, open?);
        Some(Self { q, level, open, free: free?, waiting: waiting?, ids: ids? })
    }
}

fn ids(value: &Value) -> Result<BTreeSet<i64>, String> {
    let ids = value.as_array().ok_or("must be an array of ids")?;
    if ids.len() > MAX_IDS {
        return Err("must have at most 1,000 ids".to_owned());
    }
    ids.iter().map(|id| fields::id(id).map_err(|error| format!("has an id that {error}"))).collect()
}

/// The query of the courses of a change.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct CourseQuery {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    /// Only courses of which this becomes.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<CourseStatus>, inline)]
    status: Option<Status>,
}

impl Parameters for CourseQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "status"];
}

/// A status in a query.
#[derive(Clone, Copy, Debug)]
pub struct Status(pub CourseStatus);

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = CourseStatus::ALL.iter().find(|status| status.as_str() == text);
        found.map(|status| Self(*status)).ok_or_else(|| {
            let names: Vec<_> = CourseStatus::ALL.iter().map(|one| format!("`{}`", one.as_str())).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}
