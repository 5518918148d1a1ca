//! The log over HTTP.

use std::str::FromStr;

use axum::extract::State;
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{LogEntry, TYPES, store};
use crate::app::App;
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::paging::{Cursor, Here, Limit, PLAIN, Page};
use crate::http::problem::Refused;
use crate::http::reply::List;
use crate::registrar::{CourseId, MAX_ID, StudentId};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Read the log
///
/// Every change appends exactly one event in the transaction that made it, and `seq` has no gaps: a reader that keeps
/// the last `seq` it saw, and asks for what came `after` it, misses nothing.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(LogPart))]
async fn list(
    State(app): State<App>,
    Query(wanted): Query<LogPart>,
    here: Here,
) -> Result<List<LogEntry>, Refused<()>> {
    let after = wanted.after.map(|Number(seq)| Cursor { order: PLAIN.to_owned(), text: None, id: seq });
    let (student_id, course_id) =
        (wanted.student_id.map(|n| StudentId(n.0)), wanted.course_id.map(|n| CourseId(n.0)));
    let listing = store::list(student_id, course_id, wanted.r#type.as_ref().map(|kind| kind.0));
    Ok(listing.read(&app.db, &Page::of(wanted.limit, after, PLAIN)?, &here).await?)
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

impl Parameters for LogPart {
    const KNOWN: &'static [&'static str] = &["after", "limit", "student_id", "course_id", "type"];
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
struct EventType(&'static str);

impl ToSchema for EventType {}

impl PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(TYPES)).into()
    }
}

impl FromStr for EventType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = TYPES.into_iter().find(|kind| *kind == text).map(Self);
        known.ok_or_else(|| format!("must be one of {}", TYPES.join(", ")))
    }
}
