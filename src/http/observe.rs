//! Every request under a name: its id, its line in the log, its place in the metrics. Nothing personal: the route's
//! pattern instead of the path, no query, no address, no body.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// The header that carries a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is logged for a client that went away before it was answered, as nginx does; no client ever sees it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The id of a request, which handlers find among its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Names, logs and counts requests. The outermost layer, so that refusals of the others are seen too.
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    metrics: Metrics,
}

impl ObserveLayer {
    /// Counts into `metrics`.
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

/// What [`ObserveLayer`] makes.
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
        let exchange = Exchange {
            id: request_id(request.headers()),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            began: Instant::now(),
            metrics: self.metrics.clone(),
            status: None,
        };
        request.extensions_mut().insert(RequestId(Arc::clone(&exchange.id)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if let Ok(id) = HeaderValue::from_str(&exchange.id) {
                response.headers_mut().insert(X_REQUEST_ID, id);
            }
            exchange.answered(response.status());
            Ok(response)
        })
    }
}

/// One request and its answer; told when it is dropped, so that one whose client went away is told too.
struct Exchange {
    id: Arc<str>,
    method: Method,
    route: Option<MatchedPath>,
    began: Instant,
    metrics: Metrics,
    status: Option<StatusCode>,
}

impl Exchange {
    fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let gone = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.status.unwrap_or(gone);
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        self.metrics.answered(route, &self.method, status, took);

        let (request_id, method, status) = (&*self.id, self.method.as_str(), status.as_u16());
        let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        if status >= 500 {
            tracing::error!(target: "matricula::access", request_id, method, route, status, duration_ms, "request");
        } else {
            tracing::info!(target: "matricula::access", request_id, method, route, status, duration_ms, "request");
        }
    }
}

/// The client's own id where it sent exactly one that can be told again, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let mut sent = headers.get_all(X_REQUEST_ID).iter();
    match (sent.next().map(HeaderValue::as_bytes), sent.next()) {
        (Some(id), None) if is_valid(id) => str::from_utf8(id).map_or_else(|_| fresh(), Arc::from),
        _ => fresh(),
    }
}

/// Nothing that would have to be escaped in a log, a header or a page, and nothing that an e-mail address needs.
fn is_valid(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

/// A new request id, for what was no request.
#[must_use]
pub fn new_request_id() -> Arc<str> {
    fresh()
}

/// Unique by a prefix of this process, which the hash keys of the standard library make random, and a count.
fn fresh() -> Arc<str> {
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
    fn a_client_keeps_its_own_request_id_if_it_can_be_told_again() {
        for id in ["1", "req-42", "a".repeat(128).as_str(), "Root=1-67891233-abcdef012345678912345678"] {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
            assert_eq!(&*request_id(&headers), id);
        }
    }

    #[test]
    fn any_other_request_id_is_replaced_by_a_new_one() {
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
    fn no_two_new_request_ids_are_equal() {
        assert_ne!(fresh(), fresh());
    }
}
