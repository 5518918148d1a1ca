//! The button that loads the sample school.

use std::time::Duration;

use axum::response::Redirect;
use indicatif::ProgressBar;

use super::kit::Form;
use super::kit::form::EmptyForm;
use crate::courses::store as courses;
use crate::enrollments::store::roster_of;
use crate::http::extract::NoQuery;
use crate::http::problem::Problem;
use crate::http::routes::{Allow, Routes};
use crate::lists::{Direction, Limit, Page};
use crate::registrar::{
    Caller, Course, Enroll, IdempotencyKey, Limits, Refusal, Registrar, SetSeats, StudentId,
};
use crate::registrar::{Right, Rights};
use crate::registration::store::courses as courses_with_seats;
use crate::sample::{self, Size};
use crate::state::{App, AppState};
use crate::students::store as students;

/// Small enough to load within a moment, large enough that lists have several pages.
const SIZE: Size = Size { students: 500, courses: 40, seed: 1 };

/// Students who try to enroll in each full course, so that it has a waitlist.
const WAITING: usize = 5;

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

async fn add(app: App, _: NoQuery, form: Form<EmptyForm>) -> Result<Redirect, Problem> {
    // In a task of its own: on a double click the browser cancels the first request, which would leave half a school.
    let result = tokio::spawn(fill(app, form.caller)).await;
    result.map_err(|_| Problem::internal())??;
    Ok(Redirect::to("/courses"))
}

async fn fill(app: App, caller: Caller) -> Result<(), Problem> {
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
    sample::add(SIZE, &app.registrar, &ProgressBar::hidden()).await?;
    let students: Vec<_> = students().await?.rows.iter().map(|student| student.id).collect();
    for (course, students) in
        courses_with_seats(&app.viewer).await?.1.iter().zip(students.chunks(WAITING).cycle())
    {
        // Students who are enrolled already would be refused, and the board would show that.
        let roster =
            roster_of(&app.viewer, course.id).read(&app.viewer, &Page::first(Limit::MAX)).await?.rows;
        let is_new = |id: &StudentId| roster.iter().all(|entry| entry.id != *id);
        let waiting: Vec<_> = students.iter().copied().filter(is_new).collect();
        set_seats(&app.registrar, course, &waiting, &caller).await?;
    }
    Ok(())
}

/// Sets the seats of a course by its id: in turn unlimited, full with a waitlist, nearly full, and half empty.
async fn set_seats(
    registrar: &Registrar,
    course: &Course,
    waiting: &[StudentId],
    caller: &Caller,
) -> Result<(), Refusal> {
    let enrolled = course.seats.as_ref().map_or(0, |seats| seats.enrolled);
    let capacity = match course.id.0 % 4 {
        0 => return Ok(()),
        1 => enrolled,
        2 => enrolled + 3,
        _ => enrolled * 2,
    };
    // The idempotency key of the click belongs to none of these commands.
    let caller = Caller { key: None, ..caller.clone() };
    let limits = Limits { capacity: Some(capacity), waitlist_capacity: 10, ..Limits::default() };
    let command = SetSeats { course_id: course.id, limits, expected: None };
    registrar.submit(command, &caller).await.map_err(|outcome| outcome.answer)?;
    if capacity > enrolled {
        return Ok(());
    }
    for student_id in waiting {
        let command = Enroll::new(*student_id, course.id);
        registrar.submit(command, &caller).await.map_err(|outcome| outcome.answer)?;
    }
    Ok(())
}
