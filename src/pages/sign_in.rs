//! Signing in and out, and setting a password with a one-time link.

use askama::Template;
use axum::http::header::{REFERRER_POLICY, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::kit::{Form, FormDraft, Frame, RefusedPage, Rendered, filters};
use crate::access::SIGN_IN;
use crate::access::passwords::Password;
use crate::access::secret::Secret;
use crate::access::sign_in::NotSignedIn;
use crate::access::sign_ins::Network;
use crate::access::throttle::Wait;
use crate::http::extract::{FromPath, NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Allow, Routes};
use crate::problems::LinkEnded;
use crate::registrar::{Account, Refusal};
use crate::shares::Client;
use crate::state::{App, AppState};

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new()
        .get(SIGN_IN, Allow::Visitors, show)
        .post(SIGN_IN, Allow::Visitors, sign_in)
        .post("/sign-out", Allow::Visitors, sign_out)
        .get("/set-password/{link}", Allow::Visitors, choose)
        .post("/set-password/{link}", Allow::Visitors, set_password)
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    address: String,
    next: String,
    refusal: Option<String>,
    /// Name and label of each provider.
    providers: Vec<(String, String)>,
}

async fn show(app: App, Query(query): Query<NextQuery>) -> Rendered<SignInPage> {
    Rendered(SignInPage {
        frame: Frame::new(&app, ""),
        address: String::new(),
        next: own_path(&query.next.unwrap_or_default()).to_owned(),
        refusal: None,
        providers: app.ways.providers.buttons(),
    })
}

async fn sign_in(app: App, _: NoQuery, headers: HeaderMap, form: Form<Credentials>) -> Response {
    let refused = |app: &App, address: &str, next: &str, status, refusal: String| {
        let page = SignInPage {
            frame: Frame::new(app, ""),
            address: address.to_owned(),
            next: next.to_owned(),
            refusal: Some(refusal),
            providers: app.ways.providers.buttons(),
        };
        RefusedPage(status, page).into_response()
    };
    let next = own_path(form.values.value("next")).to_owned();
    let address = form.values.value("address").to_owned();
    let Some(Credentials { address: typed, password, .. }) = form.draft else {
        let message = "Type your e-mail address and your password.".to_owned();
        return refused(&app, &address, &next, StatusCode::UNPROCESSABLE_ENTITY, message);
    };
    match app.sign_in.open_session(&typed, password, network(&app)).await {
        Ok(secret) => {
            // The browser's earlier session ends; if that fails, it ends when it is not used.
            if let Err(error) = end_sessions(&app, &headers).await {
                tracing::warn!(%error, "an earlier session stays open");
            }
            ([app.session_cookie.set(&secret.expose())], Redirect::to(&next)).into_response()
        }
        Err(NotSignedIn::Wrong) => {
            let message = "This address and this password do not belong together.".to_owned();
            refused(&app, &address, &next, StatusCode::UNPROCESSABLE_ENTITY, message)
        }
        Err(NotSignedIn::Wait(wait)) => {
            let page = refused(&app, &address, &next, StatusCode::TOO_MANY_REQUESTS, waiting(wait));
            ([(RETRY_AFTER, wait.seconds().to_string())], page).into_response()
        }
        Err(NotSignedIn::Refused(refusal)) => Problem::from(refusal).into_response(),
    }
}

/// Where the request comes from. Many share the address of a proxy: on this machine, or one that limits its clients itself.
pub(super) fn network(app: &App) -> Network {
    let is_direct = |client: &Client| !client.network().is_loopback() && client.percent() < 100;
    app.client.filter(is_direct).map(Client::network)
}

/// The sentence for somebody who has to wait.
pub(super) fn waiting(wait: Wait) -> String {
    format!("Too many attempts have failed. Try again in {} seconds.", wait.seconds())
}

async fn sign_out(app: App, _: NoQuery, headers: HeaderMap) -> Result<Response, Problem> {
    for secret in secrets(&app, &headers) {
        app.sign_in.sign_out(&secret.hash(), network(&app)).await?;
    }
    Ok(([app.session_cookie.clear()], Redirect::to(SIGN_IN)).into_response())
}

/// Ends the sessions that the browser has had so far.
pub(super) async fn end_sessions(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    for secret in secrets(app, headers) {
        app.sign_in.end_session(&secret.hash()).await?;
    }
    Ok(())
}

/// The secrets of the sessions that the browser has.
fn secrets(app: &App, headers: &HeaderMap) -> Vec<Secret> {
    app.session_cookie.read_all(headers).filter_map(|value| Secret::parse("", value)).collect()
}

#[derive(Template)]
#[template(path = "set_password.html")]
struct SetPasswordPage {
    frame: Frame,
    account: Account,
    refusal: Option<String>,
}

async fn choose(app: App, link: PathParams<LinkSecret>, _: NoQuery) -> Result<Response, Problem> {
    let LinkSecret(secret) = link.into_result()?;
    let account = app.sign_in.linked_account(&secret).await?.ok_or(Refusal::LinkEnded)?;
    let page = SetPasswordPage { frame: Frame::new(&app, ""), account, refusal: None };
    Ok((NO_REFERRER, Rendered(page)).into_response())
}

async fn set_password(
    app: App,
    link: PathParams<LinkSecret>,
    _: NoQuery,
    headers: HeaderMap,
    form: Form<NewPassword>,
) -> Result<Response, Problem> {
    let LinkSecret(secret) = link.into_result()?;
    let account = app.sign_in.linked_account(&secret).await?.ok_or(Refusal::LinkEnded)?;
    let text = form.draft.map(|NewPassword(text)| text).unwrap_or_default();
    match Password::new_for_account(text, &[&account.name, &account.address]) {
        Ok(password) => {
            let session = app.sign_in.set_password(&secret, password, network(&app), &form.caller).await?;
            end_sessions(&app, &headers).await?;
            Ok(([app.session_cookie.set(&session.expose())], Redirect::to("/")).into_response())
        }
        Err(weak) => {
            let refusal = Some(format!("The password {weak}."));
            let page = SetPasswordPage { frame: Frame::new(&app, ""), account, refusal };
            Ok((NO_REFERRER, RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page)).into_response())
        }
    }
}

/// The address has a secret, which must not go to the log of a proxy with the requests for stylesheets.
const NO_REFERRER: [(HeaderName, HeaderValue); 1] =
    [(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))];

/// The longest path to go to, in bytes: it has to fit into a cookie.
const MAX_NEXT: usize = 2_000;

/// A path of this server to go to, never another site: browsers read `//` and `/\` as the start of a host.
pub(super) fn own_path(next: &str) -> &str {
    let is_own = next.len() <= MAX_NEXT
        && next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/\\")
        && next.chars().all(|character| character.is_ascii_graphic());
    if is_own { next } else { "/" }
}

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NextQuery {
    #[serde(deserialize_with = "from_text")]
    pub(super) next: Option<String>,
}

impl Parameters for NextQuery {
    const KNOWN: &'static [&'static str] = &["next"];
}

/// The form to sign in.
#[derive(Debug)]
struct Credentials {
    address: String,
    password: Password,
}

impl Draft for Credentials {
    fn read(fields: &mut Fields) -> Option<Self> {
        let typed = |value: &Value| fields::text(value, |text| Ok(text.to_owned()));
        let address = fields.required("address", typed);
        let password = fields.required("password", typed);
        fields.optional("next", typed)?;
        Some(Self { address: address?, password: Password::new(password?) })
    }
}

impl FormDraft for Credentials {
    const HAS_SECRET: bool = true;
}

/// The form to set a password.
struct NewPassword(String);

impl Draft for NewPassword {
    fn read(fields: &mut Fields) -> Option<Self> {
        let typed = |value: &Value| fields::text(value, |text| Ok(text.to_owned()));
        // For password managers.
        fields.optional("username", typed)?;
        fields.required("password", typed).map(Self)
    }
}

impl FormDraft for NewPassword {
    const HAS_SECRET: bool = true;
}

/// The secret of a one-time link in a path.
#[derive(Debug)]
struct LinkSecret(Secret);

impl FromPath for LinkSecret {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let secret = Secret::parse("", &given("link"));
        secret.map(Self).ok_or_else(|| Problem::new::<LinkEnded>("This link does not work any more."))
    }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn after_signing_in_nobody_is_sent_to_another_site() {
        for own in ["/", "/courses/7?page=2", "/a//b", "/?next=//evil.example"] {
            assert_eq!(own_path(own), own);
        }
        for other in [
            "",
            "courses",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\n//x",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(other), "/", "{other:?}");
        }
    }
}
