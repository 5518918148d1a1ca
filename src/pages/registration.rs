//! The registration board: live seats of all courses, for a screen on the wall on registration day.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use askama::Template;
use axum::response::IntoResponse;
use axum::response::sse::Event;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::kit::{Frame, Rendered, filters, parse_search};
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::demand::{CourseDemand, NoSeat, Refused};
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::problem::{Kind, Problem};
use crate::http::reply::EventStream;
use crate::http::routes::{Routes, only};
use crate::problems;
use crate::registrar::Right;
use crate::registration::{LiveCourse, Rates};
use crate::shares::{QuotaError, QuotaGuard};
use crate::state::{App, AppState};

/// Courses on one page of the board.
const PAGE_SIZE: usize = 100;
/// Courses on a screen on the wall, which nobody scrolls.
const WALL_SIZE: usize = 15;
/// Courses that are named because most students wait for them, or were refused a seat.
const MOST_WANTED: usize = 6;
/// How often the live board is refreshed.
const REFRESH: Duration = Duration::from_secs(1);
/// Refreshes after which a board without changes is sent again: a viewer that hears nothing for twice as long knows that
/// the connection is lost.
const HEARTBEAT: u32 = 10;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let catalogue = only(Right::ReadCatalogue);
    Routes::new().get("/registration", catalogue, board).get("/registration/feed", catalogue, feed)
}

/// The query parameters of the board.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BoardQuery {
    /// Part of the name, level or code of the courses to show; empty for all.
    q: String,
    /// Whether it is a screen on the wall, to be read from ten meters.
    #[serde(deserialize_with = "from_text")]
    wall: Option<bool>,
    /// The page, from 1.
    #[serde(deserialize_with = "from_text")]
    page: Option<u16>,
    /// Whether the board is paused.
    #[serde(deserialize_with = "from_text")]
    still: Option<bool>,
}

impl Parameters for BoardQuery {
    const KNOWN: &'static [&'static str] = &["q", "wall", "page", "still"];
}

#[derive(Template)]
#[template(path = "registration.html", blocks = ["live"])]
struct BoardPage {
    frame: Frame,
    q: String,
    is_wall: bool,
    is_paused: bool,
    now: Stamp,
    page: usize,
    pages: usize,
    total: i64,
    full: i64,
    waiting: i64,
    /// Free seats in all courses with a limit.
    free: i64,
    /// The courses of this page, those with the fewest free seats first.
    courses: Vec<LiveCourse>,
    /// How many courses the search finds.
    found: i64,
    /// The courses for which most students wait, or were refused a seat.
    wanted: Vec<Wanted>,
    /// Whether more students may have been refused than are counted.
    is_at_least: bool,
    pulse: Rates,
    /// Each reason of the last minute: the kind of problem if there is one, the reason's name, and the count.
    refusals: Vec<(Option<&'static Kind>, &'static str, i64)>,
}

impl BoardPage {
    /// Reads the board; the rates may be up to `age` old.
    async fn read(app: &App, query: &BoardQuery, age: Duration) -> Result<Self, Problem> {
        let search = parse_search(&query.q)?.map(|search| search.pattern());
        let all = app.board.courses(&app.viewer).await?;
        let seats = || all.iter().filter_map(|live| live.course.seats.as_ref());
        let is_found =
            |live: &&LiveCourse| search.as_ref().is_none_or(|search| search.find_in(&live.course).is_some());
        let is_wall = query.wall == Some(true);
        // On a wall, there is no room for courses that have nothing left, and those without a limit always have.
        let is_shown = |live: &&LiveCourse| !is_wall || live.free().is_some_and(|free| free > 0);
        let found: Vec<_> = all.iter().filter(is_found).filter(is_shown).collect();
        let size = if is_wall { WALL_SIZE } else { PAGE_SIZE };
        let pages = found.len().div_ceil(size).max(1);
        let demand = app.metrics.demand.read(Instant::now(), age);
        let page = usize::from(query.page.unwrap_or(1)).clamp(1, pages);
        Ok(Self {
            frame: Frame::new(app, "registration"),
            q: query.q.clone(),
            is_wall,
            is_paused: query.still.unwrap_or_default(),
            now: app.clock.stamp(),
            page,
            pages,
            total: to_i64(all.len()),
            full: to_i64(seats().filter(|seats| seats.is_full()).count()),
            waiting: seats().map(|seats| seats.waitlisted).sum(),
            free: all.iter().filter_map(LiveCourse::free).sum(),
            found: to_i64(found.len()),
            courses: found.into_iter().skip((page - 1) * size).take(size).cloned().collect(),
            wanted: most_wanted(&all, &demand),
            is_at_least: demand.is_at_least,
            pulse: app.board.rates(&app.viewer, age).await?,
            refusals: app.metrics.recent_refusals().into_iter().map(with_kind).collect(),
        })
    }

    /// The query of this board on another page.
    fn to_page(&self, page: usize) -> String {
        let mut link = form_urlencoded::Serializer::new(String::new());
        link.append_pair("page", &page.to_string());
        if !self.q.is_empty() {
            link.append_pair("q", &self.q);
        }
        if self.is_wall {
            link.append_pair("wall", "true");
        }
        link.finish()
    }
}

/// A course for which students wait, or were refused a seat.
struct Wanted {
    live: LiveCourse,
    waiting: i64,
    refused: Refused,
}

impl Wanted {
    /// The reasons of the refusals, the most frequent first: `120 full, 22 not open yet`, or only `full`.
    fn reasons(&self) -> String {
        let named = [
            (NoSeat::Full, "full"),
            (NoSeat::WaitlistFull, "waitlist full"),
            (NoSeat::NotOpen, "not open yet"),
            (NoSeat::Closed, "closed"),
        ];
        let mut counts = named.map(|(why, word)| (self.refused.by(why), word));
        counts.sort_by_key(|(count, _)| Reverse(*count));
        let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
        match counts.as_slice() {
            [(_, word)] => (*word).to_owned(),
            _ => counts.iter().map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The courses for which most students wait, or were refused a seat.
fn most_wanted(all: &[LiveCourse], demand: &CourseDemand) -> Vec<Wanted> {
    let of = |live: &LiveCourse| {
        let refused = demand.courses.get(&live.course.id.0).copied().unwrap_or_default();
        (live.wanted_by().1, refused)
    };
    let wanted_by = |live: &LiveCourse| {
        let (waiting, refused) = of(live);
        // Who was refused and then joined the waitlist is in both.
        waiting.max(refused.total())
    };
    let mut wanted: Vec<_> = all.iter().filter(|live| wanted_by(live) > 0).collect();
    wanted.sort_by_key(|live| Reverse(wanted_by(live)));
    let wanted = wanted.into_iter().take(MOST_WANTED).map(|live| {
        let (waiting, refused) = of(live);
        Wanted { live: live.clone(), waiting, refused }
    });
    wanted.collect()
}

fn with_kind((reason, count): (&'static str, i64)) -> (Option<&'static Kind>, &'static str, i64) {
    (problems::all().find(|kind| kind.slug == reason), reason, count)
}

async fn board(app: App, Query(query): Query<BoardQuery>) -> Result<impl IntoResponse, Problem> {
    Ok(Rendered(BoardPage::read(&app, &query, Duration::ZERO).await?))
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
    let viewer = Viewer { app, query, _place: place, has_begun: false, last: String::new(), silent: 0 };
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
    /// Refreshes since then.
    silent: u32,
}

impl Viewer {
    async fn next(&mut self) -> Event {
        loop {
            if std::mem::replace(&mut self.has_begun, true) {
                tokio::time::sleep(REFRESH).await;
            }
            // If the database does not answer, the viewer keeps the last board until the next refresh.
            let Ok(board) = BoardPage::read(&self.app, &self.query, REFRESH).await else { continue };
            let html = match board.as_live().render() {
                Ok(html) => html,
                Err(error) => {
                    tracing::error!(%error, "cannot render the board");
                    continue;
                }
            };
            self.silent += 1;
            if html != self.last || self.silent >= HEARTBEAT {
                self.last.clone_from(&html);
                self.silent = 0;
                return Event::default().data(html);
            }
        }
    }
}
