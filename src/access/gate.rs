//! The gate in front of all routes: finds out who asks, and lets pass whom the policy allows.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::SIGN_IN;
use super::secret::Secret;
use crate::db::DbError;
use crate::http::echo::excerpt;
use crate::http::limits::wants_page;
use crate::http::problem::{MethodNotAllowed, Problem};
use crate::http::routes::{Allow, Policy, Verdict};
use crate::registrar::Identity;
use crate::state::AppState;

/// What the gate needs.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Finds out who asks.
    pub app: AppState,
    /// Who may use which route.
    pub policy: Arc<Policy>,
}

/// Lets a request pass to its route, with its [`Identity`], or answers it. For use on routes only: it needs their path.
pub async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let verdict = path.map_or(Verdict::Unknown, |path| gate.policy.verdict(request.method(), path));
    let allow = match verdict {
        Verdict::Allow(allow) => allow,
        Verdict::OtherMethods(methods) => return other_methods(request.method(), &methods),
        Verdict::Unknown => return Problem::forbidden("No rule allows this address.").into_response(),
    };
    match gate.check(allow, request.method(), request.uri(), request.headers()).await {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(refused) => refused,
    }
}

impl Gate {
    async fn check(
        &self,
        allow: Allow,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Identity, Response> {
        if allow == Allow::Anyone {
            // Health checks have to work when the database does not.
            return Ok(Identity::NOBODY);
        }
        let identity = self.identify(method, headers).await.map_err(IntoResponse::into_response)?;
        let is_allowed = match allow {
            Allow::Anyone | Allow::Visitors => true,
            Allow::SignedIn => !identity.is_nobody(),
            Allow::AllOf(rights) => identity.grants.rights.and(rights) == rights,
            Allow::AnyOf(rights) => identity.grants.rights.has_any(rights),
        };
        if is_allowed {
            return Ok(identity);
        }
        if !identity.is_nobody() {
            return Err(Problem::forbidden("You have no right to do this.").into_response());
        }
        let is_visit =
            (method == Method::GET || method == Method::HEAD) && !headers.contains_key("hx-request");
        if is_visit && wants_page(uri.path(), headers) {
            let next = uri.path_and_query().map_or("/", |target| target.as_str());
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            return Err(Redirect::to(&format!("{SIGN_IN}?{query}")).into_response());
        }
        Err(Problem::unauthorized("Sign in, or send `Authorization: Bearer` with a token.").into_response())
    }

    /// By a token, or else by the session of a browser.
    async fn identify(&self, method: &Method, headers: &HeaderMap) -> Result<Identity, Problem> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => {}
            (Some(line), None) => {
                if let Some(token) = bearer(line) {
                    let known = self.app.sign_in.token_identity(token).await?;
                    return known.ok_or_else(|| {
                        Problem::unauthorized("The token is unknown, has expired, or was revoked.")
                    });
                }
            }
            (Some(_), Some(_)) => return Err(Problem::unauthorized("Send one `Authorization` header.")),
        }
        if let Some(everybody) = self.app.access.everybody().await? {
            return Ok(everybody);
        }
        let session = self.by_session(headers).await?;
        if session.is_some()
            && !method.is_safe()
            && !is_of_this_site(headers, self.app.public_url.0.as_deref())
        {
            return Err(Problem::forbidden(
                "With a session, only pages of this server write. Programs and other sites use a token instead.",
            ));
        }
        Ok(session.unwrap_or(Identity::NOBODY))
    }

    async fn by_session(&self, headers: &HeaderMap) -> Result<Option<Identity>, DbError> {
        let secret = self.app.session_cookie.read(headers).and_then(|value| Secret::parse("", value));
        match secret {
            Some(secret) => self.app.sign_in.identity(&secret).await,
            None => Ok(None),
        }
    }
}

/// Whether a browser says that a page of this server sent the request. Sites of `--cors-origin` use tokens.
fn is_of_this_site(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some((scheme, authority)) = text(ORIGIN).and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    match public_url.and_then(|url| url.split_once("://")) {
        Some((own, rest)) => own == scheme && rest.split('/').next() == Some(authority),
        None => text(HOST) == Some(authority),
    }
}

/// The credentials of the scheme `Bearer` (RFC 6750, 2.1), whose name is compared without case (RFC 9110, 11.1).
fn bearer(line: &HeaderValue) -> Option<&str> {
    let line = line.to_str().unwrap_or_default();
    let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn other_methods(method: &Method, known: &[Method]) -> Response {
    let method = excerpt(method.as_str());
    let problem = Problem::new::<MethodNotAllowed>(format!("This address does not accept {method}."));
    let mut response = problem.into_response();
    let mut names: Vec<_> = known.iter().map(Method::as_str).collect();
    if known.contains(&Method::GET) {
        names.push("HEAD");
    }
    if let Ok(allow) = HeaderValue::from_str(&names.join(",")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
