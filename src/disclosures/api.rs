//! The API of disclosures.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Disclosure, store};
use crate::http::extract::{Parameters, PathParams, Query};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::List;
use crate::http::routes::{Routes, any_of};
use crate::lists::Direction;
use crate::problems::StudentNotFound;
use crate::registrar::{Refusal, Right, StudentId};
use crate::state::{App, AppState};
use crate::students::store::find as find_student;

/// The route of disclosures.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new().api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(disclosures))
}

/// List which programs have read about a student
///
/// The lists which may have contained the student that were sent to tokens, in this order; of the last 400 days. A list
/// of all students, or of events, counts for everybody who was there; a roster and a waitlist for those who were on it.
/// An entry appears about a second later.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/disclosures",
    operation_id = "list_student_disclosures",
    tag = "access",
    params(PageQuery, DisclosureQuery)
)]
async fn disclosures(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<DisclosureQuery>,
    url: RequestUrl,
) -> Result<List<Disclosure>, Refused<(StudentNotFound,)>> {
    let id = student.into_result()?;
    find_student(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    let listing = store::about(&app.viewer, id, query.order).await?;
    let page = query.page.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// The query of disclosures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct DisclosureQuery {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    /// The order of time.
    #[param(inline)]
    order: Direction,
}

impl Parameters for DisclosureQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "order"];
}
