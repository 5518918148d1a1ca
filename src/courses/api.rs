//! The API of courses.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::store::{self, CourseSort};
use crate::exports::api::list_or_csv;
use crate::exports::tables::COURSES;
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::download::{ListFormat, ListOrCsv};
use crate::http::extract::{
    Bodiless, Json, NoQuery, Parameters, PathParams, Query, bool_from_text, from_text,
};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::records::{NewRecord, RecordChange};
use crate::http::refused::Refused;
use crate::http::reply::{Created, Current, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Routes, only};
use crate::lists::{CourseFilter, Direction, Rolled as _, Search, Wanted};
use crate::problems::{CourseNotFound, HasEnrollments, NumberTaken, ReadOnlyField, RowRefused, Stale};
use crate::registrar::Right;
use crate::registrar::{
    Course, CourseId, CreateCourse, DeleteCourse, Outcome, Refusal, SeenCourse, UpdateCourse, Version,
};
use crate::state::{App, AppState};

/// The routes of courses.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(only(Right::WriteCourses), routes!(create))
        .api(only(Right::ReadCatalogue), routes!(list))
        .api(only(Right::ReadCatalogue), routes!(show))
        .api(only(Right::WriteCourses), routes!(change, delete))
}

/// Add a course
#[utoipa::path(post, path = "/api/v1/courses", operation_id = "create_course", tag = "courses")]
async fn create(
    app: App,
    _: NoQuery,
    Json(draft, caller): Json<NewCourse>,
) -> Result<Outcome<Created<Course>>, Refused<(NumberTaken, RowRefused, ReadOnlyField)>> {
    let command = CreateCourse { values: draft.0 };
    Ok(app.registrar.submit(command, &caller).await?.map(Created))
}

/// List courses
///
/// Complete without `limit`; with `limit` in pages, with a `Link` to the next page. With `Accept: text/csv`, the answer is
/// a CSV file with the columns of the export.
#[utoipa::path(
    get,
    path = "/api/v1/courses",
    operation_id = "list_courses",
    tag = "courses",
    params(PageQuery, CourseList)
)]
async fn list(
    app: App,
    Query(query): Query<CourseList>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<Course>, Refused<()>> {
    let (wanted, filter, page) = query.split();
    let page = page.of_list(&wanted.sorting(Course::LIST).order)?;
    let part = if filter.is_all() {
        app.courses.list(&app.viewer, &wanted, &page).await?
    } else {
        app.board.list(&app.viewer, filter, wanted, Course::LIST, &page).await?
    };
    Ok(list_or_csv(&app, List::new(part, &url), &COURSES, format).await?)
}

/// Read a course
#[utoipa::path(get, path = "/api/v1/courses/{course_id}", operation_id = "get_course", tag = "courses")]
async fn show(
    app: App,
    id: PathParams<CourseId>,
    cached: IfNoneMatch,
    _: NoQuery,
) -> Result<Current<Course>, Refused<(CourseNotFound,)>> {
    let id = id.into_result()?;
    let course = store::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    Ok(Current(course, cached))
}

/// Change a course
///
/// A merge patch (RFC 7396): fields that are left out do not change.
#[utoipa::path(patch, path = "/api/v1/courses/{course_id}", operation_id = "update_course", tag = "courses")]
async fn change(
    app: App,
    id: PathParams<CourseId>,
    expected: IfMatch,
    _: NoQuery,
    Json(draft, caller): Json<CourseChange>,
) -> Result<Found<Course>, Refused<(CourseNotFound, NumberTaken, RowRefused, ReadOnlyField, Stale)>> {
    let command =
        UpdateCourse { id: id.into_result()?, values: draft.0, expected: expected.record_versions() };
    Ok(Found(app.registrar.submit(command, &caller).await?.answer))
}

/// Delete a course
///
/// Refused while the course has students or a waitlist, unless `drop=true` ends those enrollments in the same
/// transaction.
#[utoipa::path(
    delete,
    path = "/api/v1/courses/{course_id}",
    operation_id = "delete_course",
    tag = "courses",
    params(CourseDeletion)
)]
async fn delete(
    app: App,
    id: PathParams<CourseId>,
    IfMatch(expected): IfMatch,
    Query(query): Query<CourseDeletion>,
    Bodiless(caller): Bodiless,
) -> Result<NoContent, Refused<(CourseNotFound, HasEnrollments, RowRefused, Stale)>> {
    let command = DeleteCourse {
        id: id.into_result()?,
        drop: query.drop == Some(true),
        max_dropped: None,
        expected: expected.map(seen),
    };
    app.registrar.submit(command, &caller).await?;
    Ok(NoContent)
}

/// `If-Match` of a deletion covers the seats too, so that a course is deleted only if the client saw its present
/// counts.
fn seen(tags: Vec<(Version, Option<Version>)>) -> Vec<SeenCourse> {
    tags.into_iter().map(|(version, seats)| SeenCourse { version, seats: Some(seats) }).collect()
}

type NewCourse = NewRecord<Course>;
type CourseChange = RecordChange<Course>;

impl Resource for Course {
    const VERSIONED: bool = true;

    fn version(&self) -> Option<Version> {
        Some(Version::from_record(self))
    }

    fn related_version(&self) -> Option<Version> {
        self.seats.as_ref().map(Version::from_record)
    }
}

impl Located for Course {
    fn location(&self) -> String {
        format!("/api/v1/courses/{}", self.id)
    }
}

/// The query of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
#[derive(Default)]
struct CourseList {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    /// Words, in any order, each a part of the name, the level or the code. Case, accents, shapes of apostrophes and
    /// repeated blanks make no difference; a comma separates words. A course with exactly this code or id comes first.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    q: Option<Search>,
    /// The code, exactly as it is written.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    code: Option<Search>,
    /// Only courses in which registration is open (`false`: only others). For a student, those in which they could enroll
    /// now or join the waitlist.
    #[serde(deserialize_with = "bool_from_text")]
    open: Option<bool>,
    /// Only courses with free seats or without a limit (`false`: only others).
    #[serde(deserialize_with = "bool_from_text")]
    free: Option<bool>,
    /// Only courses with students on the waitlist (`false`: only others).
    #[serde(deserialize_with = "bool_from_text")]
    waiting: Option<bool>,
    /// The sort key. Texts are in the order of Unicode's root collation, with numbers in the order of their values; `id`
    /// breaks ties.
    #[param(inline)]
    sort: CourseSort,
    /// The sort order.
    #[param(inline)]
    order: Direction,
}

impl Parameters for CourseList {
    const KNOWN: &'static [&'static str] =
        &["limit", "after", "q", "sort", "order", "code", "open", "free", "waiting"];
}

impl CourseList {
    fn split(self) -> (Wanted<CourseSort>, CourseFilter, PageQuery) {
        let Self { page, q, code, open, free, waiting, sort, order } = self;
        let filter = CourseFilter { open, free, waiting };
        let external_id = code.map(|code| code.text().to_owned());
        let is_filtered = !filter.is_all();
        let wanted =
            Wanted { search: q, second_text: None, external_id, is_filtered, sort, direction: order };
        (wanted, filter, page)
    }
}

/// The query of a deletion.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct CourseDeletion {
    /// End the enrollments and places on waitlists too, in the same transaction.
    #[serde(deserialize_with = "bool_from_text")]
    drop: Option<bool>,
}

impl Parameters for CourseDeletion {
    const KNOWN: &'static [&'static str] = &["drop"];
}
