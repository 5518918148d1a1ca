//! The roster of a course, on its page and on one to print.

use askama::Template;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::day::{Day, NoDay};
use super::kit::filters::isolate_name;
use super::kit::{Frame, Rendered, filters};
use super::records::find;
use crate::clock::Stamp;
use crate::enrollments::{RosterEntry, store as enrollments};
use crate::http::extract::{Parameters, PathParams, Query, from_text};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, any_of};
use crate::instructors::store as instructors;
use crate::lists::{Limit, Page};
use crate::registrar::{Course, CourseId, Right};
use crate::state::{App, AppState};
use crate::text::collation;

/// The route of the page to print.
pub(super) fn routes() -> Routes<AppState> {
    let rosters = any_of(&[Right::ReadRosters, Right::ReadOwnRosters]);
    Routes::new().get("/courses/{course_id}/roster", rosters, full_roster)
}

/// The order of a roster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RosterOrder {
    /// By the time of enrollment.
    #[default]
    Time,
    /// From A to Z.
    Name,
}

impl RosterOrder {
    /// The value of the query parameter for the order by name.
    pub(super) const NAME: &'static str = "name";

    /// The value of the query parameter.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Name => Self::NAME,
        }
    }
}

/// The roster, or its first rows.
pub(super) struct Roster {
    /// The rows, numbered from 1.
    pub rows: Vec<RosterEntry>,
    /// How many students there are.
    pub total: i64,
    /// Whether all of them are in `rows`.
    pub is_complete: bool,
    /// The order of the rows.
    pub order: RosterOrder,
    /// Whether this is the roster of a past day.
    pub is_past: bool,
}

impl Roster {
    /// Loads the first rows in this order, now or at the end of a day.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load(
        app: &App,
        id: CourseId,
        day: Option<&Day>,
        order: RosterOrder,
        most: Limit,
    ) -> Result<Self, Problem> {
        let listing = match day {
            None => enrollments::roster_of(&app.viewer, id),
            Some(day) => enrollments::roster_of_at(&app.viewer, id, &day.end).await?,
        };
        let page = Page::first(if order == RosterOrder::Name { Limit::MAX } else { most });
        let max_rows = Page::first(most).max_rows();
        let mut part = listing.read(&app.viewer, &page).await?;
        if order == RosterOrder::Name {
            part.rows.sort_by_cached_key(|entry| {
                let name = entry.name.as_deref().map(collation::key);
                // Students who have been deleted come last.
                (name.is_none(), name, entry.id)
            });
        }
        let is_complete = part.next.is_none() && part.rows.len() <= max_rows;
        part.rows.truncate(max_rows);
        app.discloses_roster(id, day.map(|day| &day.end)).sent(part.rows.len());
        Ok(Self { rows: part.rows, total: part.total, is_complete, order, is_past: day.is_some() })
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

    /// Whether the student of a past roster has been deleted since. The log keeps their number and no name.
    pub(super) fn is_deleted(&self, entry: &RosterEntry) -> bool {
        self.is_past && entry.name.is_none() && entry.email.is_none() && entry.number.is_none()
    }
}

#[derive(Template)]
#[template(path = "roster.html")]
struct RosterPage {
    frame: Frame,
    course: Course,
    day: Option<Day>,
    roster: Roster,
    /// When the page was made, for the paper.
    now: Stamp,
    /// The query for the same roster in the other order.
    other_order: String,
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
    sort: RosterOrder,
}

impl Parameters for RosterQuery {
    const KNOWN: &'static [&'static str] = &["as_of", "until", "sort"];
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
    let roster = Roster::load(&app, id, day.as_ref(), query.sort, Limit::MAX).await?;
    if roster.rows.is_empty() {
        instructors::ensure_sees_roster(&app.viewer, id).await?;
    }
    let sort = if query.sort == RosterOrder::Name { "time" } else { "name" };
    let day_query = day.as_ref().map(|day| format!("as_of={}&until={}&", day.date, day.asked));
    Ok(Rendered(RosterPage {
        frame: Frame::new(&app, "courses"),
        course: find::<Course>(&app, id).await?,
        other_order: format!("{}sort={sort}", day_query.unwrap_or_default()),
        day,
        roster,
        now: app.clock.stamp(),
    }))
}
