//! The pages of students.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::history::History;
use super::kit::Frame;
use super::kit::filters::display_name;
use super::kit::form::{Deletion, new_key};
use super::kit::{DeletePage, Form, ListQuery, PartialRequest, Rendered, filters, parse_search, submit};
use super::offer::Offer;
use super::records::{self, Alike, MAX_ALIKE, PageRecord, Saved, find, path};
use super::standing_panel::Standing;
use crate::clock::Stamp;
use crate::count::to_i64;
use crate::courses::store as courses;
use crate::db::{DbError, casefold};
use crate::disclosures::{Disclosure, store as disclosures};
use crate::enrollments::store as enrollments;
use crate::events::About;
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, from_text};
use crate::http::paging::RequestUrl;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, any_of, only};
use crate::lists::{Direction, Limit, ListPart, Page, Rolled as _, Wanted};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::Right;
use crate::registrar::{
    Course, CourseId, DeleteStudent, Place, Refusal, SeatCount, Student, StudentId, Version,
};
use crate::registration::{LiveCourse, Outlook};
use crate::seats::store as seats;
use crate::state::{App, AppState};
use crate::students::store::{self, StudentSort};
use crate::viewer::Viewer;

/// The routes of these pages.
pub(super) fn routes() -> Routes<AppState> {
    let (reads, writes) = (only(Right::ReadStudents), only(Right::WriteStudents));
    Routes::new()
        .get("/students", reads, list)
        .get("/students/new", writes, records::new::<Student>)
        .post("/students/new", writes, records::create::<Student>)
        .get("/students/{student_id}", any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), show)
        .get("/students/{student_id}/edit", writes, records::edit::<Student>)
        .post("/students/{student_id}/edit", writes, records::update::<Student>)
        .get("/students/{student_id}/delete", writes, confirm_delete)
        .post("/students/{student_id}/delete", writes, delete)
}

#[derive(Template)]
#[template(path = "students.html", blocks = ["rows"])]
struct StudentsPage {
    frame: Frame,
    list: ListPart<Student>,
    query: ListQuery<StudentSort>,
    /// Whether the school has no students at all.
    is_empty: bool,
    next: Option<String>,
    /// The student who was deleted just now.
    deleted: Option<i64>,
    /// Whether this is not the first page.
    has_previous: bool,
    is_partial: bool,
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
    PartialRequest(is_partial): PartialRequest,
    here: RequestUrl,
) -> Result<Response, Problem> {
    let wanted = query.wanted()?;
    let page = Page::new(Some(Limit::PAGE), query.after.take(), &wanted.sorting(Student::LIST).order)?;
    let has_previous = page.after.is_some();
    let list = app.students.list(&app.viewer, &wanted, &page).await?;
    let recorder = app.discloses_students();
    recorder.sent(list.rows.len());
    recorder.sent_total(list.total, list.rows.len());
    let page = StudentsPage {
        frame: Frame::new(&app, "students"),
        is_empty: list.total == 0 && query.q.trim().is_empty(),
        next: list.next.as_ref().map(|next| here.page_after(next)),
        deleted: deleted(&app.viewer, query.deleted).await?,
        list,
        query,
        has_previous,
        is_partial,
    };
    Ok(if is_partial { Rendered(page.as_rows()).into_response() } else { Rendered(page).into_response() })
}

/// The student who was deleted just now, if that is so.
async fn deleted(viewer: &Viewer, id: Option<i64>) -> Result<Option<i64>, DbError> {
    let Some(id) = id else { return Ok(None) };
    Ok(store::find(viewer, StudentId(id)).await?.is_none().then_some(id))
}

impl PageRecord for Student {
    const SECTION: &'static str = "students";
    const ADD: &'static str = "Add a student";
    const ADDED: &'static str = "The student is added.";
    const ALIKE: [&'static str; 2] =
        ["Another student has this address:", "Other students have this address:"];

    fn saved_text(saved: &str) -> Option<&'static str> {
        match saved {
            "hold" => Some("The hold is placed. The student does not enroll until it is released."),
            "no-hold" => Some("The hold is released."),
            "group" => Some("The student is added to the group."),
            "no-group" => Some("The student is no longer in the group."),
            _ => None,
        }
    }

    fn table(tables: &SchoolTables) -> &RecordTable {
        &tables.students
    }

    async fn load(viewer: &Viewer, id: StudentId) -> Result<Option<Self>, DbError> {
        store::find(viewer, id).await
    }

    fn not_found(id: StudentId) -> Refusal {
        Refusal::StudentNotFound(id)
    }

    async fn alike(&self, app: &App) -> Result<Vec<Alike>, DbError> {
        let Some(search) = self.email.as_deref().and_then(|email| email.parse().ok()) else {
            return Ok(Vec::new());
        };
        let wanted = Wanted { search: Some(search), sort: StudentSort::Email, ..Wanted::default() };
        let first = Page::first(Limit::PAGE);
        let found = app.students.list(&app.viewer, &wanted, &first).await?;
        let address = |student: &Self| student.email.as_deref().map(casefold);
        let alike = found.rows.iter().filter(|other| other.id != self.id && address(other) == address(self));
        Ok(alike
            .take(MAX_ALIKE)
            .map(|student| Alike {
                path: path::<Self>(student.id),
                name: display_name(&student.name),
                detail: student.number.clone(),
            })
            .collect())
    }
}

async fn delete_page(app: &App, id: StudentId) -> Result<DeletePage, Problem> {
    let student = find::<Student>(app, id).await?;
    let enrolled =
        enrollments::courses_of(&app.viewer, id).read(&app.viewer, &Page::first(Limit::SUGGESTIONS)).await?;
    let places = seats::places_of(&app.viewer, id).await?;
    Ok(DeletePage {
        frame: Frame::new(app, "students"),
        name: display_name(&student.name),
        back: path::<Student>(id),
        enrolled: enrolled.total,
        waitlisted: to_i64(places.len()),
        version: Version::from_record(&student),
        refusal: None,
        key: new_key(),
    })
}

async fn confirm_delete(app: App, id: PathParams<StudentId>, _: NoQuery) -> Result<DeletePage, Problem> {
    delete_page(&app, id.into_result()?).await
}

async fn delete(
    app: App,
    id: PathParams<StudentId>,
    _: NoQuery,
    form: Form<Deletion>,
) -> Result<Response, Problem> {
    let (id, expected) = (id.into_result()?, form.expected());
    let max_dropped = form.draft.as_ref().and_then(|deletion| deletion.drop);
    let drop = max_dropped.is_some();
    Ok(match submit(&app.registrar, DeleteStudent { id, drop, max_dropped, expected }, &form.caller).await {
        Ok(()) => Redirect::to(&format!("/students?deleted={id}")).into_response(),
        Err(refusal) => delete_page(&app, id).await?.refused(refusal, &form.caller),
    })
}

/// The query parameters of a student's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StudentQuery {
    /// Part of the name, level or code of a course to enroll in.
    q: String,
    /// The course that the student was enrolled in just now.
    #[serde(deserialize_with = "from_text")]
    enrolled: Option<i64>,
    /// The course whose waitlist the student joined just now.
    #[serde(deserialize_with = "from_text")]
    waits: Option<i64>,
    /// The course in which the student was restored just now.
    #[serde(deserialize_with = "from_text")]
    restored: Option<i64>,
    /// The course that the student dropped just now.
    #[serde(deserialize_with = "from_text")]
    dropped: Option<i64>,
    /// The course whose waitlist the student left just now.
    #[serde(deserialize_with = "from_text")]
    left: Option<i64>,
    /// Show the history before this `seq`.
    #[serde(deserialize_with = "from_text")]
    before: Option<i64>,
    /// What was saved just now: see [`Saved`].
    saved: Option<String>,
    /// The course in which staff wants to enroll the student anyway.
    #[serde(deserialize_with = "from_text")]
    anyway: Option<i64>,
}

impl Parameters for StudentQuery {
    const KNOWN: &'static [&'static str] =
        &["q", "enrolled", "waits", "restored", "dropped", "left", "before", "saved", "anyway"];
}

#[derive(Template)]
#[template(path = "student.html", blocks = ["choice"])]
pub(crate) struct StudentPage {
    frame: Frame,
    student: Student,
    path: String,
    saved: Option<Saved>,
    enrolled: Vec<Course>,
    waiting: Vec<(Option<String>, Place)>,
    /// Why the student may not enroll, and their groups.
    standing: Standing,
    last_action: Option<(Action, Course)>,
    refusal: Option<String>,
    offer: Option<Offer>,
    q: String,
    choice: ListPart<Course>,
    /// The seats and windows of the courses on the page.
    live: BTreeMap<CourseId, LiveCourse>,
    now: Stamp,
    history: History,
    /// The latest lists which may contain the student that programs have read.
    disclosures: Vec<Disclosure>,
    key: String,
}

/// How many disclosures the page shows.
const MAX_DISCLOSURES: i64 = 10;

/// What the last form on the page did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Enrolled,
    Waitlisted,
    Restored,
    Dropped,
    Left,
}

impl StudentPage {
    /// Whether the next step is in the search: whoever has enrolled a student by keyboard goes on typing there.
    fn continues_in_search(&self) -> bool {
        match self.last_action {
            Some((Action::Enrolled | Action::Waitlisted | Action::Restored, _)) => true,
            Some((Action::Dropped | Action::Left, _)) => self.enrolled.is_empty() && self.waiting.is_empty(),
            None => false,
        }
    }

    /// Whether the next step is in the list of courses, where the last one was dropped.
    fn continues_in_list(&self) -> bool {
        self.last_action.is_some() && !self.continues_in_search()
    }

    fn is_enrolled_in(&self, course: &Course) -> bool {
        self.enrolled.iter().any(|enrolled| enrolled.id == course.id)
    }

    /// What would happen if the student enrolled in a course of the page. A course that another program has just added
    /// has no limits yet.
    fn outlook(&self, course: &Course) -> Outlook {
        let groups = self.standing.group_names();
        self.live.get(&course.id).map_or(Outlook::Seat, |live| live.outlook_for(&groups, &self.now))
    }

    fn is_waiting_for(&self, course: &Course) -> bool {
        self.waiting.iter().any(|(_, place)| place.course_id == course.id)
    }
}

async fn show(
    app: App,
    id: PathParams<StudentId>,
    Query(query): Query<StudentQuery>,
    PartialRequest(is_partial): PartialRequest,
) -> Result<Response, Problem> {
    let id = id.into_result()?;
    if app.viewer.own_student() == Some(id.0) {
        return Ok(Redirect::to("/my").into_response());
    }
    let page = student_page(&app, id, &query, None, None).await?;
    Ok(if is_partial { Rendered(page.as_choice()).into_response() } else { Rendered(page).into_response() })
}

/// The page of a student; `refusal` is why the last form was refused, and `offer` what staff can do about it.
pub(crate) async fn student_page(
    app: &App,
    id: StudentId,
    query: &StudentQuery,
    refusal: Option<String>,
    offer: Option<Offer>,
) -> Result<StudentPage, Problem> {
    let student = find::<Student>(app, id).await?;
    let all = Page::all();
    let choice = match parse_search(&query.q)? {
        Some(search) => {
            let sort = courses::CourseSort::Name;
            let wanted = Wanted { search: Some(search), sort, ..Wanted::default() };
            app.courses.list(&app.viewer, &wanted, &Page::first(Limit::PAGE)).await?
        }
        None => ListPart { total: 0, next: None, rows: Vec::new(), rest: None },
    };
    let enrolled = enrollments::courses_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
    let shown: BTreeSet<_> = enrolled.iter().chain(&choice.rows).map(|course| course.id).collect();
    let board = app.board.courses(&app.viewer).await?;
    let live = board.iter().filter(|live| shown.contains(&live.course.id));
    let mut page = StudentPage {
        frame: Frame::new(app, "students"),
        student,
        live: live.map(|live| (live.course.id, live.clone())).collect(),
        now: app.clock.stamp(),
        path: path::<Student>(id),
        saved: Saved::load::<Student>(app, id, query.saved.as_deref()).await?,
        enrolled,
        waiting: seats::places_of(&app.viewer, id).await?,
        standing: Standing::load(app, id).await?,
        last_action: last_action(app, query).await?,
        refusal,
        offer,
        q: query.q.clone(),
        choice,
        history: History::load(&app.viewer, About::Student(id), query.before).await?,
        disclosures: disclosures::latest(&app.viewer, id, MAX_DISCLOSURES).await?,
        key: new_key(),
    };
    // After going back, or at an old address, do not report what is no longer true.
    page.last_action = page.last_action.take().filter(|(action, course)| match action {
        Action::Enrolled | Action::Restored => page.is_enrolled_in(course),
        Action::Waitlisted => page.is_waiting_for(course),
        Action::Dropped | Action::Left => !page.is_enrolled_in(course) && !page.is_waiting_for(course),
    });
    if let Some((Action::Waitlisted, course)) = &page.last_action {
        page.offer = page.offer.or_else(|| Some(Offer::new(course.clone())));
    }
    if let (None, None, Some(id)) = (&page.offer, &page.refusal, query.anyway) {
        let course = courses::find(&app.viewer, CourseId(id)).await?;
        let course = course.filter(|course| !page.is_enrolled_in(course));
        page.offer = course.map(|course| Offer { is_open: true, ..Offer::new(course) });
    }
    page.offer = page.offer.filter(|_| page.frame.writes_enrollments());
    Ok(page)
}

fn is_full(course: &Course) -> bool {
    course.seats.as_ref().is_some_and(SeatCount::is_full)
}

/// The last action and its course; `None` if the course no longer exists.
async fn last_action(app: &App, query: &StudentQuery) -> Result<Option<(Action, Course)>, Problem> {
    let actions = [
        (Action::Enrolled, query.enrolled),
        (Action::Waitlisted, query.waits),
        (Action::Restored, query.restored),
        (Action::Dropped, query.dropped),
        (Action::Left, query.left),
    ];
    let Some((action, id)) = actions.into_iter().find_map(|(action, id)| id.map(|id| (action, id))) else {
        return Ok(None);
    };
    Ok(courses::find(&app.viewer, CourseId(id)).await?.map(|course| (action, course)))
}
