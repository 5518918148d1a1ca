//! How a page is told: its status, its policy, the whole of it or the part that changes.

use std::convert::Infallible;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};

use crate::http::memory;

/// Our own files and nothing inline, in no other site's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What htmx sends: `partial` where it replaces only a part of the page.
const HX_REQUEST_TYPE: HeaderName = HeaderName::from_static("hx-request-type");

/// 200 and a page, or a block of one.
#[derive(Debug)]
pub struct Shown<T>(pub T);

impl<T: Template> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page cannot be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// The page that was filled in, with what is wrong, under the status of the refusal.
#[derive(Debug)]
pub struct Refused<T>(pub StatusCode, pub T);

impl<T: Template> IntoResponse for Refused<T> {
    fn into_response(self) -> Response {
        (self.0, Shown(self.1)).into_response()
    }
}

/// Whether only the part of a page is wanted that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(HX_REQUEST_TYPE).is_some_and(|kind| kind == "partial")))
    }
}

/// Puts around pages what all of them answer.
pub fn around<S: Clone + Send + Sync + 'static>(pages: Router<S>) -> Router<S> {
    pages.layer(from_fn(async |request: Request, next: Next| {
        // Here and not only around everything: afterwards it may be packed, and nobody knows how long it is.
        let activity = memory::activity(&request);
        let page = next.run(request).await;
        with_policy(match activity {
            Some(activity) => memory::reserve(&activity, page),
            None => page,
        })
    }))
}

/// With what no page goes without.
pub(super) fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Names of students, as they are now: for the one who looks.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    // What is told depends on who asks: programs are told problems as JSON, htmx a part of a page.
    headers.insert(VARY, HeaderValue::from_static("accept, hx-request-type, authorization, cookie"));
    response
}
