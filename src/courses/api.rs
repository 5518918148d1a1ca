//! The API of courses.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::store::{self, CourseSort};
use crate::exports::api::list_or_csv;
use crate::exports::tables::COURSES;
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::download::{ListFormat, ListOrCsv};
use crate::http::extract::{
    Bodiless, Json, NoQuery, Parameters, PathParams, Query, bool_from_text, from_text,
};
use crate::http::fields::{self, Draft, Fields};
use crate::http::invalid::invalid;
use crate::http::kits::{KitQuery, one_of};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::records::{NewRecord, RecordChange, ReplacedRecord};
use crate::http::refused::Refused;
use crate::http::reply::{Created, Current, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Routes, only};
use crate::lists::{CourseFilter, Direction, Page, Rolled as _, Search, Wanted};
use crate::problems::{CourseNotFound, HasEnrollments, NumberTaken, ReadOnlyField, RowRefused, Stale};
use crate::registrar::Right;
use crate::registrar::{
    Course, CourseId, CreateCourse, DeleteCourse, FieldValues, MAX_ID, Outcome, Refusal, SeenCourse,
    UpdateCourse, Version,
};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The routes of courses.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(only(Right::WriteCourses), routes!(create))
        .api(only(Right::ReadCatalogue), routes!(list))
        .api(only(Right::ReadCatalogue), routes!(show))
        .api(only(Right::WriteCourses), routes!(change, replace, delete))
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
    params(PageQuery, KitQuery, CourseList)
)]
async fn list(
    app: App,
    Query(query): Query<CourseList>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<Course>, Refused<()>> {
    let with_counts = query.include.is_some();
    let (wanted, filter, page) = query.wanted()?;
    let part = if filter.is_all() && !with_counts {
        app.courses.list(&app.viewer, &wanted, &page).await?
    } else {
        app.board.list(&app.viewer, filter, wanted, Course::LIST, with_counts, &page).await?
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
) -> Result<Outcome<Found<Course>>, Refused<ChangeErrors>> {
    let (id, RecordChange(values, repeated)) = (id.into_result()?, draft);
    repeated.ensure(id.0)?;
    let command = UpdateCourse { id, values, expected: expected.record_versions() };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
}

/// Replace a course
///
/// All fields are written: a code that is left out is removed. An `id` in the body, as admin kits send it, has to be the one
/// in the address, and `seats` may only repeat what the course has: limits have an address of their own. Nothing is added:
/// a new course is sent to the list.
#[utoipa::path(
    put,
    path = "/api/v1/courses/{course_id}",
    operation_id = "replace_course",
    tag = "courses",
    request_body = ReplacedCourse
)]
async fn replace(
    app: App,
    id: PathParams<CourseId>,
    expected: IfMatch,
    _: NoQuery,
    Json(draft, caller): Json<ReadCourse>,
) -> Result<Outcome<Found<Course>>, Refused<ChangeErrors>> {
    let id = id.into_result()?;
    let values = draft.values_of(&app.viewer, id).await?;
    let command = UpdateCourse { id, values, expected: expected.record_versions() };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
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
) -> Result<Outcome<NoContent>, Refused<(CourseNotFound, HasEnrollments, RowRefused, Stale)>> {
    let command = DeleteCourse {
        id: id.into_result()?,
        drop: query.drop == Some(true),
        max_dropped: None,
        expected: expected.map(seen),
    };
    Ok(app.registrar.submit(command, &caller).await?.map(|()| NoContent))
}

/// `If-Match` of a deletion covers the seats too, so that a course is deleted only if the client saw its present
/// counts.
fn seen(tags: Vec<(Version, Option<Version>)>) -> Vec<SeenCourse> {
    tags.into_iter().map(|(version, seats)| SeenCourse { version, seats: Some(seats) }).collect()
}

/// Why a record is not changed.
type ChangeErrors = (CourseNotFound, NumberTaken, RowRefused, ReadOnlyField, Stale);

type NewCourse = NewRecord<Course>;
type CourseChange = RecordChange<Course>;
type ReplacedCourse = ReplacedRecord<Course>;

/// A course as it is to be, with the seats that an admin kit has read and sends back.
#[derive(Debug)]
struct ReadCourse {
    record: ReplacedCourse,
    seats: Option<ReadSeats>,
}

/// Seats that a client has read with the course. The counts change by themselves, so only the limit is compared.
#[derive(Debug)]
struct ReadSeats {
    capacity: Option<i64>,
}

impl Draft for ReadCourse {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seats = fields.optional_object("seats");
        Some(Self { record: ReplacedRecord::read(fields)?, seats: seats? })
    }
}

impl Draft for ReadSeats {
    fn read(fields: &mut Fields) -> Option<Self> {
        let count = |value: &Value| fields::number(value, 0, MAX_ID);
        let capacity = fields.required("capacity", |value| fields::nullable(value, count));
        let counts = [fields.required("enrolled", count), fields.required("waitlisted", count)];
        counts.iter().all(Option::is_some).then_some(Self { capacity: capacity? })
    }
}

impl ReadCourse {
    /// The values to write; refuses another id than that in the address, and other seats than the course has.
    async fn values_of(self, viewer: &Viewer, id: CourseId) -> Result<FieldValues<Course>, Problem> {
        let ReplacedRecord(values, repeated) = self.record;
        repeated.ensure(id.0)?;
        let Some(ReadSeats { capacity }) = self.seats else { return Ok(values) };
        let present = store::find(viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?.seats;
        if present.map_or(capacity.is_none(), |present| present.capacity == capacity) {
            return Ok(values);
        }
        let detail = format!("are not what the course has; they are set at /api/v1/courses/{id}/seats");
        Err(invalid(vec![json!({"pointer": "/seats", "detail": detail})]))
    }
}

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
    #[serde(flatten)]
    #[param(ignore)]
    kit: KitQuery,
    /// Words, in any order, each a part of the name, the level or the code. Case, accents, shapes of apostrophes and
    /// repeated blanks make no difference; a comma separates words. A course with exactly this code or id comes first.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    q: Option<Search>,
    /// The name, exactly.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    name: Option<Search>,
    /// The level, exactly.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    level: Option<Search>,
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
    /// `counts`: how many students take each course and wait for it, also in courses without limits.
    #[param(inline)]
    include: Option<IncludedInCourse>,
    /// The sort key. Texts are in the order of Unicode's root collation, with numbers in the order of their values; `id`
    /// breaks ties.
    #[param(inline)]
    sort: Option<CourseSort>,
    /// The sort order.
    #[param(inline)]
    order: Option<Direction>,
    /// The same as `sort`.
    #[serde(rename = "_sort")]
    #[param(inline)]
    kit_sort: Option<CourseSort>,
}

impl Parameters for CourseList {
    const KNOWN: &'static [&'static str] = &[
        "limit", "after", "q", "sort", "order", "name", "level", "code", "open", "free", "waiting",
        "include", "id", "_start", "_end", "_sort", "_order",
    ];
    const REPEATED: &'static [&'static str] = KitQuery::REPEATED;
}

impl CourseList {
    fn wanted(self) -> Result<(Wanted<CourseSort>, CourseFilter, Page), Problem> {
        let Self { page, kit, q, name, level, code, open, free, waiting, include, sort, order, kit_sort } =
            self;
        let filter = CourseFilter { open, free, waiting };
        let exactly = |text: Option<Search>| text.map(|text| text.text().to_owned());
        let wanted = Wanted {
            search: q,
            ids: kit.ids(),
            first_text: exactly(name),
            second_text: exactly(level),
            external_id: exactly(code),
            is_filtered: !filter.is_all() || include.is_some(),
            sort: one_of("_sort", "sort", kit_sort, sort)?,
            direction: kit.direction(order)?,
            ..Wanted::default()
        };
        let page = kit.page(page, &wanted.sorting(Course::LIST).order)?;
        Ok((wanted, filter, page))
    }
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum IncludedInCourse {
    /// The seats of every course.
    Counts,
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
