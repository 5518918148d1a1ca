//! What handlers answer: the status stands in the type, and the OpenAPI document is derived from it.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::conditional::{IfNoneMatch, etag};
use crate::db::DbError;
use crate::registrar::Version;

/// Rows that match, before paging.
pub const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// What has an address, and perhaps a version.
pub trait Resource: Serialize {
    /// Whether it can be changed, and so has versions.
    const VERSIONED: bool = false;

    /// Its path on this server.
    fn location(&self) -> String;

    /// Its version, where it has versions.
    fn version(&self) -> Option<Version> {
        None
    }
}

/// 200 and the body.
#[derive(Debug)]
pub struct Found<T>(pub T);

/// 200 and the body with its `ETag`, or 304 when the client has it already.
#[derive(Debug)]
pub struct Current<T>(pub T, pub IfNoneMatch);

/// 201, `Location` and the body.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 201 the first time, 200 with the same body after.
#[derive(Debug)]
pub enum Ensured<T> {
    /// It was made now.
    Created(T),
    /// It was there.
    Found(T),
}

/// 204.
#[derive(Debug)]
pub struct NoContent;

/// 200 and an array, with `X-Total-Count` and, while there is more, `Link`.
pub struct List<T> {
    /// Rows that match, before paging.
    pub total: i64,
    /// Where the next page is.
    pub next: Option<String>,
    /// The first rows; all of them, unless `rest` has more.
    pub rows: Vec<T>,
    /// What comes after the first rows, as it is read.
    pub rest: Option<BoxStream<'static, Result<Vec<T>, DbError>>>,
}

impl<T: Resource> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        resource(StatusCode::OK, &self.0)
    }
}

impl<T: Resource> IntoResponse for Current<T> {
    fn into_response(self) -> Response {
        match self.0.version() {
            Some(version) if self.1.has(version) => {
                (StatusCode::NOT_MODIFIED, [(ETAG, etag(version))]).into_response()
            }
            _ => resource(StatusCode::OK, &self.0),
        }
    }
}

impl<T: Resource> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = resource(StatusCode::CREATED, &self.0);
        if let Ok(location) = HeaderValue::from_str(&self.0.location()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

impl<T: Resource> IntoResponse for Ensured<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(body) => Created(body).into_response(),
            Self::Found(body) => Found(body).into_response(),
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
        let body = match self.rest {
            None => Body::from(array(&self.rows)),
            Some(rest) => streamed(&self.rows, rest),
        };
        let mut response = (StatusCode::OK, [(CONTENT_TYPE, JSON)], body).into_response();
        response.headers_mut().insert(X_TOTAL_COUNT, HeaderValue::from(self.total));
        if let Some(next) = self.next
            && let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))
        {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn resource(status: StatusCode, body: &impl Resource) -> Response {
    let mut response =
        (status, [(CONTENT_TYPE, JSON)], serde_json::to_vec(body).unwrap_or_default()).into_response();
    if let Some(version) = body.version()
        && let Ok(tag) = HeaderValue::from_str(&etag(version))
    {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn array<T: Serialize>(rows: &[T]) -> Vec<u8> {
    let mut body = Vec::with_capacity(2 + rows.len() * 80);
    body.push(b'[');
    push_items(&mut body, rows);
    body.push(b']');
    body
}

/// A list that is cut off ends the connection without the closing bracket, so that no client takes it for complete.
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
    // A failure must not be followed by the closing bracket.
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
        // Writing to memory cannot fail, and our records serialize.
        let _ = serde_json::to_writer(&mut *body, row);
    }
}
