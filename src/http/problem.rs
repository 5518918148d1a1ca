//! Refusals as a client sees them: `application/problem+json` (RFC 9457).
//!
//! A [`Kind`] is a type of problem, a [`Problem`] one of them with its detail. What a handler can answer stands in its
//! signature: `Result<Created<Enrollment>, Refused<(StudentNotFound, CourseNotFound)>>`. Problems that any request can
//! meet (a full queue, a failing disk, a bad query) are not repeated there: see [`Scope`].

use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::db::DbError;

/// A type of problem.
#[derive(Debug)]
pub struct Kind {
    /// Its name in the `type` URL.
    pub slug: &'static str,
    /// The status that it is answered with.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means and what to do about it.
    pub meaning: &'static str,
    /// Which requests can meet it.
    pub scope: Scope,
}

/// Which requests can meet a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those whose signature says so.
    Signature,
    /// Every request.
    Any,
    /// Every request that carries a body.
    Body,
    /// Every request that may carry an `Idempotency-Key`.
    Keyed,
    /// Requests that meet no operation at all.
    Unrouted,
}

/// A kind of problem as a type, for signatures.
pub trait ProblemKind {
    /// The kind.
    const KIND: &'static Kind;
}

/// Defines kinds of problems, each as a type and all in `KINDS`.
macro_rules! kinds {
    ($($name:ident = $slug:literal, $status:literal, $scope:ident, $title:literal, $meaning:literal;)*) => {
        $(
            #[doc = $title]
            #[derive(Debug)]
            pub struct $name;

            impl $crate::http::problem::ProblemKind for $name {
                const KIND: &'static $crate::http::problem::Kind = &$crate::http::problem::Kind {
                    slug: $slug,
                    status: $status,
                    title: $title,
                    meaning: $meaning,
                    scope: $crate::http::problem::Scope::$scope,
                };
            }
        )*

        /// The kinds of problems that are defined here.
        pub const KINDS: &[&$crate::http::problem::Kind] = &[$($name::KIND),*];
    };
}
pub(crate) use kinds;

kinds! {
    MalformedJson = "malformed-json", 400, Body, "The body is not JSON",
        "The body could not be read as JSON. `line` and `column` say where reading stopped. Nothing was changed.";
    InvalidRequest = "invalid-request", 400, Any, "The request is not valid",
        "A field or a parameter has a value that is not allowed, is missing, or is not known here. `errors` lists all of them, each with a JSON pointer (RFC 6901) into the body or the name of the query parameter. Nothing was changed.";
    MalformedRequest = "malformed-request", 400, Any, "The request cannot be read",
        "It is not HTTP/1.1 as RFC 9112 has it: its first line, a header or the length of its body, or its body is packed in a way that is not undone here. The connection is closed. Nothing was changed.";
    Forbidden = "forbidden", 403, Any, "The request is not allowed",
        "The server is closed by default: on loopback it answers only requests whose Host is a loopback name or address, elsewhere only those for its public URL, and it refuses writes that a browser sends on behalf of another site.";
    NotFound = "not-found", 404, Unrouted, "There is nothing here",
        "No resource has this address. The list of all addresses is at /docs.";
    MethodNotAllowed = "method-not-allowed", 405, Unrouted, "The method is not allowed here",
        "The address exists, the method does not. The `Allow` header lists the methods that do.";
    IdempotencyAnswerNotKept = "idempotency-answer-not-kept", 409, Keyed, "The answer is no longer kept",
        "A request with this key was carried out before, so it is not carried out again. Its answer was deleted together with the student whom it named, or was stored by another version of the server. Nothing was changed by this request.";
    IdempotencyKeyInUse = "idempotency-key-in-use", 409, Keyed, "The Idempotency-Key is in use",
        "A request with this key is being carried out. Ask again in a moment: the answer will be its answer. Nothing was changed by this request.";
    PayloadTooLarge = "payload-too-large", 413, Body, "The body is too large",
        "A body may have 1 MiB at most, of many operations 8 MiB. Nothing was changed.";
    UriTooLong = "uri-too-long", 414, Unrouted, "The address is too long",
        "The path and the query are longer than the server reads. What is long belongs in a body. Nothing was changed.";
    UnsupportedMediaType = "unsupported-media-type", 415, Body, "The body has a media type that is not supported",
        "Bodies are JSON: send `Content-Type: application/json`, and no `Content-Encoding`. Nothing was changed.";
    IdempotencyKeyReused = "idempotency-key-reused", 422, Keyed, "The Idempotency-Key was used for another request",
        "A key names one request, with its method, path and body, for 24 hours. For another request choose another key. Nothing was changed.";
    RateLimited = "rate-limited", 429, Any, "Too much at a time from one client",
        "One client may take only a share of what the server can do at a time: connections, bodies, searches and long lists. Others are answered meanwhile. `Retry-After` says when to try again. Behind a proxy all clients share the proxy's address: see `--client-share`. Nothing was changed.";
    HeadTooLarge = "request-head-too-large", 431, Unrouted, "The head of the request is too large",
        "The first line and the headers have more than 64 KiB together, or are more than a hundred. The connection is closed. Nothing was changed.";
    Internal = "internal", 500, Any, "The server failed",
        "The failure is in the server's log, under the request id in `instance`.";
    Overloaded = "overloaded", 503, Any, "The server cannot take the request now",
        "Too much waits already, the disk is full, another program holds the database, or the server is stopping. `Retry-After` says when to try again. Nothing was changed, unless the detail says otherwise.";
}

/// One problem, ready to be told.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    members: Map<String, Value>,
    /// What the operator has to know, and nobody else.
    cause: Option<Box<Cause>>,
    /// Whether the same request was refused the same before.
    replayed: bool,
}

/// What is behind a problem, for the log.
#[derive(Clone, Debug)]
struct Cause {
    what: &'static str,
    error: DbError,
    is_passing: bool,
}

impl Problem {
    /// A problem of kind `K`; `detail` says what is the matter this time.
    pub fn new<K: ProblemKind>(detail: impl Into<String>) -> Self {
        Self { kind: K::KIND, detail: detail.into(), members: Map::new(), cause: None, replayed: false }
    }

    /// Adds a member that helps a program to act.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// With an error for the log; one that `is_passing` is a warning there.
    #[must_use]
    pub(super) fn because(self, what: &'static str, error: DbError, is_passing: bool) -> Self {
        Self { cause: Some(Box::new(Cause { what, error, is_passing })), ..self }
    }

    /// Writes what is behind it to the log of the server, under the request's id.
    pub fn log(&self, request_id: Option<&str>) {
        if let Some(Cause { what, error, is_passing }) = self.cause.as_deref() {
            if *is_passing {
                tracing::warn!(request_id, %error, "{what}");
            } else {
                tracing::error!(request_id, %error, "{what}");
            }
        }
    }

    /// Given to the same request before.
    #[must_use]
    pub fn again(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// As JSON, of the request `instance`.
    #[must_use]
    pub fn to_json(&self, instance: Option<&str>) -> Value {
        json!(Told::of(self, instance))
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What is the matter this time.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same may succeed in a moment; `Retry-After` then says so.
    #[must_use]
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 403, `detail` says why.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new::<Forbidden>(detail)
    }

    /// 400 for a request that is not HTTP as we read it.
    pub fn malformed_request(detail: impl Into<String>) -> Self {
        Self::new::<MalformedRequest>(detail)
    }

    /// 429 with `Retry-After`: the client has its share already.
    pub fn rate_limited(detail: impl Into<String>) -> Self {
        Self::new::<RateLimited>(detail)
    }

    /// 400 for a `Host` header that is missing, doubled or unreadable.
    pub fn invalid_host(detail: impl Into<String>) -> Self {
        Self::new::<InvalidRequest>(detail)
    }

    /// 500; the reason is for the log only.
    #[must_use]
    pub fn internal() -> Self {
        Self::new::<Internal>("Something went wrong on the server; its log has the reason.")
    }

    /// 503 with `Retry-After`.
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::new::<Overloaded>(detail)
    }

    /// 413.
    #[must_use]
    pub fn payload_too_large(most: usize) -> Self {
        let mebibytes = most / (1024 * 1024);
        Self::new::<PayloadTooLarge>(format!("The body has more than {mebibytes} MiB ({most} bytes)."))
    }
}

/// A problem (RFC 9457). Kinds have further members that help a program to act.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Told<'a> {
    /// A URL on this server that explains the kind of problem in a page.
    r#type: String,
    /// What kind of problem it is.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is the matter this time.
    detail: &'a str,
    /// The request's id, which the server's log has too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    instance: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

impl<'a> Told<'a> {
    fn of(problem: &'a Problem, instance: Option<&'a str>) -> Self {
        Self {
            r#type: format!("/problems/{}", problem.kind.slug),
            title: problem.kind.title,
            status: problem.kind.status,
            detail: &problem.detail,
            instance,
            members: &problem.members,
        }
    }
}

/// Says that an answer is the one that was given to the same request before.
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How a problem is shown to people; the second is the request's id.
pub type ProblemPage = fn(&Problem, Option<&str>) -> Response;

/// As JSON without the request's id. The problem goes with the response, for the layer that knows who asked: see
/// [`Problem::shown`].
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.to_response(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl Problem {
    /// Writes the problem that a response carries, if it does, for the request that it answers: as JSON, or as a page. Its
    /// cause goes to the log.
    #[must_use]
    pub fn shown(mut response: Response, request_id: Option<&str>, page: Option<ProblemPage>) -> Response {
        let Some(problem) = response.extensions_mut().remove::<Self>() else { return response };
        problem.log(request_id);
        let written = match page {
            Some(page) => page(&problem, request_id),
            None => problem.to_response(request_id),
        };
        let (head, body) = written.into_parts();
        // Both are about the body that it had.
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().remove(CONTENT_ENCODING);
        response.headers_mut().extend(head.headers);
        *response.body_mut() = body;
        response
    }

    fn to_response(&self, instance: Option<&str>) -> Response {
        let json = json!(Told::of(self, instance)).to_string();
        let mut response = (self.status(), json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.may_be_tried_again() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
