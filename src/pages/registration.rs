//! The board in a browser: what a registrar wants on the wall on registration day.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::IntoResponse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::kit::{Shown, filters};
use crate::count::to_i64;
use crate::db::DbError;
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::EventStream;
use crate::problems;
use crate::registrar::Course;
use crate::registration::Pulse;
use crate::shares::{QuotaError, QuotaGuard};
use crate::state::App;

/// Courses on a page of the board.
const SHOWN: usize = 100;
/// How often those who look on are told what has changed.
const TICK: Duration = Duration::from_secs(1);

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/registration", get(board)).route("/registration/feed", get(feed))
}

/// Which part of the board.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct BoardPart {
    /// Which page, from 1.
    #[serde(deserialize_with = "from_text")]
    page: Option<u16>,
    /// Whether it stays as it is.
    #[serde(deserialize_with = "from_text")]
    still: Option<bool>,
}

impl Parameters for BoardPart {
    const KNOWN: &'static [&'static str] = &["page", "still"];
}

#[derive(Template)]
#[template(path = "registration.html", blocks = ["live"])]
struct BoardPage {
    here: &'static str,
    is_still: bool,
    page: usize,
    pages: usize,
    total: i64,
    full: i64,
    waiting: i64,
    courses: Vec<Course>,
    pulse: Pulse,
    /// What kind, its name where it is none that is told, and how often.
    refusals: Vec<(Option<&'static Kind>, &'static str, i64)>,
}

impl BoardPage {
    /// As it is now; how fast it goes may be from a moment ago, no older than `age`.
    async fn read(app: &App, part: BoardPart, age: Duration) -> Result<Self, DbError> {
        let all = app.board.courses().await?;
        let seats = || all.iter().filter_map(|course| course.seats.as_ref());
        let pages = all.len().div_ceil(SHOWN).max(1);
        let page = usize::from(part.page.unwrap_or(1)).clamp(1, pages);
        Ok(Self {
            here: "registration",
            is_still: part.still.unwrap_or_default(),
            page,
            pages,
            total: whole(all.len()),
            full: whole(seats().filter(|seats| seats.is_full()).count()),
            waiting: seats().map(|seats| seats.waitlisted).sum(),
            courses: all.iter().skip((page - 1) * SHOWN).take(SHOWN).cloned().collect(),
            pulse: app.board.pulse(age).await?,
            refusals: app.metrics.recent_refusals().into_iter().map(explained).collect(),
        })
    }
}

fn explained((reason, count): (&'static str, i64)) -> (Option<&'static Kind>, &'static str, i64) {
    (problems::all().find(|kind| kind.slug == reason), reason, count)
}

fn whole(count: usize) -> i64 {
    to_i64(count)
}

async fn board(app: App, Query(part): Query<BoardPart>) -> Result<impl IntoResponse, Problem> {
    Ok(Shown(BoardPage::read(&app, part, Duration::ZERO).await?))
}

/// What changes on the board, as it changes. It ends when the server stops.
async fn feed(app: App, Query(part): Query<BoardPart>) -> Result<EventStream, Problem> {
    let place = app.board.place(app.client).map_err(|full| match full {
        QuotaError::Exhausted => Problem::overloaded("More look at the board already than the server takes."),
        QuotaError::ClientShare => {
            Problem::rate_limited("You look at the board already as often as one client may.")
        }
    })?;
    let closed = app.feed.clone().closed();
    let onlooker = Onlooker { app, part, _place: place, has_begun: false, last: String::new() };
    let told = stream::unfold(onlooker, async |mut onlooker| {
        let told = onlooker.next().await;
        Some((Ok(told), onlooker))
    });
    Ok(EventStream::new(told.take_until(closed)))
}

/// Someone who looks at a part of the board.
struct Onlooker {
    app: App,
    part: BoardPart,
    _place: QuotaGuard,
    has_begun: bool,
    /// What was told last.
    last: String,
}

impl Onlooker {
    async fn next(&mut self) -> Event {
        loop {
            if std::mem::replace(&mut self.has_begun, true) {
                tokio::time::sleep(TICK).await;
            }
            // Where the database does not answer, what is shown stays, and the next tick tries again.
            let Ok(board) = BoardPage::read(&self.app, self.part, TICK).await else { continue };
            let shown = match board.as_live().render() {
                Ok(shown) => shown,
                Err(error) => {
                    tracing::error!(%error, "the board cannot be written");
                    continue;
                }
            };
            if shown != self.last {
                self.last.clone_from(&shown);
                return Event::default().data(shown);
            }
        }
    }
}
