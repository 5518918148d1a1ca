//! What every request meets before its handler: its name and its line in the log, the panic catcher, the names that the
//! server answers to, CORS, cross-site writes, the time and the size that a request may take.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION,
    RETRY_AFTER, TRANSFER_ENCODING,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Body as _;
use tower::Service;
use tower::layer::layer_fn;
use tower::util::option_layer;
use tower_http::cors::CorsLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::beside;
use super::connections::Crowded;
use super::headers::{self, Content};
use super::host::{Hosts, Stranger};
use super::memory;
use super::observe::{ObserveLayer, RequestId, X_REQUEST_ID};
use super::problem::{MalformedRequest, Problem, ProblemKind as _, ProblemPage};
use crate::config::{Origin, PublicUrl};
use crate::metrics::Metrics;
use crate::shares::{Full, Places};

/// Bytes that a body may have.
pub const BODY: usize = 1024 * 1024;
/// Bytes that a body of many objects may have.
pub const LARGE_BODY: usize = 8 * BODY;
/// Bytes that all bodies together may have that are being read: eight of the largest.
pub const ALL_BODIES: usize = 8 * LARGE_BODY;

/// The memory for bodies, in bytes. A request takes of it what has arrived of its body.
#[derive(Clone, Debug)]
pub struct BodyMemory(pub Arc<Places>);

/// What a request may ask for and take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Whether the server listens on loopback only, and so answers to the names of loopback too.
    pub loopback: bool,
    /// The address at which clients reach the server; its host is answered to. Off loopback no other is.
    pub public_url: Option<PublicUrl>,
    /// The sites whose pages may use the API.
    pub cors_origins: Vec<Origin>,
    /// How long a handler may take to begin its answer.
    pub timeout: Duration,
    /// How many bytes a body may have.
    pub body: usize,
    /// How many bytes all bodies may have that are being read.
    pub all_bodies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            loopback: true,
            public_url: None,
            cors_origins: Vec::new(),
            timeout: Duration::from_secs(30),
            body: BODY,
            all_bodies: ALL_BODIES,
        }
    }
}

/// Puts `limits` around every route of `router` and its fallback, and counts and logs all that they answer or refuse.
/// People are told problems by `page`.
pub fn apply(router: Router, limits: &Limits, metrics: &Metrics, page: ProblemPage) -> Router {
    let hosts = Arc::new(Hosts::new(limits.loopback, limits.public_url.as_ref()));
    let public_url = limits.public_url.as_ref().map(|url| Arc::from(url.as_str()));
    let (timeout, bodies) = (limits.timeout, BodyMemory(Places::new(limits.all_bodies)));
    // One stack, the outermost first: axum boxes every request once a call of `layer`.
    router.layer((
        ObserveLayer::new(metrics.clone()),
        layer_fn(move |inner| Guard {
            inner,
            hosts: Arc::clone(&hosts),
            public_url: public_url.clone(),
            bodies: bodies.clone(),
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
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            LINK,
            LOCATION,
            RETRY_AFTER,
            ETAG,
            X_REQUEST_ID,
            HeaderName::from_static("x-total-count"),
        ])
        .max_age(Duration::from_mins(10));
    (!origins.is_empty()).then_some(layer)
}

fn csrf(limits: &Limits) -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + use<>> {
    let own = limits.public_url.iter().map(PublicUrl::origin);
    own.chain(limits.cors_origins.iter().map(Origin::as_str))
        // An origin that the layer does not understand stays untrusted: a refusal, never a hole.
        .fold(CsrfLayer::new(), |layer, origin| layer.clone().add_trusted_origin(origin).unwrap_or(layer))
        .with_rejection_response(|_| {
            Problem::forbidden(
                "A browser sent this write on behalf of a page of another site. Pages of other sites may write only \
                 if their origin is listed in --cors-origin.",
            )
            .into_response()
        })
}

/// Catches panics, refuses foreign hosts, ends what takes too long.
#[derive(Clone, Debug)]
struct Guard<S> {
    inner: S,
    hosts: Arc<Hosts>,
    public_url: Option<Arc<str>>,
    bodies: BodyMemory,
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
        // The clone stays behind: the one that was asked whether it is ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (refused, timeout) = (self.refusal(&request), self.timeout);
        let request_id = request.extensions().get::<RequestId>().cloned();
        let page = wants_page(&request).then_some(self.page);
        let (content, activity) = (Content::at(request.uri().path()), memory::activity(&request));
        if !request.body().is_end_stream() {
            request.extensions_mut().insert(self.bodies.clone());
        }
        Box::pin(async move {
            let mut response = if let Some(problem) = refused {
                // Where a body ends that is packed in another way, nobody knows.
                let is_lost = problem.kind().slug == MalformedRequest::KIND.slug;
                let mut response = problem.into_response();
                if is_lost {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            } else {
                // The call itself is inside too: layers refuse before they return a future.
                let answer = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
                match tokio::time::timeout(timeout, answer).await {
                    Ok(Ok(answered)) => answered?,
                    // What it says may hold anything, and the panic hook has told where it was.
                    Ok(Err(_panic)) => {
                        let request_id = request_id.as_ref().map(|id| &*id.0);
                        tracing::error!(request_id, "a handler panicked");
                        Problem::internal().into_response()
                    }
                    Err(_late) => Problem::overloaded(format!(
                        "The request was not answered within {} seconds. A write that it asked for may have been \
                         carried out.",
                        timeout.as_secs()
                    ))
                    .into_response(),
                }
            };
            if let Some(activity) = activity {
                response = memory::until_taken(&activity, response);
            }
            response = Problem::shown(response, request_id.as_ref().map(|id| &*id.0), page);
            headers::complete(content, &mut response);
            Ok(response)
        })
    }
}

impl<S> Guard<S> {
    /// Why the request goes no further.
    fn refusal(&self, request: &Request) -> Option<Problem> {
        let crowded = request.extensions().get::<Crowded>();
        if let Some(crowded) = crowded.filter(|_| !beside::is_health(request.uri().path())) {
            return Some(no_room(*crowded));
        }
        let stranger = self.hosts.check(request).err();
        stranger.map(|stranger| self.refuse(stranger)).or_else(|| check_coding(request).err())
    }

    fn refuse(&self, stranger: Stranger) -> Problem {
        match (stranger, &self.public_url) {
            (Stranger::Unreadable, _) => Problem::invalid_host(
                "A request needs exactly one Host header, which names a host and perhaps a port.",
            ),
            (Stranger::Foreign, Some(url)) => Problem::forbidden(format!(
                "The server is {url}, and this request asks for another host. A page that a browser shows could \
                 otherwise reach the server under a name of its own (DNS rebinding). Ask for {url}; a proxy has to pass \
                 on the Host that it was asked for. Only /healthz, /readyz and /metrics may be asked for by address."
            )),
            (Stranger::Foreign, None) => Problem::forbidden(
                "The server listens on loopback only, and this request asks for another host. A page that a browser \
                 shows could otherwise reach the server under a name of its own (DNS rebinding). Ask for localhost or \
                 127.0.0.1; behind a proxy, set --public-url to the address that clients use.",
            ),
        }
    }
}

fn no_room(Crowded(full): Crowded) -> Problem {
    match full {
        Full::Share => Problem::rate_limited(
            "Your other connections are as many as one client may have. Use one of them again, or close some.",
        ),
        Full::All => Problem::overloaded("All connections that the server can have are in use. Try again."),
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

/// Refuses a body that would have to be unpacked: of transfer codings the server undoes `chunked`, once. What is before it
/// would be taken for the content, and a proxy may see another end of the body than we do.
fn check_coding(request: &Request) -> Result<(), Problem> {
    let mut lines = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(line), None) if line.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::malformed_request(
            "Send the body whole, or with `Transfer-Encoding: chunked`: no other transfer coding is undone here.",
        )),
    }
}
