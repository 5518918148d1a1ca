//! The API of accounts.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::api::{Name, ONLY_STUDENTS, name, role};
use super::super::secret::Secret;
use super::super::{SET_PASSWORD, store};
use crate::http::extract::{Bodiless, Json, NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Routes, only};
use crate::problems::{
    AccountNotFound, AddressTaken, FirstNotAdmin, LastAdmin, RoleConflict, StudentNotFound,
};
use crate::registrar::{
    Account, AccountId, ChangeAccount, CreateAccount, Outcome, Refusal, Right, Role, StudentId,
    UnlinkAccount, email_address,
};
use crate::state::{App, AppState};

/// The routes of accounts.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let admin = only(Right::Administer);
    Routes::new()
        .api(admin, routes!(create_account, accounts))
        .api(admin, routes!(account, change_account))
        .api(admin, routes!(unlink_account))
}

/// Create an account
///
/// `link` in the answer is the only copy of a one-time link with which the person sets a password; it works for a day.
/// The first account, like the first token, has to be an admin's, and ends the open mode.
#[utoipa::path(post, path = "/api/v1/accounts", operation_id = "create_account", tag = "access")]
async fn create_account(
    app: App,
    _: NoQuery,
    url: RequestUrl,
    Json(draft, caller): Json<NewAccount>,
) -> Result<Outcome<Created<CreatedAccount>>, Refused<(StudentNotFound, AddressTaken, FirstNotAdmin)>> {
    let NewAccount { name, address, role, student_id } = draft;
    let secret = Secret::generate("");
    let link = Some((secret.hash().to_hex(), app.sign_in.link_expires_at()));
    let done = app.registrar.submit(CreateAccount { name, address, role, student_id, link }, &caller).await?;
    let link = (!done.replayed).then(|| url.absolute(&format!("{SET_PASSWORD}{}", secret.expose())));
    Ok(done.map(|entry| Created(CreatedAccount { entry, link })))
}

/// List the accounts
#[utoipa::path(
    get,
    path = "/api/v1/accounts",
    operation_id = "list_accounts",
    tag = "access",
    params(PageQuery)
)]
async fn accounts(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Account>, Refused<()>> {
    let listing = store::accounts(&app.viewer);
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Read an account
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}", operation_id = "get_account", tag = "access")]
async fn account(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
) -> Result<Found<Account>, Refused<(AccountNotFound,)>> {
    let AccountId(id) = id.into_result()?;
    Ok(Found(store::find_account(&app.viewer, id).await?.ok_or(Refusal::AccountNotFound(id))?))
}

/// Change an account, or disable it
///
/// A merge patch (RFC 7396): fields that are left out do not change. The last admin who can sign in stays one.
#[utoipa::path(
    patch,
    path = "/api/v1/accounts/{account_id}",
    operation_id = "update_account",
    tag = "access"
)]
async fn change_account(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    Json(draft, caller): Json<AccountChange>,
) -> Result<Outcome<Found<Account>>, Refused<(AccountNotFound, AddressTaken, LastAdmin, RoleConflict)>> {
    let AccountId(id) = id.into_result()?;
    Ok(app.registrar.submit(draft.of(id), &caller).await?.map(Found))
}

/// Unlink an account from single sign-on
///
/// Whoever has signed in to it at a provider or a proxy is signed out, on every server within a second, and is matched
/// anew at the next sign-in. Does nothing if nobody has. The last admin who can sign in stays linked.
#[utoipa::path(
    delete,
    path = "/api/v1/accounts/{account_id}/identities",
    operation_id = "unlink_account",
    tag = "access"
)]
async fn unlink_account(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(AccountNotFound, LastAdmin)>> {
    let AccountId(id) = id.into_result()?;
    Ok(app.registrar.submit(UnlinkAccount { id }, &caller).await?.map(|()| NoContent))
}

impl Resource for Account {}

/// A new account with its link.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": 58, "name": "Zoë Martin", "address": "zoe@example.edu", "role": "student", "student_id": 4, "created_at": "2026-09-01T08:00:00.000Z", "disabled_at": null, "link": "http://127.0.0.1:8080/invitation/4kTqS1bXw0"}))]
pub struct CreatedAccount {
    #[serde(flatten)]
    entry: Account,
    /// The address at which the person sets a password, once and within a day. It is not stored and cannot be shown again:
    /// null in the answer to a repeated request.
    #[schema(required)]
    link: Option<String>,
}

impl Resource for CreatedAccount {}

impl Located for CreatedAccount {
    fn location(&self) -> String {
        format!("/api/v1/accounts/{}", self.entry.id)
    }
}

/// An account to create.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"name": "Zoë Martin", "address": "zoe@example.edu", "role": "student", "student_id": 4}))]
pub(crate) struct NewAccount {
    /// The person's name.
    #[schema(value_type = Name)]
    pub(crate) name: String,
    /// The e-mail address to sign in with; case is ignored.
    #[schema(format = Email, min_length = 1, max_length = 255)]
    pub(crate) address: String,
    /// The person's role.
    pub(crate) role: Role,
    /// The student who the person is: needed for the role `student`, and only for that.
    pub(crate) student_id: Option<StudentId>,
}

impl Draft for NewAccount {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let address = fields.required("address", |value| fields::text(value, email_address));
        let role = fields.required("role", role);
        let student_id = fields.optional("student_id", |value| fields::nullable(value, fields::id));
        let student_id = student_id.map(|id| id.flatten().map(StudentId));
        match (role, student_id) {
            (Some(Role::Student), Some(None)) => fields.add_error("student_id", STUDENT_MISSING),
            (Some(Role::Student) | None, _) => {}
            (Some(_), student_id) if student_id.flatten().is_some() => {
                fields.add_error("student_id", ONLY_STUDENTS);
            }
            (Some(_), _) => {}
        }
        Some(Self { name: name?, address: address?, role: role?, student_id: student_id? })
    }
}

pub(crate) const STUDENT_MISSING: &str = "is needed for the role student";

/// What to change about an account.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"role": "registrar"}))]
pub(crate) struct AccountChange {
    /// The person's new name.
    #[schema(value_type = Option<Name>, nullable = false)]
    name: Option<String>,
    /// The new e-mail address to sign in with; case is ignored.
    #[schema(format = Email, min_length = 1, max_length = 255, nullable = false)]
    address: Option<String>,
    /// The new role.
    #[schema(nullable = false)]
    role: Option<Role>,
    /// Whether the person may sign in.
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl AccountChange {
    /// This change of the account with this id.
    pub(crate) fn of(self, id: i64) -> ChangeAccount {
        let Self { name, address, role, enabled } = self;
        ChangeAccount { id, name, address, role, enabled }
    }
}

impl Draft for AccountChange {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.optional("name", name);
        let address = fields.optional("address", |value| fields::text(value, email_address));
        let role = fields.optional("role", role);
        let enabled = fields
            .optional("enabled", |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned()));
        Some(Self { name: name?, address: address?, role: role?, enabled: enabled? })
    }
}
