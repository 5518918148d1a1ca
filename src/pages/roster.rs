//! The roster of a course, on its page and on one to print.

use askama::Template;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::day::{Day, NoDay};
use super::kit::filters::isolate_name;
use super::kit::{Frame, Rendered, filters, parse_search};
use super::records::{find, path};
use crate::clock::Stamp;
use crate::enrollments::{RosterEntry, RosterSort, store as enrollments};
use crate::http::extract::{Parameters, PathParams, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, any_of};
use crate::instructors::store as instructors;
use crate::lists::{Limit, Page, Wanted};
use crate::registrar::{Course, CourseId, Right};
use crate::state::{App, AppState};

/// The route of the page to print.
pub(super) fn routes() -> Routes<AppState> {
    let rosters = any_of(&[Right::ReadRosters, Right::ReadOwnRosters]);
    Routes::new().get("/courses/{course_id}/roster", rosters, full_roster)
}

/// What is asked of a roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RosterView {
    /// Who is searched for, as it was typed; empty for everybody.
    pub q: String,
    /// The order of the rows.
    pub sort: RosterSort,
}

impl RosterView {
    /// The query of the page that shows this at the end of a day; empty for all current students in the order in which they
    /// enrolled.
    pub(super) fn query(&self, day: Option<&Day>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(day) = day {
            query.append_pair("as_of", &day.date.to_string()).append_pair("until", &day.asked.to_string());
        }
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        if self.sort != RosterSort::default() {
            query.append_pair("sort", self.sort.as_str());
        }
        query.finish()
    }

    /// The same without a search.
    pub(super) fn everybody(&self) -> Self {
        Self { q: String::new(), ..self.clone() }
    }

    /// The orders: the query, the name, and whether it is the present one.
    pub(super) fn orders(&self, day: Option<&Day>) -> [(String, &'static str, bool); 2] {
        [(RosterSort::Enrolled, "By time"), (RosterSort::Name, "A–Z")].map(|(sort, name)| {
            let sorted = Self { sort, ..self.clone() };
            (sorted.query(day), name, sort == self.sort)
        })
    }
}

/// The roster, or its first rows.
pub(super) struct Roster {
    /// The rows, numbered from 1.
    pub rows: Vec<RosterEntry>,
    /// How many students there are, or how many a search finds.
    pub total: i64,
    /// Whether all of them are in `rows`.
    pub is_complete: bool,
    /// What was asked.
    pub view: RosterView,
    /// Whether this is the roster of a past day.
    pub is_past: bool,
}

impl Roster {
    /// Loads the first rows of what is asked, now or at the end of a day.
    ///
    /// # Errors
    /// For a search that no name can contain, or when the database cannot be read.
    pub(super) async fn load(
        app: &App,
        id: CourseId,
        day: Option<&Day>,
        view: RosterView,
        most: Limit,
    ) -> Result<Self, Problem> {
        let wanted = Wanted { search: parse_search(&view.q)?, sort: view.sort, ..Wanted::default() };
        let time = day.map(|day| &day.end);
        let listing = enrollments::roster(&app.viewer, id, time).await?;
        let is_by_name = view.sort == RosterSort::Name;
        let page = Page::first(if is_by_name { Limit::MAX } else { most });
        let max_rows = Page::first(most).max_rows();
        let mut part = listing.read_wanted(&app.viewer, wanted, &page).await?;
        if is_by_name {
            // Students who have been deleted come last.
            part.rows.sort_by_key(|entry| entry.name.is_none());
        }
        let is_complete = part.next.is_none() && part.rows.len() <= max_rows;
        part.rows.truncate(max_rows);
        app.discloses_roster(id, time).sent(part.rows.len());
        Ok(Self { rows: part.rows, total: part.total, is_complete, view, is_past: day.is_some() })
    }

    /// The addresses of all rows, as an e-mail program takes them. Another program may have written some that change the
    /// direction of text; nobody can be reached there.
    pub(super) fn addresses(&self) -> String {
        let addresses = self.rows.iter().filter_map(|entry| entry.email.as_deref());
        let mut addresses: Vec<_> = addresses.filter(|address| isolate_name(address) == *address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.join(", ")
    }

    /// Whether there is a roster to search in: somebody is on it, or a search has found nobody.
    pub(super) fn is_searchable(&self) -> bool {
        !self.rows.is_empty() || self.is_searched()
    }

    /// Whether somebody has searched, so that other students may be missing.
    pub(super) fn is_searched(&self) -> bool {
        !self.view.q.trim().is_empty()
    }

    /// Whether the student of a past roster has been deleted since. The log keeps their number and no name.
    pub(super) fn is_deleted(&self, entry: &RosterEntry) -> bool {
        self.is_past && entry.name.is_none() && entry.email.is_none() && entry.number.is_none()
    }
}

#[derive(Template)]
#[template(path = "roster.html")]
struct RosterPage {
    frame: Frame,
    /// Its own address.
    path: String,
    course: Course,
    day: Option<Day>,
    roster: Roster,
    /// When the page was made, for the paper.
    now: Stamp,
}

/// The query parameters of the page to print.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RosterQuery {
    /// The roster as it was at the end of this day; empty for the current one.
    as_of: String,
    /// The last moment of that day in the viewer's time zone, set by a script.
    #[serde(deserialize_with = "from_text")]
    until: Option<Stamp>,
    /// Part of the name, address or number of a student on the roster.
    q: String,
    sort: RosterSort,
}

impl Parameters for RosterQuery {
    const KNOWN: &'static [&'static str] = &["as_of", "until", "q", "sort"];
}

async fn full_roster(
    app: App,
    id: PathParams<CourseId>,
    Query(query): Query<RosterQuery>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.into_result()?;
    let day = Day::parse(&query.as_of, query.until.as_ref(), app.clock.now()).map_err(|why| {
        let detail = match why {
            NoDay::Unknown => "must be a day, like 2026-09-01",
            NoDay::InFuture => "must be a day that has begun",
        };
        invalid(vec![serde_json::json!({"parameter": "as_of", "detail": detail})])
    })?;
    let view = RosterView { q: query.q, sort: query.sort };
    let roster = Roster::load(&app, id, day.as_ref(), view, Limit::MAX).await?;
    if roster.rows.is_empty() {
        instructors::ensure_sees_roster(&app.viewer, id).await?;
    }
    Ok(Rendered(RosterPage {
        frame: Frame::new(&app, "courses"),
        path: format!("{}/roster", path::<Course>(id)),
        course: find::<Course>(&app, id).await?,
        day,
        roster,
        now: app.clock.stamp(),
    }))
}
