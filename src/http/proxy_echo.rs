//! What of a request arrives here, for `matricula doctor`, which compares it with what it sent to the proxy.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::paging::LinkBase;
use super::routes::{Allow, Routes};

/// The path of the echo.
pub const ECHO: &str = "/healthz/proxy";

/// How long the answer takes after its first part: a proxy that holds it back sends both parts at once.
pub const PAUSE: Duration = Duration::from_millis(500);

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What arrived, and what the server believes about its own address. Nothing in it is secret: the client has sent it, or
/// sees it in links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The `Host` header.
    pub host: Option<String>,
    /// The `X-Forwarded-Proto` header.
    pub forwarded_proto: Option<String>,
    /// The public URL of the server.
    pub public_url: Option<String>,
    /// Whether the server itself speaks TLS.
    pub tls: bool,
}

impl Echo {
    /// Reads the whole answer; `None` if it is another one.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let first = answer.split(|byte| *byte == b'\n').next()?.strip_prefix(b"data: ")?;
        serde_json::from_slice(first).ok()
    }
}

/// The route of the echo.
#[must_use]
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    LinkBase: FromRef<S>,
{
    Routes::new().get(ECHO, Allow::Anyone, echo)
}

/// Answers in two parts, as a stream of events, which proxies treat as they treat the live pages.
async fn echo(State(base): State<LinkBase>, headers: HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let public_url = base.url.as_deref().map(str::to_owned);
    let echo = Echo { host: text(HOST), forwarded_proto: text(FORWARDED_PROTO), public_url, tls: base.tls };
    let first = serde_json::json!(echo);
    let part = |text: String| Ok::<_, Infallible>(Bytes::from(text));
    let first = stream::iter([part(format!("data: {first}\n\n"))]);
    let last = stream::once(async move {
        tokio::time::sleep(PAUSE).await;
        part("data: end\n\n".to_owned())
    });
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (head, Body::from_stream(first.chain(last))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_answer_is_no_echo() {
        for other in [&b""[..], b"<html>", b"data: x\n\n", b"data: {}\n"] {
            assert_eq!(Echo::parse(other), None);
        }
    }
}
