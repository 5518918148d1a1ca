//! The responses of handlers. Their types determine the status, and the OpenAPI document is derived from them.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;

use super::conditional::{IfNoneMatch, etag};
use super::paging::RequestUrl;
use super::problem::IDEMPOTENCY_REPLAYED;
use crate::db::DbError;
use crate::lists::ListPart;
use crate::registrar::{Outcome, Version};

/// The number of rows that match, on all pages.
pub const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The cursor of the next page, if there is one: the `after` of its `Link`, for clients that do not read links.
pub const X_NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A record that can be the body of a response.
pub trait Resource: Serialize {
    /// Whether the record can be changed, and therefore has versions.
    const VERSIONED: bool = false;

    /// The version of the record, if it has versions.
    fn version(&self) -> Option<Version> {
        None
    }

    /// The version of data that is shown with the record and changes independently of it.
    fn related_version(&self) -> Option<Version> {
        None
    }
}

/// A record with an address of its own.
pub trait Located: Resource {
    /// The path of the record.
    fn location(&self) -> String;
}

/// 200 with a body.
#[derive(Debug)]
pub struct Found<T>(pub T);

/// 200 with a body and its `ETag`, or 304 if the client already has this version.
#[derive(Debug)]
pub struct Current<T>(pub T, pub IfNoneMatch);

/// 201 with `Location` and a body.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 201 with `Location` and a body; or 202 if the student is on a waitlist; or the answer to a request for several.
#[derive(Debug)]
pub enum Admitted<T, W, R> {
    /// It was created.
    Created(T),
    /// The place on the waitlist.
    Waiting(W),
    /// What became of each.
    All(R),
}

/// 200 with a result for each of several.
#[derive(Debug)]
pub struct Results<T>(pub Vec<T>);

/// 201 with a body: of what is back, with its `Location`, or of the place on the waitlist, which has none.
#[derive(Debug)]
pub enum Restored<T, W> {
    /// It is back.
    Back(T),
    /// The place on the waitlist.
    Place(W),
}

/// 201 the first time, 200 with the same body afterwards; or 202 while the student is on a waitlist.
#[derive(Debug)]
pub enum Ensured<T, W> {
    /// It was created.
    Created(T),
    /// It already existed.
    Found(T),
    /// The place on the waitlist.
    Waiting(W),
}

/// 204 without a body.
#[derive(Debug)]
pub struct NoContent;

impl<R: IntoResponse> IntoResponse for Outcome<R> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if self.replayed {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// 200 with an array and `X-Total-Count`, and with `Link` and `X-Next-Cursor` if there is a next page.
pub struct List<T> {
    total: i64,
    next: Option<NextPage>,
    rows: Vec<T>,
    rest: Option<BoxStream<'static, Result<Vec<T>, DbError>>>,
}

/// How a client asks for the next page.
struct NextPage {
    url: String,
    cursor: String,
}

impl<T> List<T> {
    /// The response to the request for `url`.
    #[must_use]
    pub fn new(part: ListPart<T>, url: &RequestUrl) -> Self {
        let ListPart { total, next, rows, rest } = part;
        let next = next.map(|cursor| NextPage { url: url.page_after(&cursor), cursor: cursor.encode() });
        Self { total, next, rows, rest }
    }

    /// Splits off the rows, as a stream. The other half has the headers of the list.
    #[must_use]
    pub fn split(self) -> (BoxStream<'static, Result<Vec<T>, DbError>>, Self)
    where
        T: Send + 'static,
    {
        let Self { total, next, rows, rest } = self;
        let first = stream::iter([Ok(rows)]);
        let rows = match rest {
            None => first.boxed(),
            Some(rest) => first.chain(rest).boxed(),
        };
        (rows, Self { total, next, rows: Vec::new(), rest: None })
    }

    /// Adds `X-Total-Count`, and `Link` and `X-Next-Cursor` if there is a next page.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(X_TOTAL_COUNT, HeaderValue::from(self.total));
        let Some(NextPage { url, cursor }) = &self.next else { return };
        if let Ok(link) = HeaderValue::from_str(&format!("<{url}>; rel=\"next\"")) {
            headers.insert(LINK, link);
        }
        headers.insert(X_NEXT_CURSOR, ascii(cursor));
    }

    /// Calls `seen` with all rows, some at a time, before they are sent.
    #[must_use]
    pub fn inspect(self, seen: impl Fn(&[T]) + Send + 'static) -> Self
    where
        T: 'static,
    {
        seen(&self.rows);
        let rest = self.rest.map(|rest| {
            let seen = move |rows: &Result<Vec<T>, DbError>| {
                if let Ok(rows) = rows {
                    seen(rows);
                }
            };
            rest.inspect(seen).boxed()
        });
        Self { rest, ..self }
    }
}

impl<T: Resource> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        resource(StatusCode::OK, &self.0)
    }
}

impl<T: Resource> IntoResponse for Current<T> {
    fn into_response(self) -> Response {
        match self.0.version() {
            Some(version) if self.1.has(version, self.0.related_version()) => {
                (StatusCode::NOT_MODIFIED, [(ETAG, etag(version, self.0.related_version()))]).into_response()
            }
            _ => resource(StatusCode::OK, &self.0),
        }
    }
}

impl<T: Located> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = resource(StatusCode::CREATED, &self.0);
        response.headers_mut().insert(LOCATION, ascii(&self.0.location()));
        response
    }
}

impl<T: Located, W: Serialize, R: IntoResponse> IntoResponse for Admitted<T, W, R> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(body) => Created(body).into_response(),
            Self::Waiting(body) => json(StatusCode::ACCEPTED, &body),
            Self::All(results) => results.into_response(),
        }
    }
}

impl<T: Serialize> IntoResponse for Results<T> {
    fn into_response(self) -> Response {
        (StatusCode::OK, [(CONTENT_TYPE, JSON)], array(&self.0)).into_response()
    }
}

impl<T: Located, W: Serialize> IntoResponse for Restored<T, W> {
    fn into_response(self) -> Response {
        match self {
            Self::Back(body) => Created(body).into_response(),
            Self::Place(body) => json(StatusCode::CREATED, &body),
        }
    }
}

impl<T: Located, W: Serialize> IntoResponse for Ensured<T, W> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(body) => Created(body).into_response(),
            Self::Found(body) => Found(body).into_response(),
            Self::Waiting(body) => json(StatusCode::ACCEPTED, &body),
        }
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: Serialize + Send + 'static> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::OK, [(CONTENT_TYPE, JSON)]).into_response();
        self.add_headers(response.headers_mut());
        *response.body_mut() = match self.rest {
            None => Body::from(array(&self.rows)),
            Some(rest) => streamed(&self.rows, rest),
        };
        response
    }
}

/// 200 with an array that is sent while it is produced.
pub struct StreamedArray<T> {
    /// The first items.
    pub first: Vec<T>,
    /// The further items.
    pub rest: BoxStream<'static, Vec<T>>,
}

impl<T: Serialize + Send + 'static> IntoResponse for StreamedArray<T> {
    fn into_response(self) -> Response {
        let body = streamed(&self.first, self.rest.map(Ok).boxed());
        (StatusCode::OK, [(CONTENT_TYPE, JSON)], body).into_response()
    }
}

/// 200 with server-sent events (HTML Living Standard, 9.2). After 15 s without an event it sends a comment, because a
/// proxy may close a silent connection. Never compressed, cached or buffered.
pub struct EventStream(BoxStream<'static, Result<Event, DbError>>);

impl EventStream {
    /// A response that sends these events; an error ends the connection.
    pub fn new(events: impl Stream<Item = Result<Event, DbError>> + Send + 'static) -> Self {
        Self(events.boxed())
    }
}

/// A list, or a stream of new entries.
pub enum ListOrStream<T> {
    /// The entries that exist.
    List(List<T>),
    /// New entries as they are added.
    Stream(EventStream),
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let headers = [
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // Otherwise nginx buffers the events.
            (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        (headers, Sse::new(self.0).keep_alive(KeepAlive::new())).into_response()
    }
}

impl<T: Serialize + Send + 'static> IntoResponse for ListOrStream<T> {
    fn into_response(self) -> Response {
        match self {
            Self::List(list) => list.into_response(),
            Self::Stream(stream) => stream.into_response(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn resource(status: StatusCode, body: &impl Resource) -> Response {
    let mut response = json(status, body);
    if let Some(version) = body.version() {
        response.headers_mut().insert(ETAG, ascii(&etag(version, body.related_version())));
    }
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(CONTENT_TYPE, JSON)], to_json(body)).into_response()
}

/// A record or a result as JSON.
#[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all maps have strings as keys")]
pub(super) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("a response serializes to JSON")
}

/// A text that this program made, such as an address or an entity tag, as the value of a header.
#[expect(
    clippy::expect_used,
    reason = "the texts consist of ids, hashes, and URLs that were parsed or encoded"
)]
pub(super) fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header value is visible ASCII")
}

fn array<T: Serialize>(rows: &[T]) -> Vec<u8> {
    let mut body = Vec::with_capacity(2 + rows.len() * 80);
    body.push(b'[');
    push_items(&mut body, rows);
    body.push(b']');
    body
}

/// Streams an array. On a failure the connection ends without the closing bracket, so that no client takes the list
/// for complete.
fn streamed<T: Serialize + Send + 'static>(
    first: &[T],
    rest: BoxStream<'static, Result<Vec<T>, DbError>>,
) -> Body {
    let mut opening = Vec::with_capacity(1 + first.len() * 80);
    opening.push(b'[');
    push_items(&mut opening, first);
    let items = rest.map(|rows| {
        rows.map(|rows| {
            let mut chunk = Vec::with_capacity(1 + rows.len() * 80);
            chunk.push(b',');
            push_items(&mut chunk, &rows);
            Bytes::from(chunk)
        })
    });
    let closing = stream::iter([Ok(Bytes::from_static(b"]"))]);
    let body = stream::iter([Ok(Bytes::from(opening))]).chain(items).chain(closing);
    Body::from_stream(body.scan(false, |failed, chunk| {
        let ended = std::mem::replace(failed, chunk.is_err());
        std::future::ready((!ended).then_some(chunk))
    }))
}

fn push_items<T: Serialize>(body: &mut Vec<u8>, rows: &[T]) {
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        #[expect(clippy::expect_used, reason = "as in `to_json`")]
        serde_json::to_writer(&mut *body, row).expect("a response serializes to JSON");
    }
}
