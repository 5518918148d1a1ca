//! The layers around all handlers: request id and access log, panics, hosts, CORS, cross-site writes, timeout, body
//! size.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH,
    LINK, LOCATION, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Body as _;
use tower::Service;
use tower::layer::layer_fn;
use tower::util::option_layer;
use tower_http::cors::CorsLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::connections::OverLimit;
use super::headers::{self, Content};
use super::host::{HostError, Hosts};
use super::log_position::X_MATRICULA_SEQ;
use super::memory;
use super::observe::{ObserveLayer, RequestId, X_REQUEST_ID};
use super::problem::{MalformedRequest, Problem, ProblemKind as _, ProblemPage};
use super::server::WithoutTls;
use super::system;
use crate::config::{Origin, PublicUrl};
use crate::metrics::Metrics;
use crate::shares::{Quota, QuotaError};

/// Maximum size of a body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Maximum size of a body that is an array of objects, in bytes.
pub const MAX_LARGE_BODY: usize = 8 * MAX_BODY;
/// Maximum size of a file, in bytes.
pub const MAX_FILE: usize = 32 * MAX_BODY;
/// Maximum size of all bodies that are being read, in bytes: eight of the largest.
pub const MAX_ALL_BODIES: usize = 8 * MAX_LARGE_BODY;

/// How long browsers reach the public host with TLS only (RFC 6797): 30 days, longer than between two visits in a term, and
/// short enough to go back from a first try. Hosts below it are the institution's, and are not included.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=2592000");

/// The memory for bodies, in bytes. A request reserves the bytes of its body that have arrived.
#[derive(Clone, Debug)]
pub struct BodyMemory(pub Arc<Quota>);

/// Limits for every request.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Whether the server listens on loopback only, and so accepts the names of loopback as host.
    pub loopback: bool,
    /// The address that clients use; its host is accepted, off loopback no other.
    pub public_url: Option<PublicUrl>,
    /// Whether every host is accepted, for answers that are the same for all.
    pub any_host: bool,
    /// Whether the server itself speaks TLS.
    pub tls: bool,
    /// The sites whose pages may use the API (CORS).
    pub cors_origins: Vec<Origin>,
    /// How long a handler may take to begin its response.
    pub timeout: Duration,
    /// Maximum size of a body, in bytes.
    pub body: usize,
    /// Maximum size of all bodies that are being read, in bytes.
    pub all_bodies: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            loopback: true,
            public_url: None,
            any_host: false,
            tls: false,
            cors_origins: Vec::new(),
            timeout: Duration::from_secs(30),
            body: MAX_BODY,
            all_bodies: MAX_ALL_BODIES,
        }
    }
}

/// Wraps all routes of `router` and its fallback in `limits`, and logs and counts every response. `page` renders
/// problems for people.
pub fn apply(router: Router, limits: &RequestLimits, metrics: &Metrics, page: ProblemPage) -> Router {
    let hosts = || Arc::new(Hosts::new(limits.loopback, limits.public_url.as_ref()));
    let hosts = (!limits.any_host).then(hosts);
    let public_url = limits.public_url.as_ref().map(|url| Arc::from(url.as_str()));
    let (timeout, bodies) = (limits.timeout, BodyMemory(Quota::new(limits.all_bodies)));
    let tls = limits.tls;
    // One stack, the outermost first: axum boxes every request once per call of `layer`.
    router.layer((
        ObserveLayer::new(metrics.clone()),
        layer_fn(move |inner| Guard {
            inner,
            hosts: hosts.clone(),
            public_url: public_url.clone(),
            bodies: bodies.clone(),
            tls,
            timeout,
            page,
        }),
        option_layer(cors(&limits.cors_origins)),
        csrf(limits),
        DefaultBodyLimit::max(limits.body),
    ))
}

fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    let listed = || origins.iter().map(|origin| origin.header().clone());
    let layer = CorsLayer::new()
        .allow_origin(listed().collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            AUTHORIZATION,
            X_REQUEST_ID,
            X_MATRICULA_SEQ,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            LINK,
            LOCATION,
            RETRY_AFTER,
            ETAG,
            X_REQUEST_ID,
            X_MATRICULA_SEQ,
            HeaderName::from_static("x-total-count"),
            HeaderName::from_static("x-next-cursor"),
            HeaderName::from_static("idempotency-replayed"),
            CONTENT_DISPOSITION,
        ])
        .max_age(Duration::from_mins(10));
    (!origins.is_empty()).then_some(layer)
}

fn csrf(limits: &RequestLimits) -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + use<>> {
    let own = limits.public_url.iter().map(PublicUrl::origin);
    own.chain(limits.cors_origins.iter().map(Origin::as_str))
        // An origin that the layer cannot parse stays untrusted, so its writes are refused.
        .fold(CsrfLayer::new(), |layer, origin| layer.clone().add_trusted_origin(origin).unwrap_or(layer))
        .with_rejection_response(|_| {
            Problem::forbidden(
                "A browser sent this write for a page of another site. Other sites may write only if their origin is \
                listed in --cors-origin.",
            )
            .into_response()
        })
}

/// Catches panics, checks the host, and enforces the timeout.
#[derive(Clone, Debug)]
struct Guard<S> {
    inner: S,
    /// `None` if every host is accepted.
    hosts: Option<Arc<Hosts>>,
    public_url: Option<Arc<str>>,
    bodies: BodyMemory,
    tls: bool,
    timeout: Duration,
    page: ProblemPage,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The service that was polled for readiness must be the one that is called, so the clone stays here.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (refused, timeout) = (self.refusal(&request), self.timeout);
        let request_id = request.extensions().get::<RequestId>().cloned();
        let page = wants_page(request.uri().path(), request.headers()).then_some(self.page);
        let (content, activity) = (Content::from_path(request.uri().path()), memory::activity(&request));
        let has_tls = self.tls && request.extensions().get::<WithoutTls>().is_none();
        let is_strict = has_tls && self.hosts.as_ref().is_some_and(|hosts| hosts.is_public(&request));
        if !request.body().is_end_stream() {
            request.extensions_mut().insert(self.bodies.clone());
        }
        Box::pin(async move {
            let mut response = if let Some(problem) = refused {
                // The end of a body in another transfer coding is unknown, so the connection cannot be used again.
                let closes = problem.kind().slug == MalformedRequest::KIND.slug;
                let mut response = problem.into_response();
                if closes {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            } else {
                // The call itself is inside too, because a layer may panic before it returns a future.
                let answer = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
                match tokio::time::timeout(timeout, answer).await {
                    Ok(Ok(answered)) => answered?,
                    // The message may contain personal data; the panic hook has logged the location.
                    Ok(Err(_panic)) => {
                        let request_id = request_id.as_ref().map(|id| &*id.0);
                        tracing::error!(request_id, "a handler panicked");
                        Problem::internal().into_response()
                    }
                    Err(_late) => Problem::overloaded(format!(
                        "The request was not answered within {} seconds. If it was a write, it may have been carried out.",
                        timeout.as_secs()
                    ))
                    .into_response(),
                }
            };
            if let Some(activity) = activity {
                response = memory::reserve(&activity, response);
            }
            response = Problem::render(response, request_id.as_ref().map(|id| &*id.0), page);
            headers::complete(content, &mut response);
            if is_strict {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
            }
            Ok(response)
        })
    }
}

impl<S> Guard<S> {
    /// Why the request is refused before it reaches a handler.
    fn refusal(&self, request: &Request) -> Option<Problem> {
        if request.extensions().get::<WithoutTls>().is_some() {
            return Some(Problem::malformed_request(
                "This server speaks TLS only. Use an address that begins with https://.",
            ));
        }
        let over = request.extensions().get::<OverLimit>();
        if let Some(over) = over.filter(|_| !system::is_health(request.uri().path())) {
            return Some(over_limit(*over));
        }
        let error = self.hosts.as_ref().and_then(|hosts| hosts.check(request).err());
        error.map(|error| self.host_problem(error)).or_else(|| check_transfer_encoding(request).err())
    }

    fn host_problem(&self, error: HostError) -> Problem {
        match (error, &self.public_url) {
            (HostError::Invalid, _) => Problem::invalid_host(
                "A request needs exactly one Host header, with a host and optionally a port.",
            ),
            (HostError::Foreign, Some(url)) => Problem::forbidden(format!(
                "This server is {url}, and the request is for another host. This protects browsers from DNS rebinding. \
                Use {url}; a proxy has to pass on the Host header. Only /healthz, /readyz and /metrics can also be \
                reached by IP address."
            )),
            (HostError::Foreign, None) => Problem::forbidden(
                "This server listens on loopback only, and the request is for another host. This protects browsers from \
                DNS rebinding. Use localhost or 127.0.0.1; behind a proxy, set --public-url to the address that \
                clients use.",
            ),
        }
    }
}

fn over_limit(OverLimit(full): OverLimit) -> Problem {
    match full {
        QuotaError::ClientShare => Problem::rate_limited(
            "You have as many connections as one client may have. Reuse one of them, or close some.",
        ),
        QuotaError::Exhausted => Problem::overloaded("All connections of the server are in use. Try again."),
    }
}

/// Whether to send a problem as a page. The API always sends JSON.
#[must_use]
pub fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts_page = || {
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        accepted.any(|line| line.contains("text/html"))
    };
    !path.starts_with("/api/") && accepts_page()
}

/// Refuses every transfer coding but a single `chunked`. hyper would pass on a body in another coding as it is, and a
/// proxy may see its end at another place (request smuggling).
fn check_transfer_encoding(request: &Request) -> Result<(), Problem> {
    let mut lines = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(line), None) if line.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::malformed_request(
            "Send the body with `Content-Length` or with `Transfer-Encoding: chunked`: no other transfer coding is supported.",
        )),
    }
}
