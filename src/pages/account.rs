//! The page of one's own account: where one is signed in, and one's password.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, Frame, RefusedPage, Rendered, filters};
use super::sign_in::{network, waiting};
use crate::access::SIGN_IN;
use crate::access::passwords::Password;
use crate::access::secret::SecretHash;
use crate::access::session::{OpenSession, SessionName};
use crate::access::sign_in::NotSignedIn;
use crate::access::sign_ins::{SignInEntry, SignInOutcome};
use crate::http::extract::{FromPath, NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::{NotFound, Problem};
use crate::http::routes::{Allow, Routes};
use crate::registrar::{Account, Actor, Refusal};
use crate::state::{App, AppState};

/// How many of the latest sign-ins are shown.
const SIGN_INS: i64 = 10;
/// How many of the latest failures are shown.
const FAILURES: i64 = 5;

/// The page.
const PAGE: &str = "/account";

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new()
        .get(PAGE, Allow::SignedIn, show)
        .post("/account/password", Allow::SignedIn, change_password)
        .post("/account/sessions/{session}/end", Allow::SignedIn, end_session)
        .post("/account/sign-out-everywhere", Allow::SignedIn, sign_out_everywhere)
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    account: Account,
    /// The session of the reader.
    own: Option<SessionName>,
    sessions: Vec<OpenSession>,
    /// Somebody who signs in elsewhere may have none.
    has_password: bool,
    sign_ins: Vec<SignInEntry>,
    /// Apart from the others, so that a flood of them hides none.
    failures: Vec<SignInEntry>,
    /// Whether the reader has just changed the password.
    is_changed: bool,
    refusal: Option<String>,
}

impl AccountPage {
    async fn load(app: &App, account_id: i64) -> Result<Self, Problem> {
        let account = app.sign_in.own_account(account_id).await?.ok_or(Refusal::Unauthorized)?;
        let sessions = app.sign_in.sessions_of(account_id).await?;
        Ok(Self {
            frame: Frame::new(app, "account"),
            account,
            own: own_session(app),
            sessions,
            has_password: app.sign_in.has_password(account_id).await?,
            sign_ins: app.sign_in.latest_of(account_id, SignInOutcome::SignedIn, SIGN_INS).await?,
            failures: app.sign_in.latest_of(account_id, SignInOutcome::Failed, FAILURES).await?,
            is_changed: false,
            refusal: None,
        })
    }

    fn refused(self, refusal: String) -> Response {
        let page = Self { refusal: Some(refusal), ..self };
        RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    }

    fn is_own(&self, session: &OpenSession) -> bool {
        self.own.as_ref() == Some(&session.name)
    }
}

fn own_session(app: &App) -> Option<SessionName> {
    app.identity.proof.key.map(|hash| SessionName::new(&SecretHash::from_bytes(hash)))
}

/// The caller's account. A program with a token has none.
fn account_id(app: &App) -> Option<i64> {
    match app.identity.actor {
        Actor::Account(id) => Some(id),
        _ => None,
    }
}

async fn show(app: App, Query(done): Query<Done>) -> Result<Response, Problem> {
    let Some(id) = account_id(&app) else { return Ok(Redirect::to("/").into_response()) };
    let is_changed = done.changed.as_deref() == Some("password");
    Ok(Rendered(AccountPage { is_changed, ..AccountPage::load(&app, id).await? }).into_response())
}

async fn end_session(
    app: App,
    session: PathParams<SessionName>,
    _: NoQuery,
    _: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let name = session.into_result()?;
    let id = account_id(&app).ok_or(Refusal::Forbidden)?;
    app.sign_in.end_own_session(id, &name, network(&app)).await?;
    if own_session(&app).as_ref() == Some(&name) {
        return Ok(([app.session_cookie.clear()], Redirect::to(SIGN_IN)).into_response());
    }
    Ok(Redirect::to(PAGE).into_response())
}

async fn sign_out_everywhere(app: App, _: NoQuery) -> Result<Response, Problem> {
    if let Some(id) = account_id(&app) {
        app.sign_in.sign_out_everywhere(id, network(&app)).await?;
    }
    Ok(([app.session_cookie.clear()], Redirect::to(SIGN_IN)).into_response())
}

async fn change_password(app: App, _: NoQuery, form: Form<PasswordChange>) -> Result<Response, Problem> {
    let id = account_id(&app).ok_or(Refusal::Forbidden)?;
    let page = AccountPage::load(&app, id).await?;
    let Some(PasswordChange { present, new, is_same }) = form.draft else {
        return Ok(page.refused("Type your present password and a new one.".to_owned()));
    };
    if is_same {
        return Ok(page.refused("The new password is the present one.".to_owned()));
    }
    let new = match Password::new_for_account(new, &[&page.account.name, &page.account.address]) {
        Ok(new) => new,
        Err(weak) => return Ok(page.refused(format!("The new password {weak}."))),
    };
    match app.sign_in.change_password(id, present, new, network(&app), &form.caller).await {
        Ok(secret) => {
            let cookie = app.session_cookie.set(&secret.expose());
            Ok(([cookie], Redirect::to("/account?changed=password")).into_response())
        }
        Err(NotSignedIn::Wrong) => Ok(page.refused("This is not your present password.".to_owned())),
        Err(NotSignedIn::Wait(wait)) => {
            let page = AccountPage { refusal: Some(waiting(wait)), ..page };
            let page = RefusedPage(StatusCode::TOO_MANY_REQUESTS, page);
            Ok(([(RETRY_AFTER, wait.seconds().to_string())], page).into_response())
        }
        // The first click of a double click has changed it, and has ended this session.
        Err(NotSignedIn::Refused(Refusal::Unauthorized)) => Ok(Redirect::to(PAGE).into_response()),
        Err(NotSignedIn::Refused(refusal)) => Err(refusal.into()),
    }
}

/// What has just been done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Done {
    #[serde(deserialize_with = "from_text")]
    changed: Option<String>,
}

impl Parameters for Done {
    const KNOWN: &'static [&'static str] = &["changed"];
}

/// The form to change the password.
struct PasswordChange {
    present: Password,
    new: String,
    is_same: bool,
}

impl Draft for PasswordChange {
    fn read(fields: &mut Fields) -> Option<Self> {
        let typed = |value: &Value| fields::text(value, |text| Ok(text.to_owned()));
        // For password managers.
        fields.optional("username", typed)?;
        let present = fields.required("present", typed);
        let new = fields.required("password", typed);
        let (present, new) = (present?, new?);
        Some(Self { is_same: present == new, present: Password::new(present), new })
    }
}

impl FormDraft for PasswordChange {
    const HAS_SECRET: bool = true;
}

impl FromPath for SessionName {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let name = Self::parse(&given("session"));
        name.ok_or_else(|| Problem::new::<NotFound>("There is no such session."))
    }
}
