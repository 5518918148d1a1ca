//! Students in a browser.

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
use crate::count::to_i64;
use crate::courses::store as courses;
use crate::enrollments::store as enrollments;
use crate::events::About;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::lists::{Direction, Limit, ListPart, Page};
use crate::registrar::{
    Course, CourseId, CreateStudent, DeleteStudent, Place, Refusal, SeatCount, Student, StudentId,
    UpdateStudent, Version,
};
use crate::seats::store as seats;
use crate::state::App;
use crate::students::api::{NewStudent, StudentChange};
use crate::students::store::{self, StudentSort};

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/students", get(list))
        .route("/students/new", get(blank).post(create))
        .route("/students/{student_id}", get(show))
        .route("/students/{student_id}/edit", get(edit).post(change))
        .route("/students/{student_id}/delete", get(confirm).post(delete))
}

#[derive(Template)]
#[template(path = "students.html", blocks = ["rows"])]
struct StudentsPage {
    here: &'static str,
    list: ListPart<Student>,
    query: ListQuery<StudentSort>,
    /// Whether there is nothing at all yet.
    is_blank: bool,
    next: Option<String>,
    is_past: bool,
    part: bool,
}

impl StudentsPage {
    fn sort(&self) -> &'static str {
        match self.query.sort {
            StudentSort::Id => "id",
            StudentSort::Name => "name",
            StudentSort::Email => "email",
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
    Query(mut query): Query<ListQuery<StudentSort>>,
    Part(part): Part,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let (search, order) = (searched(&query.q)?, store::order(query.sort, query.order));
    let page = Page::new(Some(Limit::PAGE), query.after.take(), &order)?;
    let is_past = page.after.is_some();
    let list = if search.is_none() && query.sort == StudentSort::Id {
        store::list(None, query.sort, query.order).read(&app.db, &page).await?
    } else {
        app.roll.page(search.as_ref(), query.sort, query.order, &page).await?
    };
    let page = StudentsPage {
        here: "students",
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
    Field {
        name: "email",
        label: "E-mail",
        kind: "email",
        hint: "Like zoe@example.edu; siblings may share one.",
    },
];

fn new_page() -> EditPage {
    EditPage::new("Add a student", "/students/new", "students", FIELDS)
}

async fn blank(_: NoQuery) -> EditPage {
    new_page()
}

async fn create(app: App, _: NoQuery, form: Form<NewStudent>) -> Response {
    let page = new_page().with(&form);
    let Some(draft) = form.draft else { return page.unreadable() };
    let command = CreateStudent { name: draft.name, email: draft.email };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(student) => Redirect::to(&path(student.id)).into_response(),
        Err(refusal) => page.refused(refusal, &form.caller, None),
    }
}

fn change_page(student: &Student) -> EditPage {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let typed = Typed::with([("name", text(&student.name)), ("email", text(&student.email))]);
    let path = path(student.id);
    EditPage {
        heading: "Change",
        name: Some(name_of(&student.name)),
        action: format!("{path}/edit"),
        back: path,
        typed: typed.clone(),
        present: Some(typed),
        version: Some(version_field(Version::of(student))),
        ..new_page()
    }
}

async fn edit(app: App, id: PathParams<StudentId>, _: NoQuery) -> Result<EditPage, Problem> {
    Ok(change_page(&find(&app, id.into_result()?).await?))
}

async fn change(
    app: App,
    id: PathParams<StudentId>,
    _: NoQuery,
    form: Form<StudentChange>,
) -> Result<Response, Problem> {
    let id = id.into_result()?;
    let page = change_page(&find(&app, id).await?);
    let form = page.changes(form);
    let Some(draft) = &form.draft else { return Ok(page.with(&form).unreadable()) };
    let (name, email) = (draft.name.clone(), draft.email.clone());
    let command = UpdateStudent { id, name, email, expected: form.expected() };
    Ok(match submit(&app.registrar, command, &form.caller).await {
        Ok(student) => Redirect::to(&path(student.id)).into_response(),
        // As it is now, not as it was when the form came.
        Err(refusal) => {
            let present = find(&app, id).await?;
            let shown = change_page(&present).with(&form);
            shown.refused(refusal, &form.caller, Some(Version::of(&present)))
        }
    })
}

async fn delete_page(app: &App, id: StudentId) -> Result<DeletePage, Problem> {
    let student = find(app, id).await?;
    let taken = enrollments::courses_of(id).read(&app.db, &Page::first(Limit::SUGGESTIONS)).await?;
    let waits = seats::places_of(&app.db, id).await?;
    Ok(DeletePage {
        here: "students",
        name: name_of(&student.name),
        back: path(id),
        enrolled: taken.total,
        waitlisted: to_i64(waits.len()),
        version: Version::of(&student),
        refusal: None,
        key: new_key(),
    })
}

async fn confirm(app: App, id: PathParams<StudentId>, _: NoQuery) -> Result<DeletePage, Problem> {
    delete_page(&app, id.into_result()?).await
}

async fn delete(
    app: App,
    id: PathParams<StudentId>,
    _: NoQuery,
    form: Form<Deletion>,
) -> Result<Response, Problem> {
    let (id, expected) = (id.into_result()?, form.expected());
    let drop = form.draft.is_some_and(|deletion| deletion.drop);
    Ok(match submit(&app.registrar, DeleteStudent { id, drop, expected }, &form.caller).await {
        Ok(()) => Redirect::to("/students").into_response(),
        Err(refusal) => delete_page(&app, id).await?.refused(refusal, &form.caller),
    })
}

/// What is looked at of a student.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StudentView {
    /// Part of the name of a course to enroll in.
    q: String,
    /// A course that was enrolled in just now.
    #[serde(deserialize_with = "from_text")]
    enrolled: Option<i64>,
    /// A course whose waitlist was joined just now.
    #[serde(deserialize_with = "from_text")]
    waits: Option<i64>,
    /// A course that was dropped just now.
    #[serde(deserialize_with = "from_text")]
    dropped: Option<i64>,
    /// A course whose waitlist was left just now.
    #[serde(deserialize_with = "from_text")]
    left: Option<i64>,
    /// What happened before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
}

impl Parameters for StudentView {
    const KNOWN: &'static [&'static str] = &["q", "enrolled", "waits", "dropped", "left", "before"];
}

#[derive(Template)]
#[template(path = "student.html", blocks = ["choice"])]
pub(crate) struct StudentPage {
    here: &'static str,
    student: Student,
    path: String,
    taken: Vec<Course>,
    waits: Vec<(Option<String>, Place)>,
    done: Option<(Done, Course)>,
    refusal: Option<String>,
    q: String,
    choice: ListPart<Course>,
    history: History,
    key: String,
}

/// What was done just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Enrolled,
    Waits,
    Dropped,
    Left,
}

impl StudentPage {
    fn takes(&self, course: &Course) -> bool {
        self.taken.iter().any(|taken| taken.id == course.id)
    }

    fn waits_for(&self, course: &Course) -> bool {
        self.waits.iter().any(|(_, place)| place.course_id == course.id)
    }
}

async fn show(
    app: App,
    id: PathParams<StudentId>,
    Query(view): Query<StudentView>,
    Part(part): Part,
) -> Result<Response, Problem> {
    let page = student_page(&app, id.into_result()?, &view, None).await?;
    Ok(if part { Shown(page.as_choice()).into_response() } else { Shown(page).into_response() })
}

/// The page of a student; `refusal` says why the last thing was not done.
pub(crate) async fn student_page(
    app: &App,
    id: StudentId,
    view: &StudentView,
    refusal: Option<String>,
) -> Result<StudentPage, Problem> {
    let student = find(app, id).await?;
    let all = Page { limit: None, after: None };
    let choice = match searched(&view.q)? {
        Some(search) => {
            let found = courses::list(Some(&search), courses::CourseSort::Name, Direction::Asc);
            found.read(&app.db, &Page::first(Limit::PAGE)).await?
        }
        None => ListPart { total: 0, next: None, rows: Vec::new(), rest: None },
    };
    let mut page = StudentPage {
        here: "students",
        student,
        path: path(id),
        taken: enrollments::courses_of(id).read(&app.db, &all).await?.rows,
        waits: seats::places_of(&app.db, id).await?,
        done: done(app, view).await?,
        refusal,
        q: view.q.clone(),
        choice,
        history: History::of(&app.db, About::Student(id), view.before).await?,
        key: new_key(),
    };
    // Whoever goes back, or comes by an old address, is not told what is no longer so.
    page.done = page.done.take().filter(|(done, course)| match done {
        Done::Enrolled => page.takes(course),
        Done::Waits => page.waits_for(course),
        Done::Dropped | Done::Left => !page.takes(course) && !page.waits_for(course),
    });
    Ok(page)
}

fn is_full(course: &Course) -> bool {
    course.seats.as_ref().is_some_and(SeatCount::is_full)
}

/// What was done just now, as far as the course is still there.
async fn done(app: &App, view: &StudentView) -> Result<Option<(Done, Course)>, Problem> {
    let said = [
        (Done::Enrolled, view.enrolled),
        (Done::Waits, view.waits),
        (Done::Dropped, view.dropped),
        (Done::Left, view.left),
    ];
    let Some((done, id)) = said.into_iter().find_map(|(done, id)| id.map(|id| (done, id))) else {
        return Ok(None);
    };
    Ok(courses::find(&app.db, CourseId(id)).await?.map(|course| (done, course)))
}

async fn find(app: &App, id: StudentId) -> Result<Student, Problem> {
    Ok(store::find(&app.db, id).await?.ok_or(Refusal::StudentNotFound(id))?)
}

fn path(id: StudentId) -> String {
    format!("/students/{id}")
}

impl Filled for NewStudent {}

impl Filled for StudentChange {}
