//! The API of the record of sign-ins.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::store::{self, SignInFilter};
use super::{SignInEntry, SignInOutcome};
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::List;
use crate::http::routes::{Routes, only};
use crate::lists::Direction;
use crate::registrar::{MAX_ID, Right};
use crate::state::{App, AppState};

/// The route of the record of sign-ins.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new().api(only(Right::Administer), routes!(sign_ins))
}

/// List sign-ins
///
/// Who signed in and out, and attempts that failed, in this order; of the last 400 days. Complete without `limit`.
#[utoipa::path(
    get,
    path = "/api/v1/sign-ins",
    operation_id = "list_sign_ins",
    tag = "access",
    params(PageQuery, SignInQuery)
)]
async fn sign_ins(
    app: App,
    Query(query): Query<SignInQuery>,
    url: RequestUrl,
) -> Result<List<SignInEntry>, Refused<()>> {
    let listing = store::list(&app.viewer, query.filter(), query.order);
    let page = query.page.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// The query of the record of sign-ins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct SignInQuery {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    /// Only those of this account.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    account_id: Option<KnownId>,
    /// Only those with this outcome.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    outcome: Option<SignInOutcome>,
    /// The order of time.
    #[param(inline)]
    order: Direction,
}

impl SignInQuery {
    fn filter(&self) -> SignInFilter {
        SignInFilter { account_id: self.account_id.map(|KnownId(id)| id), outcome: self.outcome }
    }
}

impl Parameters for SignInQuery {
    const KNOWN: &'static [&'static str] = &["limit", "after", "account_id", "outcome", "order"];
}

/// The id of an account in a query.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
pub(crate) struct KnownId(pub(crate) i64);

impl FromStr for KnownId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.then(|| text.parse().ok()).flatten().filter(|id| (1..=MAX_ID).contains(id));
        id.map(Self).ok_or("must be the id of an account")
    }
}

impl ToSchema for SignInOutcome {}

impl PartialSchema for SignInOutcome {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.map(Self::as_str))).into()
    }
}
