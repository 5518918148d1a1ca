//! The button that loads the sample school.

use std::time::Duration;

use axum::response::Redirect;
use indicatif::ProgressBar;

use super::kit::Form;
use super::kit::form::EmptyForm;
use crate::courses::store as courses;
use crate::http::extract::NoQuery;
use crate::http::problem::Problem;
use crate::http::routes::{Allow, Routes};
use crate::lists::{Direction, Limit, Page};
use crate::registrar::{IdempotencyKey, Refusal, Right, Rights};
use crate::sample::{self, Size};
use crate::state::{App, AppState};
use crate::students::store as students;

/// The route of the button.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().post("/sample", ALL, add)
}

/// What it adds, and that there is nothing before.
const ALL: Allow = Allow::AllOf(Rights::of(&[
    Right::ReadStudents,
    Right::WriteStudents,
    Right::WriteCourses,
    Right::WriteEnrollments,
]));

async fn add(app: App, _: NoQuery, _: Form<EmptyForm>) -> Result<Redirect, Problem> {
    // In a task of its own: on a double click the browser cancels the first request, which would leave half a school.
    let result = tokio::spawn(fill(app)).await;
    result.map_err(|_| Problem::internal())??;
    Ok(Redirect::to("/courses"))
}

async fn fill(app: App) -> Result<(), Problem> {
    // A second click waits for the first and then finds a school that is not empty. No client can send this key,
    // because it contains a space.
    let key = IdempotencyKey::new("the sample".to_owned(), String::new());
    let _key_guard = loop {
        match app.registrar.lock_key(&key) {
            Err(Refusal::KeyInUse) => tokio::time::sleep(Duration::from_millis(20)).await,
            guard => break guard?,
        }
    };
    let first = Page::first(Limit::PAGE);
    let students = || students::by_id(&app.viewer, Direction::Asc).read(&app.viewer, &first);
    let courses = courses::by_id(Direction::Asc).read(&app.viewer, &first).await?;
    // Do not mix the sample with existing data.
    if courses.total + students().await?.total > 0 {
        return Ok(());
    }
    sample::add(Size::DEFAULT, &app.registrar, &ProgressBar::hidden()).await?;
    Ok(())
}
