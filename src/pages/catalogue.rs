//! The list of courses, with filters. It is read from the board, which has the seats of all courses in memory.

use askama::Template;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::kit::{Frame, PartialRequest, Rendered, filters, parse_search};
use super::my::catalogue::{OwnCatalogue, Shown};
use super::my::me::Me;
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::DbError;
use crate::http::extract::{Parameters, Query, from_text};
use crate::http::problem::Problem;
use crate::instructors::store as instructors;
use crate::lists::{CourseFilter, Direction, Limit, Page, Pattern, Search};
use crate::registrar::Course;
use crate::registration::{Chooser, LiveCourse};
use crate::state::App;
use crate::text::collation;
use crate::viewer::Viewer;

/// Courses on one page of the list.
const PAGE_SIZE: usize = 50;

/// The column that the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    Level,
    /// The fewest free seats first.
    Seats,
    Id,
}

/// The query parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CatalogueQuery {
    /// Part of a name, level or code.
    q: String,
    sort: Sort,
    order: Direction,
    /// Only this level; empty for all.
    level: String,
    /// Only courses in which registration is open.
    #[serde(deserialize_with = "from_text")]
    open: Option<bool>,
    /// Only courses with free seats.
    #[serde(deserialize_with = "from_text")]
    free: Option<bool>,
    /// Only courses with students who wait.
    #[serde(deserialize_with = "from_text")]
    waiting: Option<bool>,
    /// The page, from 1.
    #[serde(deserialize_with = "from_text")]
    page: Option<u32>,
    /// The id of the course that was deleted just now.
    #[serde(deserialize_with = "from_text")]
    deleted: Option<i64>,
}

impl Parameters for CatalogueQuery {
    const KNOWN: &'static [&'static str] =
        &["q", "sort", "order", "level", "open", "free", "waiting", "page", "deleted"];
}

impl CatalogueQuery {
    /// Whether the query asks for all courses.
    fn is_all(&self) -> bool {
        self.q.trim().is_empty() && self.level.is_empty() && self.filter().is_all()
    }

    /// The conditions on seats and windows; the boxes of the form have no state for their opposites.
    fn filter(&self) -> CourseFilter {
        let [open, free, waiting] = [self.open, self.free, self.waiting].map(|it| it.filter(|it| *it));
        CourseFilter { open, free, waiting }
    }

    /// Whether the list has this course.
    fn has(
        &self,
        live: &LiveCourse,
        search: Option<&Pattern>,
        now: &Stamp,
        chooser: Option<&Chooser>,
    ) -> bool {
        live.meets(self.filter(), now, chooser)
            && (self.level.is_empty() || live.course.level.as_deref() == Some(&*self.level))
            && search.is_none_or(|search| search.find_in(&live.course).is_some())
    }

    /// The address of the same list sorted and paged like this.
    fn link(&self, sort: &str, order: &str, page: usize) -> String {
        let mut link = form_urlencoded::Serializer::new(String::new());
        link.append_pair("sort", sort).append_pair("order", order);
        self.append_filters(&mut link);
        if page > 1 {
            link.append_pair("page", &page.to_string());
        }
        format!("/courses?{}", link.finish())
    }

    fn append_filters(&self, link: &mut form_urlencoded::Serializer<'_, String>) {
        for (name, value) in [("q", &self.q), ("level", &self.level)] {
            if !value.is_empty() {
                link.append_pair(name, value);
            }
        }
        for (name, value) in [("open", self.open), ("free", self.free), ("waiting", self.waiting)] {
            if value == Some(true) {
                link.append_pair(name, "true");
            }
        }
    }
}

#[derive(Template)]
#[template(path = "courses.html", blocks = ["rows"])]
struct CoursesPage {
    frame: Frame,
    courses: Vec<LiveCourse>,
    /// How many courses match.
    total: i64,
    query: CatalogueQuery,
    /// The levels to choose from.
    levels: Vec<String>,
    /// The courses that the reader teaches.
    taught: Vec<Course>,
    /// Whether the school has no courses at all.
    is_empty: bool,
    page: usize,
    pages: usize,
    /// The course that was deleted just now.
    deleted: Option<i64>,
    now: Stamp,
    is_partial: bool,
}

impl CoursesPage {
    fn sort(&self) -> &'static str {
        match self.query.sort {
            Sort::Name => "name",
            Sort::Level => "level",
            Sort::Seats => "seats",
            Sort::Id => "id",
        }
    }

    fn order(&self) -> &'static str {
        if self.ascending() { "asc" } else { "desc" }
    }

    fn ascending(&self) -> bool {
        self.query.order == Direction::Asc
    }

    /// The link that sorts by this column; if it is the current one, in the other direction.
    fn column(&self, sort: &str) -> String {
        let order = if sort == self.sort() && self.ascending() { "desc" } else { "asc" };
        self.query.link(sort, order, 1)
    }

    fn to_page(&self, page: usize) -> String {
        self.query.link(self.sort(), self.order(), page)
    }

    /// The form that changes the seats of all courses of the list.
    fn to_change(&self) -> String {
        let mut link = form_urlencoded::Serializer::new(String::new());
        self.query.append_filters(&mut link);
        let filters = link.finish();
        format!("/seat-changes/new{}{filters}", if filters.is_empty() { "" } else { "?" })
    }

    /// What a student's page shows of it.
    fn into_shown(self) -> Shown {
        Shown {
            links: [self.page.saturating_sub(1), self.page + 1].map(|page| self.to_page(page)),
            courses: self.courses,
            total: self.total,
            is_open: self.query.open == Some(true),
            is_free: self.query.free == Some(true),
            q: self.query.q,
            level: self.query.level,
            levels: self.levels,
            page: self.page,
            pages: self.pages,
            is_partial: self.is_partial,
        }
    }
}

/// The list of courses.
///
/// # Errors
/// `invalid-request` for a search that cannot be, or when the database cannot be read.
pub(super) async fn list(
    app: App,
    Query(query): Query<CatalogueQuery>,
    PartialRequest(is_partial): PartialRequest,
) -> Result<Response, Problem> {
    let (search, me) = (parse_search(&query.q)?, Me::load(&app).await?);
    let (all, now) = (app.board.present_courses(&app.viewer).await?, app.clock.stamp());
    let search = search.as_ref().map(Search::pattern);
    let chooser = me.as_ref().map(Me::chooser);
    let has = |live: &&LiveCourse| query.has(live, search.as_ref(), &now, chooser.as_ref());
    let found = sorted(all.iter().filter(has), &query, search.as_ref());
    let pages = found.len().div_ceil(PAGE_SIZE).max(1);
    let page = usize::try_from(query.page.unwrap_or(1)).unwrap_or(1).clamp(1, pages);
    let is_gone = |id: &i64| all.iter().all(|live| live.course.id.0 != *id);
    let page = CoursesPage {
        frame: Frame::new(&app, "courses"),
        total: to_i64(found.len()),
        courses: found.into_iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE).cloned().collect(),
        levels: levels(&all),
        taught: if is_partial || me.is_some() { Vec::new() } else { taught(&app.viewer).await? },
        is_empty: all.is_empty(),
        deleted: query.deleted.filter(is_gone),
        query,
        page,
        pages,
        now,
        is_partial,
    };
    if let Some(me) = me {
        let page = OwnCatalogue::new(&app, me, page.into_shown());
        return Ok(if is_partial {
            Rendered(page.as_rows()).into_response()
        } else {
            Rendered(page).into_response()
        });
    }
    Ok(if is_partial { Rendered(page.as_rows()).into_response() } else { Rendered(page).into_response() })
}

/// The courses in the order of the query. One whose id or code was typed exactly comes first.
fn sorted<'a>(
    courses: impl Iterator<Item = &'a LiveCourse>,
    query: &CatalogueQuery,
    search: Option<&Pattern>,
) -> Vec<&'a LiveCourse> {
    // The board has the fewest free seats first.
    let mut courses: Vec<_> = courses.collect();
    let key = |text: &Option<String>| text.as_deref().map(collation::key);
    match query.sort {
        Sort::Name => courses.sort_by_cached_key(|live| (key(&live.course.name), live.course.id)),
        Sort::Level => courses
            .sort_by_cached_key(|live| (key(&live.course.level), key(&live.course.name), live.course.id)),
        Sort::Id => courses.sort_by_key(|live| live.course.id),
        Sort::Seats => {}
    }
    if query.order == Direction::Desc {
        courses.reverse();
    }
    if let Some(search) = search {
        courses.sort_by_cached_key(|live| search.find_in(&live.course) != Some(true));
    }
    courses
}

fn levels(courses: &[LiveCourse]) -> Vec<String> {
    let mut levels: Vec<_> = courses.iter().filter_map(|live| live.course.level.clone()).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

/// The courses that the caller teaches.
async fn taught(viewer: &Viewer) -> Result<Vec<Course>, DbError> {
    if viewer.instructor().is_none() {
        return Ok(Vec::new());
    }
    Ok(instructors::taught_courses(viewer).read(viewer, &Page::first(Limit::MAX)).await?.rows)
}
