//! Sends files while they are written, and chooses the media type that a client accepts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response as Documented, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::problem::{NotAcceptable, Problem};
use super::reply::{List, ascii};
use super::weight::thousandths;

/// A format of files.
pub trait Media: Send + Sync + 'static {
    /// The media type, without parameters.
    const TYPE: &'static str;
    /// The value of `Content-Type`.
    const CONTENT_TYPE: &'static str = Self::TYPE;
    /// The ending of names.
    const ENDING: &'static str;
    /// An example for the document of the API.
    const EXAMPLE: Option<&'static str> = None;
}

/// CSV (RFC 4180). With a charset: many clients read a text without one as Latin-1.
#[derive(Debug)]
pub struct Csv;

/// A workbook of Excel and other spreadsheets.
#[derive(Debug)]
pub struct Xlsx;

/// An archive.
#[derive(Debug)]
pub struct Zip;

impl Media for Csv {
    const TYPE: &'static str = "text/csv";
    const CONTENT_TYPE: &'static str = "text/csv; charset=utf-8";
    const ENDING: &'static str = "csv";
    const EXAMPLE: Option<&'static str> = Some("number,name,email\r\n0042817,Zoë Martin,zoe@example.edu\r\n");
}

impl Media for Xlsx {
    const TYPE: &'static str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    const ENDING: &'static str = "xlsx";
}

impl Media for Zip {
    const TYPE: &'static str = "application/zip";
    const ENDING: &'static str = "zip";
}

/// 200 with a file to save. If it cannot be written to its end, the connection breaks, so that an incomplete file is
/// not taken for a complete one.
pub struct Download<M> {
    name: String,
    body: Body,
    media: PhantomData<M>,
}

impl<M: Media> Download<M> {
    /// A file with this name (without its ending). Errors while it is written are logged.
    #[must_use]
    pub fn new<E>(name: String, bytes: BoxStream<'static, Result<Bytes, E>>) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let bytes =
            bytes.inspect_err(|error| tracing::error!(%error, "a file could not be written to its end"));
        Self { name, body: Body::from_stream(bytes), media: PhantomData }
    }
}

impl<M: Media> IntoResponse for Download<M> {
    fn into_response(self) -> Response {
        let disposition = ascii(&format!("attachment; filename=\"{}.{}\"", self.name, M::ENDING));
        let headers =
            [(CONTENT_TYPE, HeaderValue::from_static(M::CONTENT_TYPE)), (CONTENT_DISPOSITION, disposition)];
        (headers, self.body).into_response()
    }
}

impl<M: Media> IntoResponses for Download<M> {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let schema = match M::EXAMPLE {
            Some(_) => text(),
            None => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))),
        };
        let content = ContentBuilder::new().schema(Some(schema)).example(M::EXAMPLE.map(Into::into)).build();
        let name =
            HeaderBuilder::new().schema(Some(text())).description(Some("The name of the file.")).build();
        let response = ResponseBuilder::new()
            .description("The file. If the connection breaks, it is incomplete.")
            .content(M::CONTENT_TYPE, content)
            .header("Content-Disposition", name);
        [("200".to_owned(), RefOr::T(response.build()))].into()
    }
}

/// Present if the client accepts this format.
#[derive(Debug)]
pub struct Accepts<M>(PhantomData<M>);

impl<M: Media, S: Send + Sync> FromRequestParts<S> for Accepts<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if quality(&parts.headers, M::TYPE) > 0 {
            Ok(Self(PhantomData))
        } else {
            Err(not_acceptable(M::TYPE))
        }
    }
}

fn not_acceptable(types: &str) -> Problem {
    Problem::new::<NotAcceptable>(format!(
        "This address has {types}, which the Accept header does not allow."
    ))
}

/// The format of a list for a client: CSV if it prefers that (RFC 9110, 12.5.1), otherwise JSON, even if it accepts
/// neither, because lists were always JSON before there was CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// JSON.
    Json,
    /// CSV.
    Csv,
}

const JSON_TYPE: &str = "application/json";

impl<S: Send + Sync> FromRequestParts<S> for ListFormat {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let prefers_csv = quality(&parts.headers, Csv::TYPE) > quality(&parts.headers, JSON_TYPE);
        Ok(if prefers_csv { Self::Csv } else { Self::Json })
    }
}

/// The client's weight for a media type, in thousandths: that of the most specific matching range (RFC 9110, 12.5.1).
/// Without the header, all media types have the same.
fn quality(headers: &HeaderMap, wanted: &str) -> u16 {
    let lines: Vec<_> = headers.get_all(ACCEPT).into_iter().filter_map(|line| line.to_str().ok()).collect();
    let ranges = lines.iter().flat_map(|line| line.split(',')).filter(|range| !range.trim().is_empty());
    let mut found = None;
    let mut is_empty = true;
    for range in ranges {
        is_empty = false;
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specific = match name.strip_suffix("/*") {
            Some("*") => 0,
            Some(kind) if wanted.split('/').next() == Some(kind) => 1,
            None if name == wanted => 2,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1000, thousandths);
        if found.is_none_or(|(before, _)| specific > before) {
            found = Some((specific, weight));
        }
    }
    if is_empty { 1000 } else { found.map_or(0, |(_, weight)| weight) }
}

/// A list, or the same list as a CSV file.
pub enum ListOrCsv<T> {
    /// The list.
    List(List<T>),
    /// The file, and the list without its rows, for the headers.
    Csv(Download<Csv>, List<T>),
}

impl<T: serde::Serialize + Send + 'static> IntoResponse for ListOrCsv<T> {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::List(list) => list.into_response(),
            Self::Csv(file, list) => {
                let mut response = file.into_response();
                list.add_headers(response.headers_mut());
                response
            }
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// The list only: clients that are generated from an answer with two media types take it for a list or a text. Operations
/// say in words that they also have CSV.
impl<T: ToSchema> IntoResponses for ListOrCsv<T> {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        List::<T>::responses()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_says_how_much_a_type_is_wanted() {
        let wanted = |accept: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            [JSON_TYPE, Csv::TYPE].map(|wanted| quality(&headers, wanted))
        };
        for (accept, expected) in [
            ("", [1000, 1000]),
            ("*/*", [1000, 1000]),
            ("text/csv", [0, 1000]),
            ("Text/CSV; charset=utf-8", [0, 1000]),
            ("text/csv, */*;q=0.1", [100, 1000]),
            ("text/*;q=0.25, application/json;q=0.5", [500, 250]),
            ("*/*, text/csv;q=0", [1000, 0]),
            ("text/html, application/xml", [0, 0]),
            ("text/html, */*;q=0.8", [800, 800]),
            ("application/json;q=1.0, text/csv;q=nonsense", [1000, 1000]),
        ] {
            assert_eq!(wanted(accept), expected, "{accept}");
        }
        assert_eq!(quality(&HeaderMap::new(), Csv::TYPE), 1000);
    }
}
