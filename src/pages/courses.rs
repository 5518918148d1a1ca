//! The pages of courses.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::history::History;
use super::instructors_panel::InstructorsPanel;
use super::kit::Frame;
use super::kit::filters::display_name;
use super::kit::form::{Deletion, new_key};
use super::kit::{DeletePage, Form, ListQuery, PartialRequest, Rendered, filters, submit};
use super::records::{self, PageRecord, find, path};
use super::seats_form::SeatsForm;
use super::{day::Day, plot::Plot};
use crate::clock::Stamp;
use crate::courses::store::{self, CourseSort};
use crate::db::DbError;
use crate::enrollments::{RosterEntry, store as enrollments};
use crate::events::{About, Filter};
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, any_of, only};
use crate::instructors::store as instructors;
use crate::lists::{Direction, Limit, ListPart, Listing, Page, Rolled as _};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::Right;
use crate::registrar::{Course, CourseId, DeleteCourse, Refusal, SeatCount, SeenCourse, Version};
use crate::seats::{WaitlistEntry, store as seats};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let (catalogue, writes) = (only(Right::ReadCatalogue), only(Right::WriteCourses));
    let rosters = any_of(&[Right::ReadRosters, Right::ReadOwnRosters]);
    Routes::new()
        .get("/courses", catalogue, list)
        .get("/courses/new", writes, records::new::<Course>)
        .post("/courses/new", writes, records::create::<Course>)
        .get("/courses/{course_id}", catalogue, show)
        .get("/courses/{course_id}/roster", rosters, full_roster)
        .get("/courses/{course_id}/edit", writes, records::edit::<Course>)
        .post("/courses/{course_id}/edit", writes, records::update::<Course>)
        .get("/courses/{course_id}/delete", writes, confirm_delete)
        .post("/courses/{course_id}/delete", writes, delete)
}

#[derive(Template)]
#[template(path = "courses.html", blocks = ["rows"])]
struct CoursesPage {
    frame: Frame,
    list: ListPart<Course>,
    query: ListQuery<CourseSort>,
    /// The courses that the reader teaches.
    taught: Vec<Course>,
    /// Whether the school has no courses at all.
    is_empty: bool,
    next: Option<String>,
    /// Whether this is not the first page.
    has_previous: bool,
    is_partial: bool,
}

impl CoursesPage {
    fn sort(&self) -> &'static str {
        match self.query.sort {
            CourseSort::Id => "id",
            CourseSort::Name => "name",
            CourseSort::Level => "level",
        }
    }

    fn order(&self) -> &'static str {
        if self.ascending() { "asc" } else { "desc" }
    }

    fn ascending(&self) -> bool {
        self.query.order == Direction::Asc
    }
}

async fn list(
    app: App,
    Query(mut query): Query<ListQuery<CourseSort>>,
    PartialRequest(is_partial): PartialRequest,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let wanted = query.wanted()?;
    let page = Page::new(Some(Limit::PAGE), query.after.take(), &wanted.sorting(Course::LIST).order)?;
    let has_previous = page.after.is_some();
    let list = app.courses.list(&app.viewer, &wanted, &page).await?;
    let page = CoursesPage {
        frame: Frame::new(&app, "courses"),
        taught: if is_partial { Vec::new() } else { taught(&app.viewer).await? },
        is_empty: list.total == 0 && query.q.trim().is_empty(),
        next: list.next.as_ref().map(|next| here.page_after(next)),
        list,
        query,
        has_previous,
        is_partial,
    };
    Ok(if is_partial { Rendered(page.as_rows()).into_response() } else { Rendered(page).into_response() })
}

/// The courses that the caller teaches.
async fn taught(viewer: &Viewer) -> Result<Vec<Course>, DbError> {
    if viewer.instructor().is_none() {
        return Ok(Vec::new());
    }
    Ok(instructors::taught_courses(viewer).read(viewer, &Page::first(Limit::MAX)).await?.rows)
}

impl PageRecord for Course {
    const SECTION: &'static str = "courses";
    const ADD: &'static str = "Add a course";
    const SAVED: &'static str = "course";

    fn table(tables: &SchoolTables) -> &RecordTable {
        &tables.courses
    }

    async fn load(viewer: &Viewer, id: CourseId) -> Result<Option<Self>, DbError> {
        store::find(viewer, id).await
    }

    fn not_found(id: CourseId) -> Refusal {
        Refusal::CourseNotFound(id)
    }
}

async fn delete_page(app: &App, id: CourseId) -> Result<DeletePage, Problem> {
    let course = find::<Course>(app, id).await?;
    let seats = seats::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    Ok(DeletePage {
        frame: Frame::new(app, "courses"),
        name: display_name(&course.name),
        back: path::<Course>(id),
        enrolled: seats.enrolled,
        waitlisted: seats.waitlisted,
        version: Version::from_record(&course),
        refusal: None,
        key: new_key(),
    })
}

async fn confirm_delete(app: App, id: PathParams<CourseId>, _: NoQuery) -> Result<DeletePage, Problem> {
    delete_page(&app, id.into_result()?).await
}

async fn delete(
    app: App,
    id: PathParams<CourseId>,
    _: NoQuery,
    form: Form<Deletion>,
) -> Result<Response, Problem> {
    let (id, expected) = (id.into_result()?, form.expected());
    let seen_course = |version| SeenCourse { version, seats: None };
    let expected = expected.map(|versions| versions.into_iter().map(seen_course).collect());
    let max_dropped = form.draft.as_ref().and_then(|deletion| deletion.drop);
    let drop = max_dropped.is_some();
    Ok(match submit(&app.registrar, DeleteCourse { id, drop, max_dropped, expected }, &form.caller).await {
        Ok(()) => Redirect::to("/courses?deleted=true").into_response(),
        Err(refusal) => delete_page(&app, id).await?.refused(refusal, &form.caller),
    })
}

#[derive(Template)]
#[template(path = "course.html")]
struct CoursePage {
    frame: Frame,
    course: Course,
    path: String,
    /// The message about what was saved just now.
    saved: Option<&'static str>,
    count: Option<SeatCount>,
    /// Whether the reader sees who is and was in the course.
    shows_students: bool,
    day: Option<Day>,
    roster: ListPart<RosterEntry>,
    waitlist: ListPart<WaitlistEntry>,
    limits: SeatsForm,
    instructors: Option<InstructorsPanel>,
    plot: Option<Plot>,
    history: History,
}

impl CoursePage {
    /// The query for the day that is shown; empty for the current roster.
    fn day_query(&self) -> String {
        let query = |day: &Day| format!("as_of={}&until={}", day.date, day.end);
        self.day.as_ref().map(query).unwrap_or_default()
    }

    /// The address of the file with a list of the course, without the ending.
    fn file(&self, list: &str) -> String {
        format!("/api/v1{}/{list}", self.path)
    }

    /// The time of the roster that is shown.
    fn moment(&self) -> Option<&Stamp> {
        self.day.as_ref().map(|day| &day.end)
    }
}

/// The query parameters of a course's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CourseQuery {
    /// Show the roster as it was at the end of this day; empty for the current roster.
    as_of: String,
    /// The last moment of that day in the viewer's time zone, set by a script.
    #[serde(deserialize_with = "from_text")]
    until: Option<Stamp>,
    /// Show the history before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
    /// What was saved just now: `course`, `seats`, `instructor` or `no-instructor`.
    saved: Option<String>,
}

impl Parameters for CourseQuery {
    const KNOWN: &'static [&'static str] = &["as_of", "until", "before", "saved"];
}

async fn show(
    app: App,
    id: PathParams<CourseId>,
    Query(query): Query<CourseQuery>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Rendered(course_page(&app, id.into_result()?, &query, RefusedForms::default()).await?))
}

/// The forms of a course's page that were sent and refused.
#[derive(Debug, Default)]
pub(super) struct RefusedForms {
    /// The form for the seats.
    pub limits: Option<SeatsForm>,
    /// Why the form for instructors was refused.
    pub instructors: Option<String>,
}

/// The page of a course.
pub(super) async fn course_page(
    app: &App,
    id: CourseId,
    query: &CourseQuery,
    refused: RefusedForms,
) -> Result<impl Template + use<>, Problem> {
    let seats = seats::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    let day = Day::parse(&query.as_of, query.until.as_ref())?;
    let roster = roster(app, id, day.as_ref()).await?.read(&app.viewer, &Page::first(Limit::PAGE)).await?;
    let waitlist = seats::waitlist_of(&app.viewer, id).read(&app.viewer, &Page::first(Limit::PAGE)).await?;
    app.discloses_roster(id, day.as_ref().map(|day| &day.end)).sent(roster.rows.len());
    app.discloses_waitlist(id).sent(waitlist.rows.len());
    let history = History::load(&app.viewer, About::Course(id), query.before).await?;
    app.discloses_events(&Filter { course_id: Some(id), ..Filter::default() }).sent(history.about_students());
    Ok(CoursePage {
        frame: Frame::new(app, "courses"),
        course: find::<Course>(app, id).await?,
        path: path::<Course>(id),
        saved: query.saved.as_deref().and_then(saved_text),
        count: Some(seats.count()),
        shows_students: instructors::sees_roster(&app.viewer, id).await?,
        roster,
        waitlist,
        limits: refused.limits.unwrap_or_else(|| SeatsForm::new(&seats)),
        instructors: InstructorsPanel::load(app, id, refused.instructors).await?,
        plot: Plot::load(&app.viewer, id).await?,
        history,
        day,
    })
}

#[derive(Template)]
#[template(path = "roster.html")]
struct RosterPage {
    frame: Frame,
    course: Course,
    day: Option<Day>,
    roster: ListPart<RosterEntry>,
}

/// The whole roster, for printing.
async fn full_roster(
    app: App,
    id: PathParams<CourseId>,
    Query(query): Query<CourseQuery>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.into_result()?;
    let day = Day::parse(&query.as_of, query.until.as_ref())?;
    let roster = roster(&app, id, day.as_ref()).await?.read(&app.viewer, &Page::first(Limit::MAX)).await?;
    if roster.rows.is_empty() {
        instructors::ensure_sees_roster(&app.viewer, id).await?;
    }
    app.discloses_roster(id, day.as_ref().map(|day| &day.end)).sent(roster.rows.len());
    Ok(Rendered(RosterPage {
        frame: Frame::new(&app, "courses"),
        course: find::<Course>(&app, id).await?,
        day,
        roster,
    }))
}

async fn roster(app: &App, id: CourseId, day: Option<&Day>) -> Result<Listing<RosterEntry>, Problem> {
    Ok(match day {
        None => enrollments::roster_of(&app.viewer, id),
        Some(day) => enrollments::roster_of_at(&app.viewer, id, &day.end).await?,
    })
}

/// The message for a value of `saved`.
fn saved_text(saved: &str) -> Option<&'static str> {
    match saved {
        "course" => Some("The course is saved."),
        "seats" => Some("The seats are saved."),
        "instructor" => Some("The instructor is added."),
        "no-instructor" => Some("The instructor is removed."),
        _ => None,
    }
}
