//! The registration board: live seats of all courses, for a screen on the wall on registration day.

use std::time::Duration;

use askama::Template;
use axum::response::IntoResponse;
use axum::response::sse::Event;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::kit::Frame;
use super::kit::{Rendered, filters};
use crate::count::to_i64;
use crate::db::DbError;
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::EventStream;
use crate::http::routes::{Routes, only};
use crate::problems;
use crate::registrar::Course;
use crate::registrar::Right;
use crate::registration::Rates;
use crate::shares::{QuotaError, QuotaGuard};
use crate::state::{App, AppState};

/// Courses on one page of the board.
const PAGE_SIZE: usize = 100;
/// How often the live board is refreshed.
const REFRESH: Duration = Duration::from_secs(1);

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let catalogue = only(Right::ReadCatalogue);
    Routes::new().get("/registration", catalogue, board).get("/registration/feed", catalogue, feed)
}

/// The query parameters of the board.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct BoardQuery {
    /// The page, from 1.
    #[serde(deserialize_with = "from_text")]
    page: Option<u16>,
    /// Whether the board is paused.
    #[serde(deserialize_with = "from_text")]
    still: Option<bool>,
}

impl Parameters for BoardQuery {
    const KNOWN: &'static [&'static str] = &["page", "still"];
}

#[derive(Template)]
#[template(path = "registration.html", blocks = ["live"])]
struct BoardPage {
    frame: Frame,
    is_paused: bool,
    page: usize,
    pages: usize,
    total: i64,
    full: i64,
    waiting: i64,
    courses: Vec<Course>,
    pulse: Rates,
    /// Each reason of the last minute: the kind of problem if there is one, the reason's name, and the count.
    refusals: Vec<(Option<&'static Kind>, &'static str, i64)>,
}

impl BoardPage {
    /// Reads the board; the rates may be up to `age` old.
    async fn read(app: &App, query: BoardQuery, age: Duration) -> Result<Self, DbError> {
        let all = app.board.courses(&app.viewer).await?;
        let seats = || all.iter().filter_map(|course| course.seats.as_ref());
        let pages = all.len().div_ceil(PAGE_SIZE).max(1);
        let page = usize::from(query.page.unwrap_or(1)).clamp(1, pages);
        Ok(Self {
            frame: Frame::new(app, "registration"),
            is_paused: query.still.unwrap_or_default(),
            page,
            pages,
            total: to_i64(all.len()),
            full: to_i64(seats().filter(|seats| seats.is_full()).count()),
            waiting: seats().map(|seats| seats.waitlisted).sum(),
            courses: all.iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE).cloned().collect(),
            pulse: app.board.rates(&app.viewer, age).await?,
            refusals: app.metrics.recent_refusals().into_iter().map(with_kind).collect(),
        })
    }
}

fn with_kind((reason, count): (&'static str, i64)) -> (Option<&'static Kind>, &'static str, i64) {
    (problems::all().find(|kind| kind.slug == reason), reason, count)
}

async fn board(app: App, Query(query): Query<BoardQuery>) -> Result<impl IntoResponse, Problem> {
    Ok(Rendered(BoardPage::read(&app, query, Duration::ZERO).await?))
}

/// Streams the board whenever it changes. The stream ends when the server stops.
async fn feed(app: App, Query(query): Query<BoardQuery>) -> Result<EventStream, Problem> {
    let place = app.board.place(app.client).map_err(|full| match full {
        QuotaError::Exhausted => Problem::overloaded("Too many people are watching the board."),
        QuotaError::ClientShare => {
            Problem::rate_limited("This client is already watching the board as often as one client may.")
        }
    })?;
    let (closed, ended) = (app.feed.clone().closed(), app.access.clone().ended(app.identity.clone()));
    let closed = async move {
        tokio::select! {
            () = closed => {}
            () = ended => {}
        }
    };
    let viewer = Viewer { app, query, _place: place, has_begun: false, last: String::new() };
    let events = stream::unfold(viewer, async |mut viewer| {
        let event = viewer.next().await;
        Some((Ok(event), viewer))
    });
    Ok(EventStream::new(events.take_until(closed)))
}

/// One viewer of the live board.
struct Viewer {
    app: App,
    query: BoardQuery,
    _place: QuotaGuard,
    has_begun: bool,
    /// The HTML that was sent last.
    last: String,
}

impl Viewer {
    async fn next(&mut self) -> Event {
        loop {
            if std::mem::replace(&mut self.has_begun, true) {
                tokio::time::sleep(REFRESH).await;
            }
            // If the database does not answer, the viewer keeps the last board until the next refresh.
            let Ok(board) = BoardPage::read(&self.app, self.query, REFRESH).await else { continue };
            let html = match board.as_live().render() {
                Ok(html) => html,
                Err(error) => {
                    tracing::error!(%error, "cannot render the board");
                    continue;
                }
            };
            if html != self.last {
                self.last.clone_from(&html);
                return Event::default().data(html);
            }
        }
    }
}
