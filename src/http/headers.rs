//! Headers of every response: caching, and protection of pages in browsers.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::system;

/// For pages that set no policy themselves: load nothing, and no frame on another site.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// The response depends on the client, so a shared cache must not reuse it for another one.
const VARY_BY: HeaderValue = HeaderValue::from_static("authorization, cookie");

/// The kind of content at a path, which decides about headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Records, which may be about people.
    Personal,
    /// The state of the server at this moment.
    Monitoring,
    /// Anything else; its handlers set `Cache-Control`.
    Other,
}

impl Content {
    /// The kind of content at a path.
    #[must_use]
    pub fn from_path(path: &str) -> Self {
        if path.starts_with("/api/") && path != system::OPENAPI {
            Self::Personal
        } else if system::is_health(path) {
            Self::Monitoring
        } else {
            Self::Other
        }
    }
}

/// Adds the headers that the handler has not set.
pub fn complete(content: Content, response: &mut Response) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if content == Content::Personal {
        headers.append(VARY, VARY_BY);
    }
    if !headers.contains_key(CACHE_CONTROL) && (is_error || content != Content::Other) {
        // With an ETag, a browser may store the response but has to revalidate it.
        let policy = if headers.contains_key(ETAG) && !is_error { "private, no-cache" } else { "no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(policy));
    }
    if is_page(headers) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
