//! What every answer says of itself beside its content: who may keep it, and who may show it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::beside;

/// A page that says nothing of itself loads nothing and is shown in no other site's frame.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// Whose answer it is: the same address answers others differently, or not at all.
const CALLER: HeaderValue = HeaderValue::from_static("authorization, cookie");

/// Which answers a path gives, as far as their headers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Records, which may be about people.
    Personal,
    /// How the server fares at this moment.
    Momentary,
    /// Anything else, which says itself who may keep it.
    Other,
}

impl Content {
    /// What is at this path.
    #[must_use]
    pub fn at(path: &str) -> Self {
        if path.starts_with("/api/") && path != beside::OPENAPI {
            Self::Personal
        } else if beside::is_health(path) {
            Self::Momentary
        } else {
            Self::Other
        }
    }
}

/// Adds to an answer what its handler has not said.
pub fn complete(content: Content, response: &mut Response) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if content == Content::Personal {
        headers.append(VARY, CALLER);
    }
    if !headers.contains_key(CACHE_CONTROL) && (is_error || content != Content::Other) {
        // With its tag an answer may be kept, and is asked for again before it is shown.
        let kept = if headers.contains_key(ETAG) && !is_error { "private, no-cache" } else { "no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    }
    if is_page(headers) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
