//! Every request under a name: its id, its line in the log, its place in the metrics. Nothing personal: the route's
//! pattern instead of the path, no query, no address, no body.

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tower::{Layer, Service};

use super::problem::Problem;
use super::reply::ascii;
use crate::metrics::Metrics;
use crate::registrar::Key;

/// The header that carries a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is logged for a client that went away before it was answered, as nginx does; no client ever sees it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Says that an answer is the one that was given to the same request before.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

tokio::task_local! {
    static REQUEST: Arc<Current>;
}

/// The request that is being answered.
struct Current {
    id: Arc<str>,
    key: OnceLock<Arc<Key>>,
    page: Option<ProblemPage>,
}

/// How a problem is told to people.
pub type ProblemPage = fn(&Problem) -> Response;

/// The id of the request that is being answered, if one is.
#[must_use]
pub fn current_request_id() -> Option<Arc<str>> {
    REQUEST.try_with(|request| Arc::clone(&request.id)).ok()
}

/// The key of the request that is being answered, if it has one.
#[must_use]
pub fn current_key() -> Option<Arc<Key>> {
    REQUEST.try_with(|request| request.key.get().cloned()).ok().flatten()
}

/// Gives the request that is being answered its key. Without it, a change that is sent again would be made twice, so that it
/// cannot be given is a fault of the program, never passed over.
///
/// # Panics
/// Outside of a request, and when it has one already.
#[expect(clippy::expect_used, reason = "the body of a request is read once, with its key")]
pub fn set_current_key(key: Key) {
    let given = REQUEST.with(|request| request.key.set(Arc::new(key)));
    given.expect("a request has one key");
}

/// How problems are told to whoever sent the request that is being answered, where that is a person with a browser.
#[must_use]
pub fn current_problem_page() -> Option<ProblemPage> {
    REQUEST.try_with(|request| request.page).ok().flatten()
}

/// Names, logs and counts requests. The outermost layer, so that refusals of the others are seen too.
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    metrics: Metrics,
    page: ProblemPage,
}

impl ObserveLayer {
    /// Counts into `metrics`, and has problems told to people by `page`.
    #[must_use]
    pub fn new(metrics: Metrics, page: ProblemPage) -> Self {
        Self { metrics, page }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: self.metrics.clone(), page: self.page }
    }
}

/// What [`ObserveLayer`] makes.
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    metrics: Metrics,
    page: ProblemPage,
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

    fn call(&mut self, request: Request) -> Self::Future {
        let exchange = Exchange {
            id: request_id(request.headers()),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            began: Instant::now(),
            metrics: self.metrics.clone(),
            status: None,
        };
        let page = wants_page(&request).then_some(self.page);
        let current = Arc::new(Current { id: Arc::clone(&exchange.id), key: OnceLock::new(), page });
        let answer = REQUEST.scope(Arc::clone(&current), self.inner.call(request));
        Box::pin(async move {
            let mut response = answer.await?;
            response.headers_mut().insert(X_REQUEST_ID, ascii(&exchange.id));
            if current.key.get().is_some_and(|key| key.is_replayed()) {
                response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
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

/// Whether a person is to read the answer. What the API says is for programs, whoever asks.
fn wants_page(request: &Request) -> bool {
    let accepts_page = || {
        let mut accepted = request.headers().get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        accepted.any(|line| line.contains("text/html"))
    };
    !request.uri().path().starts_with("/api/") && accepts_page()
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
