//! The API of the rules of the whole school.

use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store;
use crate::http::extract::{Json, NoQuery};
use crate::http::fields::{self, Draft, Fields};
use crate::http::refused::Refused;
use crate::http::reply::{Found, Resource};
use crate::http::routes::{Routes, only};
use crate::problems::RowRefused;
use crate::registrar::{MAX_COURSE_LIMIT, Outcome, Right, Rules, SetRules};
use crate::state::{App, AppState};

/// The routes of the rules.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new().api(only(Right::ReadCatalogue), routes!(show)).api(only(Right::WriteCourses), routes!(set))
}

/// Read the rules of the whole school
#[utoipa::path(get, path = "/api/v1/rules", operation_id = "get_rules", tag = "rules")]
async fn show(app: App, _: NoQuery) -> Result<Found<Rules>, Refused<()>> {
    Ok(Found(store::find(&app.viewer).await?))
}

/// Set the rules of the whole school
///
/// Students who have more courses than the new limit keep them.
#[utoipa::path(put, path = "/api/v1/rules", operation_id = "set_rules", tag = "rules")]
async fn set(
    app: App,
    _: NoQuery,
    Json(draft, caller): Json<NewRules>,
) -> Result<Outcome<Found<Rules>>, Refused<(RowRefused,)>> {
    Ok(app.registrar.submit(SetRules { rules: draft.into() }, &caller).await?.map(Found))
}

/// The rules of the whole school.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"course_limit": 6}))]
pub(crate) struct NewRules {
    /// The most courses of a student, places on waitlists included; null for no limit.
    #[schema(required, minimum = 0, maximum = 1_000)]
    pub(crate) course_limit: Option<i64>,
}

impl Draft for NewRules {
    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = |value: &_| fields::number(value, 0, MAX_COURSE_LIMIT);
        let course_limit = fields.required("course_limit", |value| fields::nullable(value, limit));
        Some(Self { course_limit: course_limit? })
    }
}

impl From<NewRules> for Rules {
    fn from(new: NewRules) -> Self {
        Self { course_limit: new.course_limit }
    }
}

impl Resource for Rules {}
