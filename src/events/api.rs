//! The API of the event log.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::{EventType, Filter, LogEntry, store};
use crate::clock::Stamp;
use crate::count::thousands;
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{EventStream, List, ListOrStream};
use crate::http::routes::{Routes, only};
use crate::http::weight::thousandths;
use crate::lists::{Cursor, Limit, PLAIN_ORDER, Page, WrongCursor};
use crate::registrar::Right;
use crate::registrar::{Actor, CourseId, EventKind, MAX_ID, StudentId};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The routes of the event log.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new().api(only(Right::ReadEvents), routes!(list)).api(only(Right::ReadEvents), routes!(stream))
}

/// Read the log
///
/// Every change appends exactly one event in its own transaction, and `seq` has no gaps: a reader that stores the
/// last `seq` it saw, and asks for the events `after` it, misses nothing. With `Accept: text/event-stream`, the answer
/// is the stream of `/api/v1/events/stream`.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "list_events", tag = "events", params(LogQuery))]
async fn list(
    app: App,
    Query(query): Query<LogQuery>,
    stream: Option<StreamRequest>,
    url: RequestUrl,
) -> Result<ListOrStream<LogEntry>, Refused<()>> {
    if let Some(stream) = stream {
        return Ok(ListOrStream::Stream(stream.follow(app, &query).await?));
    }
    let filter = query.filter(&app.viewer).await?;
    let recorder = app.discloses_events(&filter);
    let list = store::list(&app.viewer, &filter).read(&app.viewer, &query.page()?).await?;
    recorder.sent_total(list.total, list.rows.len());
    let list = List::new(list, &url).inspect(move |entries| recorder.sent(LogEntry::about_students(entries)));
    Ok(ListOrStream::List(list))
}

/// Follow the log
///
/// Server-sent events (HTML Living Standard, 9.2), which continue as changes happen: `data` is an entry of the log, `id`
/// its `seq`. The same stream is at `/api/v1/events` with `Accept: text/event-stream`.
#[utoipa::path(
    get,
    path = "/api/v1/events/stream",
    operation_id = "stream_events",
    tag = "events",
    params(StreamQuery)
)]
async fn stream(
    app: App,
    Query(StreamQuery(query)): Query<StreamQuery>,
    stream: StreamRequest,
) -> Result<EventStream, Refused<()>> {
    Ok(stream.follow(app, &query).await?)
}

/// A request for a stream, with the `Last-Event-ID` of a client that reconnects.
#[derive(Debug)]
struct StreamRequest(Option<HeaderValue>);

impl StreamRequest {
    async fn follow(self, app: App, query: &LogQuery) -> Result<EventStream, Problem> {
        let filter = query.filter(&app.viewer).await?;
        let recorder = app.discloses_events(&filter);
        let after = self.after(query, &filter, &app.viewer).await?;
        let sent = Box::new(move |students| recorder.sent(students));
        let events = app.feed.listen(&app.viewer, filter, after, sent);
        let events = events.ok_or_else(|| Problem::overloaded("Too many event streams are open."))?;
        let ended = app.access.clone().ended(app.identity);
        Ok(EventStream::new(events.take_until(ended)))
    }

    /// The `seq` after which the stream begins.
    async fn after(&self, query: &LogQuery, filter: &Filter, viewer: &Viewer) -> Result<i64, Problem> {
        query.ensure_endless()?;
        let last =
            self.0.as_ref().map(|last| last.to_str().unwrap_or_default().parse::<Number>()).transpose();
        let last =
            last.map_err(|detail| invalid(vec![json!({"parameter": "Last-Event-ID", "detail": detail})]))?;
        let asked = last.as_ref().or(query.after.as_ref()).map(|Number(seq)| *seq);
        match asked.max(filter.after) {
            Some(after) => Ok(after),
            None => Ok(store::last_seq(viewer.db()).await?),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StreamRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get("last-event-id").cloned()))
    }
}

/// Present if the client wants a stream rather than a list. Of two that it wants alike it gets the list, which ends.
impl<S: Send + Sync> OptionalFromRequestParts<S> for StreamRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        let accepted = parts.headers.get_all(ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
        let ranges: Vec<_> = accepted.flat_map(|line| line.split(',')).collect();
        let weight = |wanted: &str| {
            let weights = ranges.iter().filter_map(|range| {
                let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
                let weight = parameters.split(';').find_map(|one| one.trim().strip_prefix("q="));
                kind.trim().eq_ignore_ascii_case(wanted).then(|| weight.map_or(1000, thousandths))
            });
            weights.max().unwrap_or(0)
        };
        let is_stream = weight("text/event-stream") > weight("application/json");
        Ok(is_stream.then(|| Self(parts.headers.get("last-event-id").cloned())))
    }
}

/// The query of the log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct LogQuery {
    /// Only entries after this `seq`.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    after: Option<Number>,
    /// The number of entries that match, from the `Link` of the previous page: together with `after`, it is repeated
    /// as `X-Total-Count` and not counted again.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    total: Option<Number>,
    /// Entries per page; without it, the list is complete.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    limit: Option<Limit>,
    /// Only entries about this student.
    #[serde(deserialize_with = "from_text")]
    student_id: Option<StudentId>,
    /// Only entries about this course.
    #[serde(deserialize_with = "from_text")]
    course_id: Option<CourseId>,
    /// Only entries of this type.
    #[serde(deserialize_with = "from_text")]
    r#type: Option<EventType>,
    /// Only entries by this actor: `token:57`, `account:58`, `anonymous`, `cli`, `database` and so on, as the entries have
    /// it.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    actor: Option<LoggedActor>,
    /// Only entries at this time or later: RFC 3339, with an offset.
    #[serde(deserialize_with = "from_text")]
    since: Option<Stamp>,
    /// Only entries before this time. Not for a stream, which does not end.
    #[serde(deserialize_with = "from_text")]
    until: Option<Stamp>,
}

impl LogQuery {
    fn page(self) -> Result<Page, WrongCursor> {
        let after = self.after.map(|Number(seq)| Cursor {
            order: PLAIN_ORDER.to_owned(),
            text: None,
            id: seq,
            total: self.total.map(|Number(total)| total),
        });
        Page::new(self.limit, after, PLAIN_ORDER)
    }

    async fn filter(&self, viewer: &Viewer) -> Result<Filter, Problem> {
        let seq_before = async |time: &Option<Stamp>| match time {
            Some(time) => store::last_seq_before(viewer.db(), time).await.map(Some),
            None => Ok(None),
        };
        Ok(Filter {
            student_id: self.student_id,
            course_id: self.course_id,
            kind: self.r#type.as_ref().map(|kind| kind.0),
            actor: self.actor.as_ref().map(|actor| actor.0.clone()),
            after: seq_before(&self.since).await?,
            up_to: seq_before(&self.until).await?,
            is_closed: false,
        })
    }

    /// Refuses what a stream does not have.
    fn ensure_endless(&self) -> Result<(), Problem> {
        let refused =
            |parameter, detail| Err(invalid(vec![json!({"parameter": parameter, "detail": detail})]));
        match self {
            Self { limit: Some(_), .. } => {
                refused("limit", "is not allowed for a stream, which has no pages")
            }
            Self { total: Some(_), .. } => {
                refused("total", "is not allowed for a stream, which has no pages")
            }
            Self { until: Some(_), .. } => {
                refused("until", "is not allowed for a stream, which does not end")
            }
            _ => Ok(()),
        }
    }
}

/// The first three are about pages and the end.
impl Parameters for LogQuery {
    const KNOWN: &'static [&'static str] =
        &["total", "limit", "until", "after", "student_id", "course_id", "type", "actor", "since"];
}

/// The query of a stream: that of the log, without what is about pages and ends.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct StreamQuery(LogQuery);

impl Parameters for StreamQuery {
    const KNOWN: &'static [&'static str] = LogQuery::KNOWN.split_at(3).1;
}

impl IntoParams for StreamQuery {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = LogQuery::into_params(place);
        parameters.retain(|parameter| Self::KNOWN.contains(&parameter.name.as_str()));
        parameters
    }
}

/// A number of entries, or the `seq` of one; 0 is before the first.
#[derive(Debug, ToSchema)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
struct Number(i64);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number =
            digits.then(|| text.parse().ok()).flatten().filter(|number| (0..=MAX_ID).contains(number));
        number.map(Self).ok_or_else(|| format!("must be a whole number from 0 to {}", thousands(MAX_ID)))
    }
}

/// An actor as entries have it.
#[derive(Debug)]
struct LoggedActor(String);

impl ToSchema for LoggedActor {}

impl PartialSchema for LoggedActor {
    fn schema() -> RefOr<Schema> {
        let known = "^((account|token):[1-9][0-9]{0,14}|anonymous|cli|sign-on|sample|database|migration)$";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(known)).into()
    }
}

impl FromStr for LoggedActor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The migration has no other place in the log than the rows that it found.
        let is_known =
            text == "migration" || Actor::from_stored(text).is_some_and(|actor| actor.to_string() == text);
        is_known.then(|| Self(text.to_owned())).ok_or(
            "must be `token:` or `account:` with an id, or one of `anonymous`, `cli`, `sign-on`, `sample`, `database`, `migration`",
        )
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
