//! The API of tokens, and of the caller themselves.

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::secret::Secret;
use super::{TOKEN_PREFIX, store};
use crate::clock::Stamp;
use crate::enrollments::store as enrollments;
use crate::http::extract::{Bodiless, FromPath, Json, NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Allow, Routes, only};
use crate::problems::{FirstNotAdmin, LastAdmin, StudentNotFound, TokenNotFound};
use crate::registrar::{
    Course, CreateToken, MAX_TEXT, Outcome, Refusal, RevokeToken, Right, Rights, Role, StudentId, Token,
    VISIBLE_TEXT, record_text,
};
use crate::state::{App, AppState};

/// The routes of tokens, and of the caller themselves.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let admin = only(Right::Administer);
    Routes::new()
        .api(Allow::SignedIn, routes!(me))
        .api(only(Right::ReadOwnRecord), routes!(my_courses))
        .api(admin, routes!(create_token, tokens))
        .api(admin, routes!(token, revoke_token))
}

/// Who am I
///
/// The sender of the request: an account or a token, its role, and what it may do. Open to everybody who has signed in.
#[utoipa::path(get, path = "/api/v1/me", operation_id = "get_me", tag = "access")]
async fn me(app: App, _: NoQuery) -> Result<Found<Me>, Refused<()>> {
    let identity = &app.identity;
    Ok(Found(Me {
        actor: identity.actor.to_string(),
        role: identity.role,
        scopes: identity.grants.rights,
        student_id: identity.grants.student,
    }))
}

/// List one's own courses
///
/// For the student who the caller is, in order of enrollment.
#[utoipa::path(
    get,
    path = "/api/v1/me/courses",
    operation_id = "list_my_courses",
    tag = "access",
    params(PageQuery)
)]
async fn my_courses(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Course>, Refused<()>> {
    let listing = enrollments::own_courses(&app.viewer);
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Create a token
///
/// `token` in the answer is the only copy of the secret: it is shown once, and not to a request that is repeated with
/// the same `Idempotency-Key`. The first token, like the first account, ends the open mode.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", tag = "access")]
async fn create_token(
    app: App,
    _: NoQuery,
    Json(draft, caller): Json<NewToken>,
) -> Result<Outcome<Created<CreatedToken>>, Refused<(StudentNotFound, FirstNotAdmin)>> {
    let secret = Secret::generate(TOKEN_PREFIX);
    let NewToken { name, role, scopes, student_id, expires_at } = draft;
    let command = CreateToken { name, role, scopes, student_id, hash: secret.hash().to_hex(), expires_at };
    let done = app.registrar.submit(command, &caller).await?;
    let token = (!done.replayed).then(|| secret.expose());
    Ok(done.map(|entry| Created(CreatedToken { entry, token })))
}

/// List the tokens
///
/// Without their secrets, and without those that were revoked.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "access", params(PageQuery))]
async fn tokens(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Token>, Refused<()>> {
    let listing = store::tokens(&app.viewer);
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Read a token
#[utoipa::path(get, path = "/api/v1/tokens/{token_id}", operation_id = "get_token", tag = "access")]
async fn token(
    app: App,
    id: PathParams<TokenId>,
    _: NoQuery,
) -> Result<Found<Token>, Refused<(TokenNotFound,)>> {
    let TokenId(id) = id.into_result()?;
    Ok(Found(store::find_token(&app.viewer, id).await?.ok_or(Refusal::TokenNotFound(id))?))
}

/// Revoke a token
///
/// This server refuses it at once, every other server on the database within a second.
#[utoipa::path(delete, path = "/api/v1/tokens/{token_id}", operation_id = "revoke_token", tag = "access")]
async fn revoke_token(
    app: App,
    id: PathParams<TokenId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(TokenNotFound, LastAdmin)>> {
    let TokenId(id) = id.into_result()?;
    Ok(app.registrar.submit(RevokeToken { id }, &caller).await?.map(|()| NoContent))
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"actor": "token:57", "role": "student", "scopes": ["catalogue:read", "own-record:read", "own-enrollments:write"], "student_id": 4}))]
pub struct Me {
    /// Who it is, as the log has it: `account:17`, `token:3`, or `anonymous` while the school is open.
    pub actor: String,
    /// The role; null while the school is open.
    #[schema(required)]
    pub role: Option<Role>,
    /// What the caller may do.
    pub scopes: Rights,
    /// The student who the caller is.
    #[schema(required)]
    pub student_id: Option<StudentId>,
}

impl Resource for Me {}
impl Resource for Token {}

/// A new token with its secret.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": 57, "name": "Learning platform", "role": "registrar", "scopes": ["rosters:read"], "student_id": null, "created_at": "2026-09-01T08:00:00.000Z", "expires_at": null, "revoked_at": null, "used_at": null, "token": "mtr_3fQ0wVb1yT9sK2LxN7aZrE5hCjU8dGmP"}))]
pub struct CreatedToken {
    #[serde(flatten)]
    entry: Token,
    /// The secret, to be sent as `Authorization: Bearer mtr_...`. It is not stored and cannot be shown again: null in
    /// the answer to a repeated request.
    #[schema(required)]
    token: Option<String>,
}

impl Resource for CreatedToken {}

impl Located for CreatedToken {
    fn location(&self) -> String {
        format!("/api/v1/tokens/{}", self.entry.id)
    }
}

/// A token to create.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"name": "Learning platform", "role": "registrar", "scopes": ["rosters:read"], "expires_at": "2027-08-31T22:00:00Z"}))]
pub(crate) struct NewToken {
    /// What it is for.
    #[schema(value_type = Name)]
    name: String,
    /// Its role.
    role: Role,
    /// Fewer rights than those of the role; all of them if it is left out.
    #[schema(nullable = false)]
    scopes: Option<Rights>,
    /// The student who it acts for, only for the role `student`. Without one, such a token reads the catalogue.
    #[schema(nullable = false)]
    student_id: Option<StudentId>,
    /// When it stops working (RFC 3339); never if it is left out.
    #[schema(nullable = false)]
    expires_at: Option<Stamp>,
}

impl Draft for NewToken {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let role = fields.required("role", role);
        let scopes = fields.optional("scopes", scopes);
        let student_id = fields.optional("student_id", fields::id).map(|id| id.map(StudentId));
        let expires_at = fields.optional("expires_at", fields::time);
        let (role, scopes, student_id) = (role?, scopes?, student_id?);
        if scopes.is_some_and(|scopes| scopes.and(role.rights()) != scopes) {
            let allowed = role.rights().to_string().replace(' ', ", ");
            fields.add_error("scopes", &format!("must be scopes of the role {role}: {allowed}"));
        }
        if role != Role::Student && student_id.is_some() {
            fields.add_error("student_id", ONLY_STUDENTS);
        }
        Some(Self { name: name?, role, scopes, student_id, expires_at: expires_at? })
    }
}

pub(crate) const ONLY_STUDENTS: &str = "is only for the role student";
/// The schema of a name.
#[derive(Debug)]
pub struct Name;

impl ToSchema for Name {}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_TEXT))
            .pattern(Some(VISIBLE_TEXT))
            .into()
    }
}

pub(crate) fn name(value: &Value) -> Result<String, String> {
    fields::text(value, record_text)
}

pub(crate) fn role(value: &Value) -> Result<Role, String> {
    fields::text(value, str::parse)
}

fn scopes(value: &Value) -> Result<Rights, String> {
    let names = value.as_array().map(|names| names.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let names = names.flatten().filter(|names| !names.is_empty());
    names.ok_or_else(|| "must be an array of scopes, with at least one".to_owned())?.join(" ").parse()
}

/// A whole number from 1, written in digits alone.
fn id(text: &str) -> Option<i64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id: &i64| is_plain && *id > 0)
}

/// The id of a token in a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenId(pub(crate) i64);

impl FromPath for TokenId {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        id(&given("token_id"))
            .map(Self)
            .ok_or_else(|| Problem::new::<TokenNotFound>("There is no such token."))
    }
}
