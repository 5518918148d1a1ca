//! Errors as a client sees them: `application/problem+json` (RFC 9457).
//!
//! A [`Kind`] is a type of problem, a [`Problem`] is one occurrence with its detail. The signature of a handler lists
//! the kinds that it can return: `Result<Created<Enrollment>, Refused<(StudentNotFound, CourseNotFound)>>`. Problems
//! that any request can cause (a full queue, a failing disk, a bad query) are not listed there: see [`Scope`].

use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Extensions, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::members::{Member, RequestError, are_those_of, count, list_of};
use crate::db::DbError;

/// A type of problem.
#[derive(Debug)]
pub struct Kind {
    /// The last part of its `type` URL.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A short summary, the same for all problems of this kind.
    pub title: &'static str,
    /// What the problem means and what a client can do.
    pub meaning: &'static str,
    /// Which requests can cause it.
    pub scope: Scope,
    /// Its members in addition to those of every problem.
    pub members: &'static [Member],
}

impl Kind {
    /// Whether the same request may succeed a second later; such a response has `Retry-After`.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.status, 429 | 503) || self.slug == IdempotencyKeyInUse::KIND.slug
    }
}

/// Which requests can cause a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those whose handler lists it in its signature.
    Signature,
    /// Every request.
    Any,
    /// Every request that only reads.
    Read,
    /// Every request that may change something.
    Write,
    /// Every request with a body.
    Body,
    /// Every request that may have an `Idempotency-Key`.
    Keyed,
    /// Requests that reach no operation.
    Unrouted,
}

/// A kind of problem as a type, for use in signatures.
pub trait ProblemKind {
    /// The kind.
    const KIND: &'static Kind;
}

/// Defines kinds of problems: a type for each, and the list `KINDS`. After its meaning, a kind has its further members,
/// each with its schema, an example and its meaning; not all problems of the kind have one that is `[optional]`.
macro_rules! kinds {
    ($(
        $name:ident = $slug:literal, $status:literal, $scope:ident, $title:literal, $meaning:literal
        $(, $member:ident: $schema:path $([$optional:ident])? = $example:tt, $what:literal)*;
    )*) => {
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
                    members: &[$($crate::http::members::Member {
                        name: stringify!($member),
                        meaning: $what,
                        is_required: stringify!($($optional)?).is_empty(),
                        schema: $schema,
                        example: || serde_json::json!($example),
                    }),*],
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
        "The body could not be read as JSON. `line` and `column` say where reading stopped. Nothing was changed.",
        line: count = 1, "The line of the body, from 1.",
        column: count = 12, "The column in the line; 0 is before the first character.";
    InvalidRequest = "invalid-request", 400, Any, "The request is not valid",
        "A field or a parameter is missing, is unknown, or has a value that is not allowed. `errors` lists all errors, each with a JSON pointer (RFC 6901) into the body or the name of the parameter. Nothing was changed.",
        errors: list_of::<RequestError> = [{"pointer": "/email", "detail": "must not be empty"}], "What is wrong, at most a hundred places.";
    MalformedRequest = "malformed-request", 400, Any, "The request cannot be read",
        "The first line, a header or the length of the body is not valid HTTP/1.1 (RFC 9112), or the body uses an encoding that the server does not support. The connection is closed. Nothing was changed.";
    Unauthorized = "unauthorized", 401, Any, "Sign in first",
        "Programs send `Authorization: Bearer` with a token that an admin has created. The token may be missing, unknown, expired or revoked. Nothing was changed.";
    Forbidden = "forbidden", 403, Any, "The request is not allowed",
        "The account or the token has no right to do this. On loopback, the server answers only requests whose Host is a loopback name or address; elsewhere, only requests for its public URL. It refuses writes that a browser sends for a page of another site.";
    NotFound = "not-found", 404, Unrouted, "Not found",
    "Nothing has this address. /docs lists all addresses of the API.";
    MethodNotAllowed = "method-not-allowed", 405, Unrouted, "The method is not allowed here",
        "This address does not accept this method. The `Allow` header lists the methods that it accepts.";
    NotAcceptable = "not-acceptable", 406, Signature, "No answer has this media type",
        "The Accept header of the request allows none of the media types at this address: lists are JSON or CSV, and the name of a file gives its type.";
    IdempotencyAnswerNotKept = "idempotency-answer-not-kept", 409, Keyed, "The answer is no longer stored",
    "A request with this key was carried out before, so it is not carried out again. Its answer was deleted together with its student, or was stored by another version of the server. This request changed nothing.";
    IdempotencyKeyInUse = "idempotency-key-in-use", 409, Keyed, "The Idempotency-Key is in use",
        "A request with this key is still being carried out. Retry in a moment to get its answer. This request changed nothing.";
    PayloadTooLarge = "payload-too-large", 413, Body, "The body is too large",
        "A body may have at most 1 MiB, a batch 8 MiB, a file 32 MiB. Nothing was changed.";
    UriTooLong = "uri-too-long", 414, Unrouted, "The address is too long",
        "The path and the query are longer than the server accepts. Send long values in a body. Nothing was changed.";
    UnsupportedMediaType = "unsupported-media-type", 415, Body, "The media type of the body is not supported",
        "Bodies are JSON: send `Content-Type: application/json`, and no `Content-Encoding`. Nothing was changed.";
    ReadOnlyServer = "read-only-server", 421, Write, "This server only reads",
        "The server reads a copy of the database, such as a standby, and changes nothing. Send the request to a server of the same school that writes: the one without --read-only. Nothing was changed.";
    IdempotencyKeyReused = "idempotency-key-reused", 422, Keyed, "The Idempotency-Key was used for another request",
        "For 24 hours, a key belongs to one request with its method, path and body. Choose another key for another request. Nothing was changed.";
    RateLimited = "rate-limited", 429, Any, "Too many requests at a time from one client",
    "One client may use only a share of the server at a time: connections, bodies, searches and long lists. `Retry-After` says when to try again. Behind a proxy, all clients share the address of the proxy: see `--client-share`. Nothing was changed.";
    HeadTooLarge = "request-head-too-large", 431, Unrouted, "The head of the request is too large",
        "The first line and the headers have more than 64 KiB together, or there are more than 100 headers. The connection is closed. Nothing was changed.";
    Internal = "internal", 500, Any, "The server failed",
        "The log output of the server has the reason, with the request id in `instance`.";
    NotCaughtUp = "not-caught-up", 503, Read, "The server has not seen that change yet",
        "The `X-Matricula-Seq` header of the request names an entry of the event log that has not reached this server within a second. Try again after `Retry-After`, or read from a server that writes.";
    Overloaded = "overloaded", 503, Any, "The server cannot take the request now",
        "Too many requests are waiting, the disk is full, another program blocks the database, or the server is stopping. `Retry-After` says when to try again. Nothing was changed, unless the detail says otherwise.";
}

/// One problem.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    members: Map<String, Value>,
    /// The reason, for the log output only.
    cause: Option<Box<Cause>>,
    /// Whether this is the stored answer to an earlier request.
    replayed: bool,
}

/// The reason of a problem, for the log output.
#[derive(Clone, Debug)]
struct Cause {
    message: &'static str,
    error: DbError,
    is_transient: bool,
}

impl Problem {
    /// A problem of kind `K`; `detail` describes this occurrence.
    pub fn new<K: ProblemKind>(detail: impl Into<String>) -> Self {
        Self { kind: K::KIND, detail: detail.into(), members: Map::new(), cause: None, replayed: false }
    }

    /// Adds a member for programs.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Replaces the text of a member, if there is one and `change` returns another.
    pub(super) fn change_text(&mut self, member: &str, change: impl FnOnce(&str) -> Option<String>) {
        if let Some(Value::String(text)) = self.members.get_mut(member)
            && let Some(changed) = change(text)
        {
            *text = changed;
        }
    }

    /// Adds an error for the log output; one that `is_transient` is logged as a warning.
    #[must_use]
    pub(super) fn with_cause(self, message: &'static str, error: DbError, is_transient: bool) -> Self {
        Self { cause: Some(Box::new(Cause { message, error, is_transient })), ..self }
    }

    /// Logs the cause, if there is one, with the id of the request.
    pub fn log(&self, request_id: Option<&str>) {
        if let Some(Cause { message, error, is_transient }) = self.cause.as_deref() {
            if *is_transient {
                tracing::warn!(request_id, %error, "{message}");
            } else {
                tracing::error!(request_id, %error, "{message}");
            }
        }
    }

    /// Sets whether this is the stored answer to an earlier request.
    #[must_use]
    pub fn with_replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// The problem as JSON; `instance` is the id of the request.
    #[must_use]
    pub fn to_json(&self, instance: Option<&str>) -> Value {
        json!(ProblemBody::new(self, instance))
    }

    /// The kind of the problem.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What happened this time.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A 401.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new::<Unauthorized>(detail)
    }

    /// A 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new::<Forbidden>(detail)
    }

    /// A 400 for a request that is not valid HTTP/1.1.
    pub fn malformed_request(detail: impl Into<String>) -> Self {
        Self::new::<MalformedRequest>(detail)
    }

    /// A 429 with `Retry-After`: the client already uses its share.
    pub fn rate_limited(detail: impl Into<String>) -> Self {
        Self::new::<RateLimited>(detail)
    }

    /// A 400 for a `Host` header that is missing, repeated or invalid.
    pub fn invalid_host(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let error = json!({"parameter": "Host", "detail": detail.clone()});
        Self::new::<InvalidRequest>(detail).with("errors", vec![error])
    }

    /// A 500; the reason is logged only.
    #[must_use]
    pub fn internal() -> Self {
        Self::new::<Internal>("Something went wrong on the server. The reason is in the server's log output.")
    }

    /// A 503 with `Retry-After`.
    pub fn overloaded(detail: impl Into<String>) -> Self {
        Self::new::<Overloaded>(detail)
    }

    /// A 413; `max` is the limit in bytes.
    #[must_use]
    pub fn payload_too_large(max: usize) -> Self {
        let mebibytes = max / (1024 * 1024);
        Self::new::<PayloadTooLarge>(format!("The body has more than {mebibytes} MiB ({max} bytes)."))
    }
}

/// A problem (RFC 9457). Most kinds have further members, for programs.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The address of a page on this server that explains the kind of problem.
    r#type: String,
    /// The kind of problem in a few words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: &'a str,
    /// The id of the request, which is also in the server's log output.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required)]
    instance: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

impl<'a> ProblemBody<'a> {
    fn new(problem: &'a Problem, instance: Option<&'a str>) -> Self {
        debug_assert!(
            are_those_of(problem.kind.members, &problem.members),
            "{problem:?} has other members than the document says"
        );
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

/// Marks the stored answer to an earlier request.
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Renders a problem as a page, from the id of the request and what the response carries, such as who its reader is.
pub type ProblemPage = fn(&Problem, Option<&str>, &Extensions) -> Response;

/// JSON without a request id. The problem itself is an extension of the response, from which [`Problem::render`]
/// writes the final body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.to_response(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl Problem {
    /// Renders the problem in a response, if there is one, with the request id: with `page`, or as JSON without it.
    /// Logs the cause.
    #[must_use]
    pub fn render(mut response: Response, request_id: Option<&str>, page: Option<ProblemPage>) -> Response {
        let Some(problem) = response.extensions_mut().remove::<Self>() else { return response };
        problem.log(request_id);
        let rendered = match page {
            Some(page) => page(&problem, request_id, response.extensions()),
            None => problem.to_response(request_id),
        };
        let (head, body) = rendered.into_parts();
        // Both describe the previous body.
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().remove(CONTENT_ENCODING);
        response.headers_mut().extend(head.headers);
        *response.body_mut() = body;
        response
    }

    fn to_response(&self, instance: Option<&str>) -> Response {
        let json = json!(ProblemBody::new(self, instance)).to_string();
        let mut response = (self.status(), json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.kind.is_retryable() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
