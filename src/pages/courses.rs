//! The pages of courses.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::catalogue;
use super::enroll_panel::{Action, EnrollPanel, Pasted, RefusedEnrollment};
use super::history::History;
use super::instructors_panel::InstructorsPanel;
use super::kit::Frame;
use super::kit::filters::display_name;
use super::kit::form::{Deletion, new_key};
use super::kit::{DeletePage, Form, FormValues, PartialRequest, RefusedPage, Rendered, filters, submit};
use super::my::{self, me::Me};
use super::openings_panel::OpeningsPanel;
use super::pasted::LineOutcome;
use super::records::{self, Alike, MAX_ALIKE, PageRecord, Saved, find, path};
use super::roster::{Roster, RosterView};
use super::seats_form::SeatsForm;
use super::{day::Day, day::NoDay, plot::Plot};
use crate::clock::Stamp;
use crate::courses::store;
use crate::db::{DbError, casefold};
use crate::enrollments::RosterSort;
use crate::events::store as events;
use crate::events::{About, Filter};
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::instructors::store as instructors;
use crate::lists::{Limit, ListPart, Page};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::{
    Course, CourseId, DeleteCourse, MAX_ID, Refusal, Right, SeenCourse, StudentId, Version,
};
use crate::registration::{LiveCourse, Outlook};
use crate::seats::{WaitlistEntry, store as seats};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let (catalogue, writes) = (only(Right::ReadCatalogue), only(Right::WriteCourses));
    Routes::new()
        .get("/courses", catalogue, catalogue::list)
        .get("/courses/new", writes, records::new::<Course>)
        .post("/courses/new", writes, records::create::<Course>)
        .get("/courses/{course_id}", catalogue, show)
        .get("/courses/{course_id}/edit", writes, records::edit::<Course>)
        .post("/courses/{course_id}/edit", writes, records::update::<Course>)
        .get("/courses/{course_id}/delete", writes, confirm_delete)
        .post("/courses/{course_id}/delete", writes, delete)
}

impl PageRecord for Course {
    const ADDED: &'static str = "The course is added.";
    const ALIKE: [&'static str; 2] = ["Another course has this name:", "Other courses have this name:"];
    const SECTION: &'static str = "courses";
    const ADD: &'static str = "Add a course";

    fn table(tables: &SchoolTables) -> &RecordTable {
        &tables.courses
    }

    async fn load(viewer: &Viewer, id: CourseId) -> Result<Option<Self>, DbError> {
        store::find(viewer, id).await
    }

    fn not_found(id: CourseId) -> Refusal {
        Refusal::CourseNotFound(id)
    }

    async fn alike(&self, app: &App) -> Result<Vec<Alike>, DbError> {
        let Some(name) = self.name.as_deref().map(casefold) else { return Ok(Vec::new()) };
        let all = app.board.courses(&app.viewer).await?;
        let is_alike = |other: &&Course| {
            other.id != self.id && other.name.as_deref().map(casefold) == Some(name.clone())
        };
        let alike = all.iter().map(|live| &live.course).filter(is_alike).take(MAX_ALIKE);
        let details = |course: &Course| course.code.clone().or_else(|| course.level.clone());
        Ok(alike
            .map(|course| Alike {
                path: path::<Self>(course.id),
                name: display_name(&course.name),
                detail: details(course),
            })
            .collect())
    }

    fn saved_text(saved: &str) -> Option<&'static str> {
        match saved {
            "seats" => Some("The seats are saved."),
            "openings" => Some("The time for the group is saved."),
            "opening-removed" => Some("The time for the group is removed."),
            "instructor" => Some("The instructor is added."),
            "no-instructor" => Some("The instructor is removed."),
            _ => None,
        }
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
        Ok(()) => Redirect::to(&format!("/courses?deleted={id}")).into_response(),
        Err(refusal) => delete_page(&app, id).await?.refused(refusal, &form.caller),
    })
}

#[derive(Template)]
#[template(path = "course.html")]
pub(super) struct CoursePage {
    frame: Frame,
    path: String,
    /// The course with its seats and its window.
    live: LiveCourse,
    now: Stamp,
    /// The message about what was saved just now.
    saved: Option<Saved>,
    /// Whether the reader sees who is and was in the course.
    shows_students: bool,
    day: Option<Day>,
    /// The day that was asked for and what is wrong with it.
    no_day: Option<(String, NoDay)>,
    roster: Roster,
    waitlist: ListPart<WaitlistEntry>,
    /// Since when the waitlist does not move up any more.
    stands_since: Option<Stamp>,
    panel: Option<EnrollPanel>,
    limits: SeatsForm,
    openings: Option<OpeningsPanel>,
    instructors: Option<InstructorsPanel>,
    plot: Option<Plot>,
    history: History,
}

impl CoursePage {
    /// The course.
    fn course(&self) -> &Course {
        &self.live.course
    }

    /// The query for what is shown.
    fn own_query(&self) -> String {
        self.roster.view.query(self.day.as_ref())
    }

    /// The start of the keys of the buttons that drop, and whether the roster gets the focus; `None` where nobody drops.
    fn drop_buttons(&self) -> Option<(&str, bool)> {
        let panel = self.panel.as_ref().filter(|_| self.day.is_none())?;
        Some((&panel.key, panel.continues_in_roster()))
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

/// The part of the page that changes while somebody types the name of a student.
#[derive(Template)]
#[template(path = "found.html")]
struct FoundStudents {
    path: String,
    live: LiveCourse,
    now: Stamp,
    panel: EnrollPanel,
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
    /// Part of the name, address or number of a student on the roster.
    q: String,
    /// The order of the roster.
    sort: RosterSort,
    /// Part of the name, address or number of a student to enroll.
    who: String,
    /// Show the history before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
    /// What was saved just now: see [`Saved`].
    saved: Option<String>,
    /// The student who was enrolled just now.
    #[serde(deserialize_with = "from_text")]
    enrolled: Option<i64>,
    /// The student who joined the waitlist just now.
    #[serde(deserialize_with = "from_text")]
    waits: Option<i64>,
    /// The student who was dropped just now.
    #[serde(deserialize_with = "from_text")]
    dropped: Option<i64>,
    /// The student who was removed from the waitlist just now.
    #[serde(deserialize_with = "from_text")]
    left: Option<i64>,
}

impl Parameters for CourseQuery {
    const KNOWN: &'static [&'static str] =
        &["as_of", "until", "q", "sort", "who", "before", "saved", "enrolled", "waits", "dropped", "left"];
}

impl CourseQuery {
    /// What the last form did, as the address says it.
    fn done(&self) -> Option<(Action, StudentId)> {
        let ids = [self.enrolled, self.waits, self.dropped, self.left];
        Action::ALL.into_iter().zip(ids).find_map(|(action, id)| id.map(|id| (action, StudentId(id))))
    }
}

async fn show(
    app: App,
    id: PathParams<CourseId>,
    Query(query): Query<CourseQuery>,
    PartialRequest(is_partial): PartialRequest,
) -> Result<Response, Problem> {
    let id = id.into_result()?;
    if let Some(me) = Me::load(&app).await? {
        return my::course::page(&app, me, id).await;
    }
    let page = course_page(&app, id, &query, RefusedForms::default()).await?;
    if is_partial && let Some(panel) = page.panel {
        let CoursePage { path, live, now, .. } = page;
        return Ok(Rendered(FoundStudents { path, live, now, panel }).into_response());
    }
    let status = if page.no_day.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(RefusedPage(status, page).into_response())
}

/// The forms of a course's page that were sent and refused, or have more to say than an address holds.
#[derive(Debug, Default)]
pub(super) struct RefusedForms {
    /// The form for the seats.
    pub limits: Option<SeatsForm>,
    /// Why the form for instructors was refused.
    pub instructors: Option<String>,
    /// The form for the time at which the course opens for a group.
    pub openings: Option<FormValues>,
    /// Why a student was not enrolled.
    pub enrollment: RefusedEnrollment,
    /// What a pasted list led to.
    pub pasted: Option<Pasted>,
}

/// The page of a course.
///
/// # Errors
/// 404 if there is no such course, or when the database cannot be read.
pub(super) async fn course_page(
    app: &App,
    id: CourseId,
    query: &CourseQuery,
    forms: RefusedForms,
) -> Result<CoursePage, Problem> {
    let seats = seats::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    let (day, no_day) = match Day::parse(&query.as_of, query.until.as_ref(), app.clock.now()) {
        Ok(day) => (day, None),
        Err(why) => (None, Some((query.as_of.clone(), why))),
    };
    let view = RosterView { q: query.q.clone(), sort: query.sort };
    let roster = Roster::load(app, id, day.as_ref(), view, Limit::ROSTER).await?;
    let waitlist = seats::waitlist_of(&app.viewer, id).read(&app.viewer, &Page::first(Limit::PAGE)).await?;
    app.discloses_waitlist(id).sent(waitlist.rows.len());
    let limits = seats.limits();
    let stands_since = limits.waitlist_end().filter(|_| !limits.moves_up(&app.clock.stamp())).cloned();
    let history = history(app, id, day.as_ref(), query.before).await?;
    let (done, forms_enrollment) = (query.done(), forms.enrollment);
    Ok(CoursePage {
        frame: Frame::new(app, "courses"),
        path: path::<Course>(id),
        saved: Saved::load::<Course>(app, id, query.saved.as_deref()).await?,
        shows_students: instructors::sees_roster(&app.viewer, id).await?,
        live: LiveCourse::new(find::<Course>(app, id).await?, &seats),
        now: app.clock.stamp(),
        roster,
        waitlist,
        stands_since,
        panel: EnrollPanel::load(app, id, &query.who, done, forms_enrollment, forms.pasted).await?,
        limits: forms.limits.unwrap_or_else(|| SeatsForm::new(&seats)),
        openings: OpeningsPanel::load(app, &seats, forms.openings).await?,
        instructors: InstructorsPanel::load(app, id, forms.instructors).await?,
        plot: Plot::load(&app.viewer, id).await?,
        history,
        day,
        no_day,
    })
}

/// The history of the course; for a past day, nothing that came later.
async fn history(
    app: &App,
    id: CourseId,
    day: Option<&Day>,
    before: Option<i64>,
) -> Result<History, Problem> {
    let end = match day {
        Some(day) => Some(events::last_seq_at(&app.viewer, id, &day.end).await? + 1),
        None => None,
    };
    let first = before.unwrap_or(MAX_ID).min(end.unwrap_or(MAX_ID));
    let mut history = History::load(&app.viewer, About::Course(id), Some(first)).await?;
    history.has_newer = before.is_some();
    let filter = Filter { course_id: Some(id), ..Filter::default() };
    app.discloses_events(&filter).sent(history.about_students());
    Ok(history)
}
