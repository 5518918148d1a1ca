//! The gate in front of all routes: finds out who asks, and lets pass whom the policy allows.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::proxy::UnclearUser;
use super::secret::Secret;
use super::{Reader, SIGN_IN, TOKEN_PREFIX};
use crate::db::DbError;
use crate::http::echo::excerpt;
use crate::http::extract::caller;
use crate::http::limits::wants_page;
use crate::http::log_position;
use crate::http::problem::{MethodNotAllowed, Problem};
use crate::http::routes::{Allow, Policy, Verdict};
use crate::registrar::{Actor, Caller, Identity, LogPosition, Refusal, Right, Rights, Role};
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
    if gate.app.registrar.is_read_only() && !request.method().is_safe() {
        return Problem::from(Refusal::ReadOnlyServer).into_response();
    }
    let position = match gate.reach(allow, &mut request).await {
        Ok(position) => position,
        Err(problem) => return problem.into_response(),
    };
    let caller = caller(request.extensions());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let asked =
        Asked { method: request.method(), uri: request.uri(), headers: request.headers(), peer, caller };
    match gate.check(allow, &asked).await {
        Ok(identity) => {
            let reader =
                wants_page(request.uri().path(), request.headers()).then(|| Reader(identity.clone()));
            request.extensions_mut().insert(identity);
            let mut response = next.run(request).await;
            log_position::complete(position.as_ref(), &mut response);
            if let Some(reader) = reader {
                response.extensions_mut().insert(reader);
            }
            response
        }
        Err(refused) => refused,
    }
}

/// What the gate needs to know of a request.
struct Asked<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    /// The address at the other end of the connection.
    peer: Option<IpAddr>,
    caller: Caller,
}

impl Gate {
    /// Waits for the change that a read has to see, before it is known who asks: a token may be as new as that. Whether the
    /// server lives depends on no database.
    async fn reach(&self, allow: Allow, request: &mut Request) -> Result<Option<LogPosition>, Problem> {
        if allow == Allow::Anyone {
            return Ok(None);
        }
        let position = log_position::prepare(&self.app.registrar, request).await?;
        if self.app.registrar.is_read_only() && request.headers().contains_key(log_position::X_MATRICULA_SEQ)
        {
            self.app.access.refresh().await?;
        }
        Ok(position)
    }

    async fn check(&self, allow: Allow, asked: &Asked<'_>) -> Result<Identity, Response> {
        if allow == Allow::Anyone {
            // Health checks have to work when the database does not.
            return Ok(Identity::NOBODY);
        }
        let identity = self.identify(asked).await.map_err(IntoResponse::into_response)?;
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
            let mut refused = if matches!(identity.actor, Actor::Token(_)) {
                insufficient_scope(allow, &identity)
            } else {
                Problem::forbidden("You have no right to do this.").into_response()
            };
            refused.extensions_mut().insert(Reader(identity));
            return Err(refused);
        }
        let &Asked { method, uri, headers, .. } = asked;
        let is_visit =
            (method == Method::GET || method == Method::HEAD) && !headers.contains_key("hx-request");
        if is_visit && wants_page(uri.path(), headers) {
            let next = uri.path_and_query().map_or("/", |target| target.as_str());
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            return Err(Redirect::to(&format!("{SIGN_IN}?{query}")).into_response());
        }
        Err(Problem::unauthorized("Sign in, or send `Authorization: Bearer` with a token.").into_response())
    }

    /// By a token, or else by a proxy, or else by the session of a browser.
    async fn identify(&self, asked: &Asked<'_>) -> Result<Identity, Problem> {
        let &Asked { method, headers, .. } = asked;
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => {}
            (Some(line), None) => {
                // A proxy may pass on a token of its own.
                let is_of_proxy = |token: &&str| {
                    !token.starts_with(TOKEN_PREFIX) && self.proxied(asked).is_ok_and(|user| user.is_some())
                };
                if let Some(token) = bearer(line).filter(|token| !is_of_proxy(token)) {
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
        let session = match self.by_proxy(asked).await? {
            Some(identity) => Some(identity),
            None => self.by_session(headers).await?,
        };
        if session.is_some()
            && !method.is_safe()
            && !is_of_this_site(headers, self.app.public_url.url.as_deref())
        {
            return Err(Problem::forbidden(
                "With a session, only pages of this server write. Programs and other sites use a token instead.",
            ));
        }
        Ok(session.unwrap_or(Identity::NOBODY))
    }

    async fn by_proxy(&self, asked: &Asked<'_>) -> Result<Option<Identity>, Problem> {
        let user = self.proxied(asked).map_err(|why| Problem::unauthorized(why.to_string()))?;
        let Some(user) = user else { return Ok(None) };
        match self.app.sign_in.by_proxy(&user, &asked.caller).await {
            Ok(identity) => Ok(Some(identity)),
            Err(Refusal::NoAccount(why)) => Err(Problem::forbidden(format!(
                "{why} Tell the registrar’s office that you have signed in as {}.",
                excerpt(&user)
            ))),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// The user whom a trusted proxy names.
    fn proxied(&self, asked: &Asked<'_>) -> Result<Option<String>, UnclearUser> {
        let proxy = self.app.ways.proxy.as_ref();
        proxy.map_or(Ok(None), |proxy| proxy.user(asked.peer, asked.headers))
    }

    async fn by_session(&self, headers: &HeaderMap) -> Result<Option<Identity>, DbError> {
        let secret = self.app.session_cookie.read(headers).and_then(|value| Secret::parse("", value));
        match secret {
            Some(secret) => self.app.sign_in.identity(&secret).await,
            None => Ok(None),
        }
    }
}

/// Says which scopes are missing, to programs as RFC 6750 has it: those that are necessary. Of scopes that would each do, it
/// names one that the role has.
fn insufficient_scope(allow: Allow, identity: &Identity) -> Response {
    let has = |rights: Rights| Right::ALL.into_iter().filter(move |right| rights.has(*right));
    let missing: Vec<_> = match allow {
        Allow::AllOf(rights) => has(rights).filter(|right| !identity.grants.has(*right)).collect(),
        Allow::AnyOf(rights) => {
            let of_role = identity.role.map_or(Rights::ALL, Role::rights);
            has(rights.and(of_role)).chain(has(rights)).take(1).collect()
        }
        Allow::Anyone | Allow::Visitors | Allow::SignedIn => Vec::new(),
    };
    let scopes: Vec<_> = missing.iter().map(|right| format!("`{}`", right.as_str())).collect();
    let word = if scopes.len() == 1 { "scope" } else { "scopes" };
    let detail = format!("You have no right to do this: it needs the {word} {}.", scopes.join(" and "));
    let mut refused = Problem::forbidden(detail).into_response();
    let names: Vec<_> = missing.into_iter().map(Right::as_str).collect();
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", names.join(" "));
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        refused.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    refused
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
