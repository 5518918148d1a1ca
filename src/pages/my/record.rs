//! *My record*: what the log has about a student, and which programs have read it.

use askama::Template;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirmation::{ADMISSIONS, DROPS};
use super::me::own_id;
use crate::disclosures::{Disclosure, store as disclosures};
use crate::events::{About, HistoryEntry};
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::pages::history::History;
use crate::pages::kit::{Frame, Rendered, filters};
use crate::registrar::{Refusal, Right, Student};
use crate::state::{App, AppState};
use crate::students::store as students;

/// How many disclosures the page shows.
const MAX_DISCLOSURES: i64 = 10;

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get("/my/record", only(Right::ReadOwnRecord), show)
}

/// The query parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RecordQuery {
    /// Show the history before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
}

impl Parameters for RecordQuery {
    const KNOWN: &'static [&'static str] = &["before"];
}

#[derive(Template)]
#[template(path = "my/record.html")]
struct RecordPage {
    frame: Frame,
    student: Student,
    history: History,
    disclosures: Vec<Disclosure>,
}

impl RecordPage {
    /// Whether there is a confirmation of the entry.
    fn is_confirmed(entry: &HistoryEntry) -> bool {
        entry.kind.is_some_and(|kind| ADMISSIONS.contains(&kind) || DROPS.contains(&kind))
    }
}

async fn show(app: App, Query(query): Query<RecordQuery>) -> Result<Response, Problem> {
    let id = own_id(&app)?;
    let page = RecordPage {
        frame: Frame::new(&app, "my"),
        student: students::find(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?,
        history: History::load(&app.viewer, About::Student(id), query.before).await?,
        disclosures: disclosures::latest(&app.viewer, id, MAX_DISCLOSURES).await?,
    };
    Ok(Rendered(page).into_response())
}
