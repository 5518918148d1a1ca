//! One click that fills an empty school.

use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use indicatif::ProgressBar;

use super::kit::Form;
use super::kit::form::Nothing;
use crate::courses::store as courses;
use crate::http::extract::NoQuery;
use crate::http::problem::Problem;
use crate::lists::{Direction, Limit, Page};
use crate::registrar::{Caller, Course, Enroll, Key, Limits, Refusal, Registrar, SetSeats, StudentId};
use crate::registration::store::courses as counted;
use crate::sample::{self, Size};
use crate::state::App;
use crate::students::store as students;

/// Small enough to be there at once, large enough to be looked at.
const SIZE: Size = Size { students: 500, courses: 40, seed: 1 };

/// Students who want a seat in a course that is full.
const EAGER: usize = 5;

/// The routes of these pages.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/sample", post(add))
}

async fn add(app: App, _: NoQuery, form: Form<Nothing>) -> Result<Redirect, Problem> {
    // A browser gives the first of two clicks up; half a school would then be all that there ever is.
    let filled = tokio::spawn(fill(app, form.caller)).await;
    filled.map_err(|_| Problem::internal())??;
    Ok(Redirect::to("/courses"))
}

async fn fill(app: App, caller: Caller) -> Result<(), Problem> {
    // The second click waits, and finds the school filled. No client can send this key: it has a space.
    let key = Key::new("the sample".to_owned(), String::new());
    let _held = loop {
        match app.registrar.hold(&key) {
            Err(Refusal::KeyInUse) => tokio::time::sleep(Duration::from_millis(20)).await,
            held => break held?,
        }
    };
    let first = Page::first(Limit::PAGE);
    let students = || students::list(None, students::StudentSort::Id, Direction::Asc).read(&app.db, &first);
    let courses = courses::list(None, courses::CourseSort::Id, Direction::Asc).read(&app.db, &first).await?;
    // A school that is not empty has something to show already, and would be mixed up with the sample.
    if courses.total + students().await?.total > 0 {
        return Ok(());
    }
    sample::add(SIZE, &app.registrar, &ProgressBar::hidden()).await?;
    let eager: Vec<_> = students().await?.rows.iter().map(|student| student.id).collect();
    for (course, eager) in counted(&app.db).await?.1.iter().zip(eager.chunks(EAGER).cycle()) {
        limit(&app.registrar, course, eager, &caller).await?;
    }
    Ok(())
}

/// Some courses are full and waited for, some nearly full, some half empty; every fourth has no limit.
async fn limit(
    registrar: &Registrar,
    course: &Course,
    eager: &[StudentId],
    caller: &Caller,
) -> Result<(), Refusal> {
    let enrolled = course.seats.as_ref().map_or(0, |seats| seats.enrolled);
    let capacity = match course.id.0 % 4 {
        0 => return Ok(()),
        1 => enrolled,
        2 => enrolled + 3,
        _ => enrolled * 2,
    };
    // The key of the click names none of these commands.
    let own = Caller { key: None, ..caller.clone() };
    let limits = Limits { capacity: Some(capacity), waitlist_capacity: 10, ..Limits::default() };
    let command = SetSeats { course_id: course.id, limits, expected: None };
    registrar.submit(command, &own).await.map_err(|outcome| outcome.answer)?;
    if capacity > enrolled {
        return Ok(());
    }
    for student_id in eager {
        let command = Enroll { student_id: *student_id, course_id: course.id };
        match registrar.submit(command, &own).await.map_err(|outcome| outcome.answer) {
            Ok(_) | Err(Refusal::AlreadyEnrolled(_)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}
