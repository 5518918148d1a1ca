//! Page responses: status, headers, and whether to render the whole page or only a part.

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

/// Allows only our own files, nothing inline, and no framing by other sites.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// htmx sends `partial` if it replaces only a part of the page.
const HX_REQUEST_TYPE: HeaderName = HeaderName::from_static("hx-request-type");

/// Response 200 with a page or a block of one.
#[derive(Debug)]
pub struct Rendered<T>(pub T);

impl<T: Template> IntoResponse for Rendered<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => {
                tracing::error!(%error, "cannot render a page");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// The page with the filled-in form and its errors, with the status of the refusal.
#[derive(Debug)]
pub struct RefusedPage<T>(pub StatusCode, pub T);

impl<T: Template> IntoResponse for RefusedPage<T> {
    fn into_response(self) -> Response {
        (self.0, Rendered(self.1)).into_response()
    }
}

/// Whether htmx asked for only the part of the page that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialRequest(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for PartialRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(HX_REQUEST_TYPE).is_some_and(|kind| kind == "partial")))
    }
}

/// Adds the headers of all pages, and the accounting of memory until a page is sent.
pub fn with_page_layers<S: Clone + Send + Sync + 'static>(pages: Router<S>) -> Router<S> {
    pages.layer(from_fn(async |request: Request, next: Next| {
        // Not only in the outermost layer: a page that has been compressed no longer has a known length.
        let activity = memory::activity(&request);
        let page = next.run(request).await;
        with_page_headers(match activity {
            Some(activity) => memory::reserve(&activity, page),
            None => page,
        })
    }))
}

/// Sets the headers that every page has, unless it has a policy of its own.
pub(super) fn with_page_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    // Pages have names of students: no cache may store them.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    // Programs get problems as JSON, htmx gets a part of a page.
    headers.insert(VARY, HeaderValue::from_static("accept, hx-request-type, authorization, cookie"));
    response
}
