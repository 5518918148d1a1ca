//! The log over HTTP.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::OptionalFromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Filter, LogEntry, store};
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::paging::Here;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{EventStream, List, ListOrStream};
use crate::lists::{Cursor, Limit, PLAIN, Page};
use crate::registrar::{CourseId, EventKind, MAX_ID, StudentId};
use crate::state::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Read the log
///
/// Every change appends exactly one event in the transaction that made it, and `seq` has no gaps: a reader that keeps
/// the last `seq` it saw, and asks for what came `after` it, misses nothing. With `Accept: text/event-stream` the answer
/// has no end: server-sent events, whose `id` is `seq`, as they happen.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(LogPart))]
async fn list(
    app: App,
    Query(wanted): Query<LogPart>,
    streams: Option<Streams>,
    here: Here,
) -> Result<ListOrStream<LogEntry>, Refused<()>> {
    let filter = wanted.filter();
    if let Some(streams) = streams {
        let told = app.feed.listen(filter, streams.after(&wanted)?);
        let told = told.ok_or_else(|| Problem::overloaded("More listen already than the server takes."))?;
        return Ok(ListOrStream::Stream(EventStream::new(told)));
    }
    let after = wanted.after.map(|Number(seq)| Cursor {
        order: PLAIN.to_owned(),
        text: None,
        id: seq,
        total: wanted.total.map(|Number(total)| total),
    });
    let page = Page::of(wanted.limit, after, PLAIN)?;
    Ok(ListOrStream::List(List::new(store::list(&filter).read(&app.db, &page).await?, &here)))
}

/// That the client wants the log as it grows, and the last `seq` that it was told before it was cut off.
#[derive(Debug)]
struct Streams(Option<HeaderValue>);

impl Streams {
    fn after(&self, wanted: &LogPart) -> Result<i64, Problem> {
        if wanted.limit.is_some() {
            let detail = "is not for a stream, which has no pages";
            return Err(invalid(vec![json!({"parameter": "limit", "detail": detail})]));
        }
        let Some(last) = &self.0 else { return Ok(wanted.after.as_ref().map_or(0, |after| after.0)) };
        let last = last.to_str().unwrap_or_default().parse::<Number>();
        let last =
            last.map_err(|detail| invalid(vec![json!({"parameter": "Last-Event-ID", "detail": detail})]))?;
        Ok(last.0)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Streams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        let accepted = parts.headers.get_all(ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
        let mut kinds = accepted.flat_map(|line| line.split(',')).filter_map(|kind| kind.split(';').next());
        let streams = kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"));
        Ok(streams.then(|| Self(parts.headers.get("last-event-id").cloned())))
    }
}

/// Which part of the log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct LogPart {
    /// Only what came after this `seq`.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    after: Option<Number>,
    /// How many entries match, from the `Link` of the page before: given with `after`, it is said again as `X-Total-Count`
    /// instead of counted.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    total: Option<Number>,
    /// Entries a page; without it the list is complete.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 10_000)]
    limit: Option<Limit>,
    /// Only what is about this student.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    student_id: Option<Number>,
    /// Only what is about this course.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    course_id: Option<Number>,
    /// Only what is of this type.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    r#type: Option<EventType>,
}

impl LogPart {
    fn filter(&self) -> Filter {
        Filter {
            student_id: self.student_id.as_ref().map(|id| StudentId(id.0)),
            course_id: self.course_id.as_ref().map(|id| CourseId(id.0)),
            kind: self.r#type.as_ref().map(|kind| kind.0),
        }
    }
}

impl Parameters for LogPart {
    const KNOWN: &'static [&'static str] = &["after", "total", "limit", "student_id", "course_id", "type"];
}

#[derive(Debug)]
struct Number(i64);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number =
            digits.then(|| text.parse().ok()).flatten().filter(|number| (0..=MAX_ID).contains(number));
        number.map(Self).ok_or_else(|| format!("must be a whole number from 0 to {MAX_ID}"))
    }
}

#[derive(Debug)]
struct EventType(EventKind);

impl ToSchema for EventType {}

impl PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(EventKind::ALL.iter().map(|kind| kind.as_str())))
            .into()
    }
}

impl FromStr for EventType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("must be one of {}", known.join(", "))
        })
    }
}
