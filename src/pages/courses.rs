//! Courses in a browser.

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::history::History;
use super::kit::edit::version_field;
use super::kit::filters::name_of;
use super::kit::form::{Deletion, new_key};
use super::kit::{
    DeletePage, EditPage, Field, Filled, Form, ListQuery, Part, Shown, Typed, filters, searched, submit,
};
use super::seats_form::SeatsForm;
use super::{day::Day, plot::Plot};
use crate::clock::Time;
use crate::courses::api::{CourseChange, NewCourse};
use crate::courses::store::{self, CourseSort};
use crate::enrollments::{RosterEntry, store as enrollments};
use crate::events::About;
use crate::events::store as events;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::lists::{Direction, Limit, ListPart, Listing, Page};
use crate::registrar::{
    Course, CourseId, CreateCourse, DeleteCourse, Refusal, SeatCount, SeenCourse, UpdateCourse, Version,
};
use crate::seats::{WaitlistEntry, store as seats};
use crate::state::App;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/courses", get(list))
        .route("/courses/new", get(blank).post(create))
        .route("/courses/{course_id}", get(show))
        .route("/courses/{course_id}/roster", get(whole_roster))
        .route("/courses/{course_id}/edit", get(edit).post(change))
        .route("/courses/{course_id}/delete", get(confirm).post(delete))
}

#[derive(Template)]
#[template(path = "courses.html", blocks = ["rows"])]
struct CoursesPage {
    here: &'static str,
    list: ListPart<Course>,
    query: ListQuery<CourseSort>,
    /// Whether there is nothing at all yet.
    is_blank: bool,
    next: Option<String>,
    is_past: bool,
    part: bool,
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
    Part(part): Part,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let listing = store::list(searched(&query.q)?.as_ref(), query.sort, query.order);
    let page = Page::new(Some(Limit::PAGE), query.after.take(), &listing.order)?;
    let (is_past, list) = (page.after.is_some(), listing.read(&app.db, &page).await?);
    let page = CoursesPage {
        here: "courses",
        is_blank: list.total == 0 && query.q.trim().is_empty(),
        next: list.next.as_ref().map(|next| here.page_after(next)),
        list,
        query,
        is_past,
        part,
    };
    Ok(if part { Shown(page.as_rows()).into_response() } else { Shown(page).into_response() })
}

const FIELDS: &[Field] = &[
    Field { name: "name", label: "Name", kind: "text", hint: "" },
    Field { name: "level", label: "Level", kind: "text", hint: "In your own words, like undergraduate." },
];

fn new_page() -> EditPage {
    EditPage::new("Add a course", "/courses/new", "courses", FIELDS)
}

async fn blank(_: NoQuery) -> EditPage {
    new_page()
}

async fn create(app: App, _: NoQuery, form: Form<NewCourse>) -> Response {
    let page = new_page().with(&form);
    let Some(draft) = form.draft else { return page.unreadable() };
    let command = CreateCourse { name: draft.name, level: draft.level };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(course) => Redirect::to(&path(course.id)).into_response(),
        Err(refusal) => page.refused(refusal, &form.caller, None),
    }
}

fn change_page(course: &Course) -> EditPage {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let typed = Typed::with([("name", text(&course.name)), ("level", text(&course.level))]);
    let path = path(course.id);
    EditPage {
        heading: "Change",
        name: Some(name_of(&course.name)),
        action: format!("{path}/edit"),
        back: path,
        typed: typed.clone(),
        present: Some(typed),
        version: Some(version_field(Version::of(course))),
        ..new_page()
    }
}

async fn edit(app: App, id: PathParams<CourseId>, _: NoQuery) -> Result<EditPage, Problem> {
    Ok(change_page(&find(&app, id.into_result()?).await?))
}

async fn change(
    app: App,
    id: PathParams<CourseId>,
    _: NoQuery,
    form: Form<CourseChange>,
) -> Result<Response, Problem> {
    let id = id.into_result()?;
    let page = change_page(&find(&app, id).await?);
    let form = page.changes(form);
    let Some(draft) = &form.draft else { return Ok(page.with(&form).unreadable()) };
    let (name, level) = (draft.name.clone(), draft.level.clone());
    let command = UpdateCourse { id, name, level, expected: form.expected() };
    Ok(match submit(&app.registrar, command, &form.caller).await {
        Ok(course) => Redirect::to(&path(course.id)).into_response(),
        // As it is now, not as it was when the form came.
        Err(refusal) => {
            let present = find(&app, id).await?;
            let shown = change_page(&present).with(&form);
            shown.refused(refusal, &form.caller, Some(Version::of(&present)))
        }
    })
}

async fn delete_page(app: &App, id: CourseId) -> Result<DeletePage, Problem> {
    let course = find(app, id).await?;
    let seats = seats::find(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    Ok(DeletePage {
        here: "courses",
        name: name_of(&course.name),
        back: path(id),
        enrolled: seats.enrolled,
        waitlisted: seats.waitlisted,
        version: Version::of(&course),
        refusal: None,
        key: new_key(),
    })
}

async fn confirm(app: App, id: PathParams<CourseId>, _: NoQuery) -> Result<DeletePage, Problem> {
    delete_page(&app, id.into_result()?).await
}

async fn delete(
    app: App,
    id: PathParams<CourseId>,
    _: NoQuery,
    form: Form<Deletion>,
) -> Result<Response, Problem> {
    let (id, expected) = (id.into_result()?, form.expected());
    let seen = |version| SeenCourse { version, seats: None };
    let expected = expected.map(|versions| versions.into_iter().map(seen).collect());
    let drop = form.draft.is_some_and(|deletion| deletion.drop);
    Ok(match submit(&app.registrar, DeleteCourse { id, drop, expected }, &form.caller).await {
        Ok(()) => Redirect::to("/courses").into_response(),
        Err(refusal) => delete_page(&app, id).await?.refused(refusal, &form.caller),
    })
}

#[derive(Template)]
#[template(path = "course.html")]
struct CoursePage {
    here: &'static str,
    course: Course,
    path: String,
    saved: bool,
    count: Option<SeatCount>,
    day: Option<Day>,
    roster: ListPart<RosterEntry>,
    waitlist: ListPart<WaitlistEntry>,
    limits: SeatsForm,
    plot: Option<Plot>,
    history: History,
}

impl CoursePage {
    /// The part of an address that asks for the day that is shown.
    fn asked_day(&self) -> String {
        let asked = |day: &Day| format!("as_of={}&until={}", day.chosen, day.end.0);
        self.day.as_ref().map(asked).unwrap_or_default()
    }
}

/// What is looked at of a course.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CourseView {
    /// The roster as it was at the end of this day; left empty it is the present one.
    as_of: String,
    /// The last moment of that day where whoever looks is: scripts know it.
    #[serde(deserialize_with = "from_text")]
    until: Option<Time>,
    /// What happened before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
    /// What was saved just now.
    saved: Option<String>,
}

impl Parameters for CourseView {
    const KNOWN: &'static [&'static str] = &["as_of", "until", "before", "saved"];
}

async fn show(
    app: App,
    id: PathParams<CourseId>,
    Query(view): Query<CourseView>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Shown(course_page(&app, id.into_result()?, &view, None).await?))
}

/// The page of a course; `limits` is its form for seats where it was filled in.
pub(crate) async fn course_page(
    app: &App,
    id: CourseId,
    view: &CourseView,
    limits: Option<SeatsForm>,
) -> Result<impl Template + use<>, Problem> {
    let seats = seats::find(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    let day = Day::chosen(&view.as_of, view.until.as_ref())?;
    Ok(CoursePage {
        here: "courses",
        course: find(app, id).await?,
        path: path(id),
        saved: view.saved.is_some(),
        count: Some(seats.count()),
        roster: roster(app, id, day.as_ref()).await?.read(&app.db, &Page::first(Limit::PAGE)).await?,
        waitlist: seats::waitlist_of(id).read(&app.db, &Page::first(Limit::PAGE)).await?,
        limits: limits.unwrap_or_else(|| SeatsForm::of(&seats)),
        plot: Plot::of(&app.db, id).await?,
        history: History::of(&app.db, About::Course(id), view.before).await?,
        day,
    })
}

#[derive(Template)]
#[template(path = "roster.html")]
struct RosterPage {
    here: &'static str,
    course: Course,
    day: Option<Day>,
    roster: ListPart<RosterEntry>,
}

/// The whole roster, to print.
async fn whole_roster(
    app: App,
    id: PathParams<CourseId>,
    Query(view): Query<CourseView>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.into_result()?;
    let day = Day::chosen(&view.as_of, view.until.as_ref())?;
    let roster = roster(&app, id, day.as_ref()).await?.read(&app.db, &Page::first(Limit::MAX)).await?;
    Ok(Shown(RosterPage { here: "courses", course: find(&app, id).await?, day, roster }))
}

async fn roster(app: &App, id: CourseId, day: Option<&Day>) -> Result<Listing<RosterEntry>, Problem> {
    Ok(match day {
        None => enrollments::roster_of(id),
        Some(day) => {
            let beginning = events::history_start(&app.db, About::Course(id)).await?;
            enrollments::roster_of_at(id, &day.end, beginning)
        }
    })
}

async fn find(app: &App, id: CourseId) -> Result<Course, Problem> {
    Ok(store::find(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?)
}

fn path(id: CourseId) -> String {
    format!("/courses/{id}")
}

impl Filled for NewCourse {}

impl Filled for CourseChange {}
