//! The page where admins create tokens for programs and revoke them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;

use super::kit::form::{EmptyForm, new_key, retry_key, submit_once};
use super::kit::{Form, FormDraft, FormValues, Frame, RefusedPage, Rendered, filters, submit};
use super::meant::{student_meant, typed_student};
use crate::access::api::{ONLY_STUDENTS, TokenId, name, role};
use crate::access::secret::Secret;
use crate::access::{self, TOKEN_PREFIX};
use crate::http::extract::{NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::lists::{Limit, Page};
use crate::registrar::{CreateToken, Refusal, RevokeToken, Right, Rights, Role, Student, Token};
use crate::state::{App, AppState};
use crate::students::store::find;

/// The page.
const PAGE: &str = "/tokens";
/// A hundred years.
const MAX_DAYS: i64 = 36_500;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let admin = only(Right::Administer);
    Routes::new()
        .get(PAGE, admin, show)
        .post(PAGE, admin, create)
        .get("/tokens/{token_id}/revoke", admin, ask)
        .post("/tokens/{token_id}/revoke", admin, revoke)
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<Token>,
    /// The students who have one of them.
    students: Vec<Student>,
    /// The token that was just created.
    created: Option<Created>,
    values: FormValues,
    refusal: Option<String>,
    /// The key of the form.
    key: String,
}

/// A token that was just created.
struct Created {
    name: String,
    /// `None` if the form was sent before: then the secret was shown there.
    secret: Option<String>,
}

impl TokensPage {
    async fn load(app: &App) -> Result<Self, Problem> {
        let listing = access::tokens(&app.viewer);
        let tokens = listing.read(&app.viewer, &Page::first(Limit::MAX)).await?.rows;
        let mut students = Vec::new();
        for id in tokens.iter().filter_map(|token| token.student_id) {
            students.extend(find(&app.viewer, id).await?);
        }
        let (frame, values) = (Frame::new(app, "tokens"), FormValues::default());
        Ok(Self { frame, tokens, students, created: None, values, refusal: None, key: new_key() })
    }

    /// The student who a token belongs to.
    fn student_of(&self, token: &Token) -> Option<&Student> {
        self.students.iter().find(|student| Some(student.id) == token.student_id)
    }

    /// Whether the form begins with this role: what was typed before, otherwise an admin first, then a registrar.
    fn is_preset(&self, role: Role) -> bool {
        let preset = if self.frame.is_open() { Role::Admin } else { Role::Registrar };
        self.values.value("role").parse().unwrap_or(preset) == role
    }

    fn is_checked(&self, right: Right) -> bool {
        !self.values.value(right.as_str()).is_empty()
    }

    /// Whether the token has fewer rights than its role.
    fn is_limited(token: &Token) -> bool {
        token.scopes != token.role.rights()
    }
}

async fn show(app: App, _: NoQuery) -> Result<Response, Problem> {
    Ok(Rendered(TokensPage::load(&app).await?).into_response())
}

async fn create(app: App, _: NoQuery, form: Form<TokenForm>) -> Result<Response, Problem> {
    let Some(TokenForm { name, role, scopes, student, days }) = form.draft else {
        let page = TokensPage { values: form.values, ..TokensPage::load(&app).await? };
        return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let student_id = match student_meant(&app, student.as_deref()).await? {
        Ok(student_id) => student_id,
        Err(why) => {
            let values = form.values.with_error("student", &why);
            let page = TokensPage { values, ..TokensPage::load(&app).await? };
            return Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let secret = Secret::generate(TOKEN_PREFIX);
    let hash = secret.hash().to_hex();
    let expires_at = days.and_then(|days| app.sign_in.in_future(SignedDuration::from_hours(24 * days)));
    let command = CreateToken { name, role, scopes, student_id, hash, expires_at };
    match submit_once(&app.registrar, command, &form.caller).await {
        Ok(done) => {
            let secret = (!done.replayed).then(|| secret.expose());
            let created = Some(Created { name: done.answer.name, secret });
            Ok(Rendered(TokensPage { created, ..TokensPage::load(&app).await? }).into_response())
        }
        Err(refusal) => {
            let key = retry_key(&refusal, &form.caller);
            let (status, refusal) = (Problem::from(refusal.clone()).status(), Some(refusal.to_string()));
            let page = TokensPage { values: form.values, refusal, key, ..TokensPage::load(&app).await? };
            Ok(RefusedPage(status, page).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
struct RevokePage {
    frame: Frame,
    token: Token,
    refusal: Option<String>,
}

impl RevokePage {
    async fn load(app: &App, id: i64) -> Result<Self, Problem> {
        let token = access::find_token(&app.viewer, id).await?;
        let token = token.filter(|token| token.revoked_at.is_none()).ok_or(Refusal::TokenNotFound(id))?;
        Ok(Self { frame: Frame::new(app, "tokens"), token, refusal: None })
    }
}

async fn ask(app: App, id: PathParams<TokenId>, _: NoQuery) -> Result<Response, Problem> {
    let TokenId(id) = id.into_result()?;
    Ok(Rendered(RevokePage::load(&app, id).await?).into_response())
}

async fn revoke(
    app: App,
    id: PathParams<TokenId>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let TokenId(id) = id.into_result()?;
    match submit(&app.registrar, RevokeToken { id }, &form.caller).await {
        Ok(()) => Ok(Redirect::to(PAGE).into_response()),
        Err(refusal @ Refusal::LastAdmin) => {
            let refusal = Some(refusal.to_string());
            let page = RevokePage { refusal, ..RevokePage::load(&app, id).await? };
            Ok(RefusedPage(StatusCode::CONFLICT, page).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The form to create a token.
#[derive(Debug)]
struct TokenForm {
    name: String,
    role: Role,
    scopes: Option<Rights>,
    /// The student as people name them: ids are not shown to them.
    student: Option<String>,
    days: Option<i64>,
}

impl Draft for TokenForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let role = fields.required("role", role);
        let mut checked = Vec::new();
        for right in Right::ALL {
            if fields.optional(right.as_str(), |_| Ok(()))?.is_some() {
                checked.push(right);
            }
        }
        let student = fields.optional("student", typed_student).map(Option::flatten);
        let days = |value: &_| fields::nullable(value, |value| fields::number(value, 1, MAX_DAYS));
        let days = fields.optional("days", days).map(Option::flatten);
        let (role, student) = (role?, student?);
        let scopes = (!checked.is_empty()).then(|| Rights::of(&checked));
        if scopes.is_some_and(|scopes| scopes.and(role.rights()) != scopes) {
            fields.add_error("scopes", &format!("must be among those of the role {role}"));
        }
        if role != Role::Student && student.is_some() {
            fields.add_error("student", ONLY_STUDENTS);
        }
        Some(Self { name: name?, role, scopes, student, days: days? })
    }
}

impl FormDraft for TokenForm {
    const NUMBERS: &[&str] = &["days"];
    const NULLABLE: &[&str] = &["student"];
}
