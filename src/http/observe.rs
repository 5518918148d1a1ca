//! Request ids, the access log, and metrics of requests. No personal data: the pattern of the route instead of the
//! path, and no query, address or body.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tower::{Layer, Service};

use super::unread::Reading;
use crate::metrics::Metrics;
use crate::traces::RequestSpan;

/// The header that carries a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status that is logged if the client left before it was answered, as in nginx; no client sees it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The route of a request that is for none.
const UNMATCHED: &str = "unmatched";

/// The id of a request, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Gives requests their ids, logs and counts them. The outermost layer, so that it sees what other layers refuse.
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    metrics: Metrics,
}

impl ObserveLayer {
    /// A layer that counts in `metrics`.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: self.metrics.clone() }
    }
}

/// The service of [`ObserveLayer`].
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request> for Observe<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = request_id(request.headers());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let span = self.metrics.traces.request(
            request.method(),
            route.as_ref().map_or(UNMATCHED, MatchedPath::as_str),
            &id,
            request.headers(),
            peer,
        );
        if let Some(span) = &span {
            request.extensions_mut().insert(span.trace());
        }
        let exchange = Exchange {
            id,
            span,
            method: request.method().clone(),
            route,
            began: Instant::now(),
            metrics: self.metrics.clone(),
            status: None,
        };
        request.extensions_mut().insert(RequestId(Arc::clone(&exchange.id)));
        let reading = Reading::watch(&mut request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            reading.announce(&mut response);
            if let Ok(id) = HeaderValue::from_str(&exchange.id) {
                response.headers_mut().insert(X_REQUEST_ID, id);
            }
            exchange.answered(response.status());
            Ok(response)
        })
    }
}

/// One request and its response. It is logged on drop, and so also when the client leaves.
struct Exchange {
    id: Arc<str>,
    method: Method,
    route: Option<MatchedPath>,
    began: Instant,
    metrics: Metrics,
    status: Option<StatusCode>,
    span: Option<RequestSpan>,
}

impl Exchange {
    fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let closed = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.status.unwrap_or(closed);
        let route = self.route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        if let Some(span) = self.span.take() {
            span.end(status.as_u16());
        }
        self.metrics.record_request(route, &self.method, status, took);

        let (request_id, method, status) = (&*self.id, self.method.as_str(), status.as_u16());
        let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        if status >= 500 {
            tracing::error!(target: "matricula::access", request_id, method, route, status, duration_ms, "request");
        } else {
            tracing::info!(target: "matricula::access", request_id, method, route, status, duration_ms, "request");
        }
    }
}

/// The client's own id if it sent exactly one that is valid, otherwise a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let mut sent = headers.get_all(X_REQUEST_ID).iter();
    match (sent.next().map(HeaderValue::as_bytes), sent.next()) {
        (Some(id), None) if is_valid(id) => str::from_utf8(id).map_or_else(|_| generate_id(), Arc::from),
        _ => generate_id(),
    }
}

/// Allows no character that needs escaping in log output, a header or a page, and no `@`, so that it is no e-mail
/// address.
fn is_valid(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

/// A new request id, for a request that could not be read.
#[must_use]
pub fn new_request_id() -> Arc<str> {
    generate_id()
}

/// Unique: a random prefix for this process, from the hash keys of the standard library, and a counter.
fn generate_id() -> Arc<str> {
    static PROCESS: LazyLock<String> =
        LazyLock::new(|| format!("{:016x}-", RandomState::new().build_hasher().finish()));
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut id = String::with_capacity(33);
    id.push_str(&PROCESS);
    // Writing to a `String` cannot fail.
    _ = write!(id, "{:x}", COUNT.fetch_add(1, Ordering::Relaxed));
    id.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_request_id_of_the_client_is_used() {
        for id in ["1", "req-42", "a".repeat(128).as_str(), "Root=1-67891233-abcdef012345678912345678"] {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
            assert_eq!(&*request_id(&headers), id);
        }
    }

    #[test]
    fn an_invalid_request_id_is_replaced() {
        let long = "a".repeat(129);
        for id in ["", " ", "a b", "a\"b", "ana@example.com", "<b>", "{}", long.as_str()] {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
            let given = request_id(&headers);
            assert!(&*given != id && is_valid(given.as_bytes()), "{id:?} became {given:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(X_REQUEST_ID, HeaderValue::from_static("one"));
        twice.append(X_REQUEST_ID, HeaderValue::from_static("two"));
        assert!(!["one", "two"].contains(&&*request_id(&twice)));
    }

    #[test]
    fn new_request_ids_are_unique() {
        assert_ne!(generate_id(), generate_id());
    }
}
