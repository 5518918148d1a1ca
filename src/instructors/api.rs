//! The API of instructors.

use utoipa_axum::routes;

use super::{Instructor, store};
use crate::courses::store::find as find_course;
use crate::http::extract::{Bodiless, NoQuery, PathParams, Query};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::{List, NoContent, Resource};
use crate::http::routes::{Routes, any_of, only};
use crate::problems::{AccountNotFound, CourseNotFound, InstructorNotFound, NotAnInstructor, RowRefused};
use crate::registrar::{
    AccountId, AssignInstructor, Course, CourseId, Outcome, Refusal, RemoveInstructor, Right,
};
use crate::state::{App, AppState};

/// The routes of instructors.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let writes = only(Right::WriteCourses);
    Routes::new()
        .api(any_of(&[Right::WriteCourses, Right::Administer]), routes!(instructors))
        .api(writes, routes!(assign, remove))
        .api(only(Right::ReadOwnRosters), routes!(my_courses))
}

/// List the instructors of a course
///
/// Those who see its roster, its waitlist and its past; `[]` if there are none. An account that has been disabled or
/// has another role now stays in the list, but sees nothing.
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/instructors",
    operation_id = "list_course_instructors",
    tag = "instructors",
    params(PageQuery)
)]
async fn instructors(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Instructor>, Refused<(CourseNotFound,)>> {
    let id = course.into_result()?;
    let listing = store::instructors_of(&app.viewer, id);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        find_course(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    }
    Ok(List::new(list, &url))
}

/// Assign an instructor to a course
///
/// From now on the account sees the roster, the waitlist and the past of the course. Safe to repeat.
#[utoipa::path(
    put,
    path = "/api/v1/courses/{course_id}/instructors/{account_id}",
    operation_id = "assign_instructor",
    tag = "instructors"
)]
async fn assign(
    app: App,
    pair: PathParams<(CourseId, AccountId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(CourseNotFound, AccountNotFound, NotAnInstructor, RowRefused)>> {
    let (course_id, AccountId(account_id)) = pair.into_result()?;
    Ok(app.registrar.submit(AssignInstructor { course_id, account_id }, &caller).await?.map(|()| NoContent))
}

/// Remove an instructor from a course
///
/// The account sees nothing of the course's students any more, on every server at once.
#[utoipa::path(
    delete,
    path = "/api/v1/courses/{course_id}/instructors/{account_id}",
    operation_id = "remove_instructor",
    tag = "instructors"
)]
async fn remove(
    app: App,
    pair: PathParams<(CourseId, AccountId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(CourseNotFound, AccountNotFound, InstructorNotFound, RowRefused)>> {
    let (course_id, AccountId(account_id)) = pair.into_result()?;
    Ok(app.registrar.submit(RemoveInstructor { course_id, account_id }, &caller).await?.map(|()| NoContent))
}

/// List the courses that one teaches
///
/// For the instructor who the caller is, in order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/me/teaching",
    operation_id = "list_my_taught_courses",
    tag = "instructors",
    params(PageQuery)
)]
async fn my_courses(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Course>, Refused<()>> {
    let listing = store::taught_courses(&app.viewer);
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

impl Resource for Instructor {}
