//! Going to a provider of single sign-on, and coming back.

use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::sign_in::{NextQuery, end_sessions, network, own_path};
use crate::access::sign_on::{Attempt, Person, Provider, ProviderError};
use crate::http::echo::excerpt;
use crate::http::extract::{FromPath, PathParams, Query};
use crate::http::paging::RequestUrl;
use crate::http::problem::{NotFound, Problem};
use crate::http::routes::{Allow, Routes};
use crate::problems::{NoAccountHere, ProviderUnavailable, SignOnFailed};
use crate::registrar::{Caller, Refusal};
use crate::state::{App, AppState};

/// How long a person may be at the provider, in seconds.
const AWAY: u32 = 15 * 60;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get("/sign-in/{provider}", Allow::Visitors, leave).get(
        "/sign-in/{provider}/callback",
        Allow::Visitors,
        come_back,
    )
}

async fn leave(
    app: App,
    name: PathParams<ProviderName>,
    Query(query): Query<NextQuery>,
    url: RequestUrl,
) -> Result<Response, Problem> {
    let provider = find(&app, name)?;
    let attempt = Attempt::new(&provider.settings.name, own_path(&query.next.unwrap_or_default()));
    let address = provider.address(&callback(&url, provider), &attempt).await;
    let address = address.map_err(|error| failed(provider, &error))?;
    Ok(([app.sign_on_cookie.set_for(&attempt.to_cookie(), AWAY)], Redirect::to(&address)).into_response())
}

async fn come_back(
    app: App,
    name: PathParams<ProviderName>,
    uri: Uri,
    url: RequestUrl,
    headers: HeaderMap,
    caller: Caller,
) -> Result<Response, Problem> {
    let provider = find(&app, name)?;
    let answer = ProviderAnswer::read(&uri).ok_or_else(not_from_here)?;
    let attempt = app.sign_on_cookie.read(&headers);
    let attempt =
        attempt.and_then(|cookie| Attempt::from_cookie(cookie, &provider.settings.name, &answer.state));
    let attempt = attempt.ok_or_else(not_from_here)?;
    let person = identify(provider, answer, &callback(&url, provider), &attempt).await?;
    let opened = app.sign_in.open_session_for(provider, &person, &attempt, network(&app), &caller).await;
    let session = opened.map_err(|refusal| refused(provider, &person, refusal))?;
    // The browser's earlier session ends; if that fails, it ends when it is not used.
    if let Err(error) = end_sessions(&app, &headers).await {
        tracing::warn!(%error, "an earlier session stays open");
    }
    let cookies = [app.session_cookie.set(&session.expose()), app.sign_on_cookie.clear()];
    // Two headers of the same name have to be appended.
    let response = Redirect::to(own_path(&attempt.next)).into_response();
    Ok(cookies.into_iter().fold(response, append))
}

fn append(
    mut response: Response,
    (name, value): (axum::http::HeaderName, axum::http::HeaderValue),
) -> Response {
    response.headers_mut().append(name, value);
    response
}

fn find(app: &App, name: PathParams<ProviderName>) -> Result<&Provider, Problem> {
    // These addresses are asked with GET, and would use up what the provider has sent.
    if app.registrar.is_read_only() {
        return Err(Refusal::ReadOnlyServer.into());
    }
    let ProviderName(name) = name.into_result()?;
    let found = app.ways.providers.find(&name);
    found.ok_or_else(|| Problem::new::<NotFound>("There is no such way to sign in. Go to /sign-in."))
}

/// Where people come back to, as the provider has to know it.
fn callback(url: &RequestUrl, provider: &Provider) -> String {
    url.absolute(&format!("/sign-in/{}/callback", provider.settings.name))
}

async fn identify(
    provider: &Provider,
    answer: ProviderAnswer,
    callback: &str,
    attempt: &Attempt,
) -> Result<Person, Problem> {
    let Ok(code) = answer.outcome else {
        tracing::warn!(
            provider = provider.settings.name,
            error = answer.error,
            "the provider has signed nobody in"
        );
        return Err(Problem::new::<SignOnFailed>(format!(
            "{} did not sign you in. Try again.",
            provider.settings.label
        )));
    };
    let person = provider.person(callback, code, answer.issuer.as_deref(), attempt).await;
    person.map_err(|error| failed(provider, &error))
}

fn not_from_here() -> Problem {
    Problem::new::<SignOnFailed>(
        "This browser did not begin to sign in here, or took too long, or has signed in already. Try again.",
    )
}

fn failed(provider: &Provider, error: &ProviderError) -> Problem {
    tracing::warn!(provider = provider.settings.name, %error, "nobody could be signed in");
    let label = &provider.settings.label;
    match error {
        ProviderError::Unavailable(_) => Problem::new::<ProviderUnavailable>(format!(
            "{label} cannot be reached, or answers with something that is not understood. Try again later."
        )),
        ProviderError::Busy => {
            Problem::overloaded(format!("Too many people come back from {label}. Try again."))
        }
        ProviderError::Refused(_) | ProviderError::Invalid(_) => {
            Problem::new::<SignOnFailed>(format!("{label} could not tell who you are. Try again."))
        }
    }
}

/// Says what to tell the office, which cannot look it up: nobody without an account is stored.
fn refused(provider: &Provider, person: &Person, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NoAccount(why) => {
            let address = person.address.as_ref().map_or_else(
                || "without a verified e-mail address".to_owned(),
                |address| format!("as {}", excerpt(address)),
            );
            Problem::new::<NoAccountHere>(format!(
                "{why} Tell the registrar’s office that you have signed in with {} {address}, and that your identifier there is {}.",
                provider.settings.label,
                excerpt(&person.subject)
            ))
        }
        Refusal::Unauthorized => not_from_here(),
        refusal => refusal.into(),
    }
}

/// What the address says with which a provider sends somebody back (RFC 6749, 4.1.2). Providers add parameters of their
/// own.
struct ProviderAnswer {
    state: String,
    /// The code, or nothing if the provider has refused.
    outcome: Result<String, ()>,
    issuer: Option<String>,
    /// Why the provider has refused.
    error: String,
}

impl ProviderAnswer {
    /// `None` unless each parameter is there at most once, and the state is there.
    fn read(uri: &Uri) -> Option<Self> {
        let pairs: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
        let one = |name: &str| {
            let mut values =
                pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.to_string());
            match (values.next(), values.next()) {
                (value, None) => Some(value),
                (_, Some(_)) => None,
            }
        };
        let (state, code, issuer) = (one("state")??, one("code")?, one("iss")?);
        let error = excerpt(&one("error")?.unwrap_or_default()).to_string();
        Some(Self { state, outcome: code.ok_or(()), issuer, error })
    }
}

/// The name of a provider in a path.
struct ProviderName(String);

impl FromPath for ProviderName {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        Ok(Self(given("provider")))
    }
}
