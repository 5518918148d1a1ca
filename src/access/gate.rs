//! The gate in front of all routes: finds out who asks, and lets pass whom the policy allows.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Access;
use crate::http::echo::excerpt;
use crate::http::problem::{MethodNotAllowed, Problem};
use crate::http::routes::{Allow, Policy, Verdict};
use crate::registrar::Identity;

/// What the gate needs.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Finds out who asks.
    pub access: Access,
    /// Who may use which route.
    pub policy: Arc<Policy>,
}

/// Lets a request pass to its route, with its [`Identity`], or answers it. For use on routes only: it needs their path.
pub async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let verdict = path.map_or(Verdict::Unknown, |path| gate.policy.verdict(request.method(), path));
    match gate.check(verdict, request.method(), request.headers()).await {
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
        verdict: Verdict,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Identity, Response> {
        let allow = match verdict {
            Verdict::Allow(allow) => allow,
            Verdict::OtherMethods(methods) => return Err(other_methods(method, &methods)),
            Verdict::Unknown => {
                return Err(Problem::forbidden("No rule allows this address.").into_response());
            }
        };
        let identity = self.identify(headers).await?;
        let is_allowed = match allow {
            Allow::Anyone => true,
            Allow::SignedIn => identity != Identity::NOBODY,
            Allow::AnyOf(rights) => identity.grants.rights.has_any(rights),
        };
        if is_allowed {
            Ok(identity)
        } else if identity == Identity::NOBODY {
            Err(Problem::unauthorized("Sign in, or send `Authorization: Bearer` with a token.")
                .into_response())
        } else {
            Err(Problem::forbidden("You have no right to do this.").into_response())
        }
    }

    async fn identify(&self, headers: &HeaderMap) -> Result<Identity, Response> {
        let refused = |error: crate::db::DbError| Problem::from(error).into_response();
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        match (lines.next(), lines.next()) {
            (None, _) => {}
            (Some(line), None) => {
                if let Some(token) = bearer(line) {
                    let known = self.access.by_token(token).await.map_err(refused)?;
                    return known.ok_or_else(|| {
                        Problem::unauthorized("The token is unknown, has expired, or was revoked.")
                            .into_response()
                    });
                }
            }
            (Some(_), Some(_)) => {
                return Err(Problem::unauthorized("Send one `Authorization` header.").into_response());
            }
        }
        Ok(if self.access.is_open().await.map_err(refused)? { Identity::EVERYBODY } else { Identity::NOBODY })
    }
}

/// The credentials of the scheme `Bearer` (RFC 6750, 2.1), whose name is compared without case (RFC 9110, 11.1).
fn bearer(line: &HeaderValue) -> Option<&str> {
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
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
