//! The page where admins create accounts and give out links to set passwords.

use std::collections::HashMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, FormValues, Frame, RefusedPage, Rendered, filters};
use super::meant::{student_meant, typed_student};
use crate::access;
use crate::access::accounts::api::{AccountChange, STUDENT_MISSING};
use crate::access::api::{ONLY_STUDENTS, name, role};
use crate::access::secret::Secret;
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::lists::{Limit, Page};
use crate::registrar::{
    Account, AccountId, ByGroups, ChangeAccount, CreateAccount, CreateLink, Refusal, Right, Role,
    UnlinkAccount,
};
use crate::state::{App, AppState};
use crate::text::email_address;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let admin = only(Right::Administer);
    Routes::new()
        .get("/accounts", admin, show)
        .post("/accounts", admin, create)
        .post("/accounts/{account_id}/link", admin, new_link)
        .post("/accounts/{account_id}/disable", admin, disable)
        .post("/accounts/{account_id}/enable", admin, enable)
        .post("/accounts/{account_id}/unlink", admin, unlink)
        .get("/accounts/{account_id}/edit", admin, edit)
        .post("/accounts/{account_id}/edit", admin, update)
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<Account>,
    /// Accounts of people at a provider, and what the provider is called.
    linked: HashMap<i64, String>,
    /// A name, and the link to give to that person.
    link: Option<(String, String)>,
    values: FormValues,
    refusal: Option<String>,
}

impl AccountsPage {
    /// Whether the form begins with this role: what was typed before, an admin first, otherwise the role with the least
    /// rights.
    fn is_preset(&self, role: Role) -> bool {
        let preset = if self.accounts.is_empty() { Role::Admin } else { Role::Student };
        self.values.value("role").parse().unwrap_or(preset) == role
    }

    async fn load(app: &App) -> Result<Self, Problem> {
        let listing = access::accounts(&app.viewer);
        let accounts = listing.read(&app.viewer, &Page::first(Limit::MAX)).await?.rows;
        let ids = accounts.first().map_or(0, |first| first.id)..=accounts.last().map_or(0, |last| last.id);
        let linked = access::providers_of(&app.viewer, ids).await?.into_iter();
        let linked = linked.map(|(id, issuer)| (id, app.ways.providers.label(&issuer).to_owned())).collect();
        let frame = Frame::new(app, "accounts");
        Ok(Self { frame, accounts, linked, link: None, values: FormValues::default(), refusal: None })
    }

    fn has_lost_groups(account: &Account) -> bool {
        account.disabled_at.is_some() && account.by_groups == Some(ByGroups::Lost)
    }
}

async fn show(app: App, _: NoQuery) -> Result<Response, Problem> {
    Ok(RefusedPage(StatusCode::OK, AccountsPage::load(&app).await?).into_response())
}

async fn create(app: App, _: NoQuery, url: RequestUrl, form: Form<AccountForm>) -> Result<Response, Problem> {
    let Some(AccountForm { name, address, role, student }) = form.draft else {
        let page = AccountsPage { values: form.values, ..AccountsPage::load(&app).await? };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let student_id = match student_meant(&app, student.as_deref()).await? {
        Ok(student_id) => student_id,
        Err(why) => {
            let values = form.values.with_error("student", &why);
            let page = AccountsPage { values, ..AccountsPage::load(&app).await? };
            return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let secret = Secret::generate("");
    let link = Some((secret.hash().to_hex(), app.sign_in.link_expires_at()));
    let command = CreateAccount { name, address, role, student_id, link };
    match app.registrar.submit(command, &form.caller).await {
        Ok(done) => with_link(&app, &url, &done.answer, &secret).await,
        Err(refused) => {
            let (status, refusal) =
                (Problem::from(refused.answer.clone()).status(), Some(refused.answer.to_string()));
            let page = AccountsPage { values: form.values, refusal, ..AccountsPage::load(&app).await? };
            Ok(RefusedPage(status, page).into_response())
        }
    }
}

async fn new_link(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    url: RequestUrl,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let AccountId(account_id) = id.into_result()?;
    let secret = Secret::generate("");
    let command =
        CreateLink { account_id, hash: secret.hash().to_hex(), expires_at: app.sign_in.link_expires_at() };
    let account = app.registrar.submit(command, &form.caller).await?.answer;
    with_link(&app, &url, &account, &secret).await
}

/// The page with the link, which is shown this once. After the first account the school is closed, and the reader has to
/// sign in for anything else.
async fn with_link(
    app: &App,
    url: &RequestUrl,
    account: &Account,
    secret: &Secret,
) -> Result<Response, Problem> {
    let link = url.absolute(&format!("/set-password/{}", secret.expose()));
    let page = AccountsPage { link: Some((account.name.clone(), link)), ..AccountsPage::load(app).await? };
    Ok(RefusedPage(StatusCode::OK, page).into_response())
}

async fn disable(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    change(&app, id, form, false).await
}

async fn enable(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    change(&app, id, form, true).await
}

async fn change(
    app: &App,
    id: PathParams<AccountId>,
    form: Form<EmptyForm>,
    enabled: bool,
) -> Result<Response, Problem> {
    let AccountId(id) = id.into_result()?;
    let command = ChangeAccount { id, enabled: Some(enabled), ..ChangeAccount::default() };
    let done = app.registrar.submit(command, &form.caller).await;
    changed(app, done.err().map(|refused| refused.answer)).await
}

async fn unlink(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let AccountId(id) = id.into_result()?;
    let done = app.registrar.submit(UnlinkAccount { id }, &form.caller).await;
    changed(&app, done.err().map(|refused| refused.answer)).await
}

/// The page after a change, or with the reason why the last admin stays one.
async fn changed(app: &App, refusal: Option<Refusal>) -> Result<Response, Problem> {
    let refusal = match refusal {
        None => None,
        Some(refusal @ Refusal::LastAdmin) => Some(refusal.to_string()),
        Some(refusal) => return Err(refusal.into()),
    };
    let status = if refusal.is_none() { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok(RefusedPage(status, AccountsPage { refusal, ..AccountsPage::load(app).await? }).into_response())
}

/// The form to change the name and the address of an account.
#[derive(Template)]
#[template(path = "account_edit.html")]
struct EditAccountPage {
    frame: Frame,
    account: Account,
    values: FormValues,
    refusal: Option<String>,
}

impl EditAccountPage {
    async fn load(app: &App, id: i64) -> Result<Self, Problem> {
        let found = access::find_account(&app.viewer, id).await?;
        let account = found.ok_or(Refusal::AccountNotFound(id))?;
        let address = account.email().unwrap_or_default().to_owned();
        let values = FormValues::new([("name", account.name.clone()), ("address", address)]);
        Ok(Self { frame: Frame::new(app, "accounts"), account, values, refusal: None })
    }
}

async fn edit(app: App, id: PathParams<AccountId>, _: NoQuery) -> Result<Response, Problem> {
    let AccountId(id) = id.into_result()?;
    Ok(Rendered(EditAccountPage::load(&app, id).await?).into_response())
}

async fn update(
    app: App,
    id: PathParams<AccountId>,
    _: NoQuery,
    form: Form<AccountChange>,
) -> Result<Response, Problem> {
    let AccountId(id) = id.into_result()?;
    let page = EditAccountPage::load(&app, id).await?;
    let form = form.without_unchanged(|name, sent| page.values.value(name) == sent);
    let Some(change) = form.draft else {
        let page = EditAccountPage { values: form.values, ..page };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    match app.registrar.submit(change.of(id), &form.caller).await.map_err(|refused| refused.answer) {
        Ok(_) => Ok(Redirect::to("/accounts").into_response()),
        Err(refusal) => Ok(page.refused(form.values, refusal)),
    }
}

impl EditAccountPage {
    fn refused(self, values: FormValues, refusal: Refusal) -> Response {
        let problem = Problem::from(refusal);
        let page = Self { values, refusal: Some(problem.detail().to_owned()), ..self };
        RefusedPage(problem.status(), page).into_response()
    }
}

impl FormDraft for AccountChange {}

/// The form to create an account.
#[derive(Debug)]
struct AccountForm {
    name: String,
    address: String,
    role: Role,
    /// The student as people name them: ids are not shown to them.
    student: Option<String>,
}

impl Draft for AccountForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let address = fields.required("address", |value| fields::text(value, email_address));
        let role = fields.required("role", role);
        let student = fields.optional("student", typed_student).map(Option::flatten);
        match (role, student.as_ref().map(Option::is_some)) {
            (Some(Role::Student), Some(false)) => fields.add_error("student", STUDENT_MISSING),
            (Some(role), Some(true)) if role != Role::Student => fields.add_error("student", ONLY_STUDENTS),
            _ => {}
        }
        Some(Self { name: name?, address: address?, role: role?, student: student? })
    }
}

impl FormDraft for AccountForm {
    const NULLABLE: &[&str] = &["student"];
}
