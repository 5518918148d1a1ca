//! Finds students and courses from every page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::kit::{Frame, PartialRequest, Rendered, filters, parse_search};
use crate::courses::store::CourseSort;
use crate::db::DbError;
use crate::http::extract::{Parameters, Query};
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::lists::{Limit, Page, Search, Wanted};
use crate::registrar::{Course, Right, Student};
use crate::state::{App, AppState};
use crate::students::store::StudentSort;

/// The routes of this page.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().get("/find", only(Right::ReadCatalogue), find)
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FindQuery {
    /// The search as it was typed; empty for nothing.
    q: String,
}

impl Parameters for FindQuery {
    const KNOWN: &'static [&'static str] = &["q"];
}

/// The page; its block `options` is what the dialog of all pages shows.
#[derive(Template)]
#[template(path = "find.html", blocks = ["options"])]
struct FindPage {
    frame: Frame,
    q: String,
    found: Vec<FoundRecord>,
    is_partial: bool,
}

/// A student or a course.
struct FoundRecord {
    path: String,
    name: Option<String>,
    /// The number or the code.
    external_id: Option<String>,
    kind: &'static str,
}

impl FindPage {
    fn label(&self) -> &'static str {
        self.frame.find_label()
    }

    fn status(&self) -> String {
        match self.found.len() {
            0 => "Nothing is found.".to_owned(),
            1 => "1 result".to_owned(),
            many => format!("{many} results"),
        }
    }
}

async fn find(
    app: App,
    Query(query): Query<FindQuery>,
    PartialRequest(is_partial): PartialRequest,
) -> Result<Response, Problem> {
    let found = match parse_search(&query.q)? {
        Some(search) => found(&app, search).await?,
        None => Vec::new(),
    };
    let page = FindPage { frame: Frame::new(&app, ""), q: query.q, found, is_partial };
    Ok(if is_partial { Rendered(page.as_options()).into_response() } else { Rendered(page).into_response() })
}

/// The first students, if the reader sees them, and the first courses.
async fn found(app: &App, search: Search) -> Result<Vec<FoundRecord>, DbError> {
    let page = Page::first(Limit::SUGGESTIONS);
    let mut found = Vec::new();
    if app.viewer.sees_students() {
        let wanted = Wanted { search: Some(search.clone()), sort: StudentSort::Name, ..Wanted::default() };
        let students = app.students.list(&app.viewer, &wanted, &page).await?;
        app.discloses_students().sent(students.rows.len());
        found.extend(students.rows.into_iter().map(FoundRecord::from));
    }
    let wanted = Wanted { search: Some(search), sort: CourseSort::Name, ..Wanted::default() };
    let courses = app.courses.list(&app.viewer, &wanted, &page).await?;
    found.extend(courses.rows.into_iter().map(FoundRecord::from));
    Ok(found)
}

impl From<Student> for FoundRecord {
    fn from(Student { id, name, number, .. }: Student) -> Self {
        Self { path: format!("/students/{id}"), name, external_id: number, kind: "student" }
    }
}

impl From<Course> for FoundRecord {
    fn from(Course { id, name, code, .. }: Course) -> Self {
        Self { path: format!("/courses/{id}"), name, external_id: code, kind: "course" }
    }
}
