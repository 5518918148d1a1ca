//! The API of exports.

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::tables::{STUDENTS, Table};
use super::{Opener, Seen, System, What, archive, table, written, written_students};
use crate::clock::Stamp;
use crate::files::writing::TableFormat;
use crate::http::as_of::past;
use crate::http::download::{Accepts, Csv, Download, ListFormat, ListOrCsv, Media, Xlsx, Zip};
use crate::http::extract::{NoQuery, Parameters, PathParams, Query, bool_from_text, from_text};
use crate::http::problem::NotAcceptable;
use crate::http::refused::Refused;
use crate::http::reply::List;
use crate::http::routes::{Allow, Routes, any_of, only};
use crate::problems::CourseNotFound;
use crate::registrar::{CourseId, Refusal, Right, Rights, Student};
use crate::state::{App, AppState};

/// The routes of exports.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let (students, rosters) = (only(Right::ReadStudents), only(Right::ReadRosters));
    let (catalogue, of_course) =
        (only(Right::ReadCatalogue), any_of(&[Right::ReadRosters, Right::ReadOwnRosters]));
    let everything =
        Allow::AllOf(Rights::of(&[Right::ReadCatalogue, Right::ReadStudents, Right::ReadRosters]));
    Routes::new()
        .api(students, routes!(students_csv))
        .api(students, routes!(students_xlsx))
        .api(catalogue, routes!(courses_csv))
        .api(catalogue, routes!(courses_xlsx))
        .api(rosters, routes!(enrollments_csv))
        .api(rosters, routes!(enrollments_xlsx))
        .api(rosters, routes!(waitlists_csv))
        .api(rosters, routes!(waitlists_xlsx))
        .api(of_course, routes!(roster_csv))
        .api(of_course, routes!(roster_xlsx))
        .api(of_course, routes!(waitlist_csv))
        .api(of_course, routes!(waitlist_xlsx))
        .api(everything, routes!(canvas))
        .api(everything, routes!(oneroster))
}

type File<M> = Result<Download<M>, Refused<(NotAcceptable,)>>;
type FileOfCourse<M> = Result<Download<M>, Refused<(NotAcceptable, CourseNotFound)>>;

/// Export students as CSV
///
/// All students, with the columns that an import restores: also `groups`, if any student is in one. In the file, a student without a number gets one, always the
/// same.
#[utoipa::path(
    get,
    path = "/api/v1/exports/students.csv",
    operation_id = "export_students_csv",
    tag = "exports",
    params(CsvQuery)
)]
async fn students_csv(app: App, Query(query): Query<CsvQuery>, _: Accepts<Csv>) -> File<Csv> {
    Ok(file(&app, What::Students, query.format()).await?)
}

/// Export students as a workbook
#[utoipa::path(
    get,
    path = "/api/v1/exports/students.xlsx",
    operation_id = "export_students_xlsx",
    tag = "exports"
)]
async fn students_xlsx(app: App, _: NoQuery, _: Accepts<Xlsx>) -> File<Xlsx> {
    Ok(file(&app, What::Students, TableFormat::Xlsx).await?)
}

/// Export courses as CSV
///
/// All courses, with the columns that an import restores. In the file, a course without a code gets one, always the
/// same.
#[utoipa::path(
    get,
    path = "/api/v1/exports/courses.csv",
    operation_id = "export_courses_csv",
    tag = "exports",
    params(CsvQuery)
)]
async fn courses_csv(app: App, Query(query): Query<CsvQuery>, _: Accepts<Csv>) -> File<Csv> {
    Ok(file(&app, What::Courses, query.format()).await?)
}

/// Export courses as a workbook
///
/// With further columns: seats, and how many are taken.
#[utoipa::path(
    get,
    path = "/api/v1/exports/courses.xlsx",
    operation_id = "export_courses_xlsx",
    tag = "exports"
)]
async fn courses_xlsx(app: App, _: NoQuery, _: Accepts<Xlsx>) -> File<Xlsx> {
    Ok(file(&app, What::Courses, TableFormat::Xlsx).await?)
}

/// Export enrollments as CSV
///
/// In order of enrollment. With `as_of`, the census: the enrollments at that time; cells about students who have been
/// deleted since are empty.
#[utoipa::path(
    get,
    path = "/api/v1/exports/enrollments.csv",
    operation_id = "export_enrollments_csv",
    tag = "exports",
    params(CsvQuery, CensusQuery)
)]
async fn enrollments_csv(app: App, Query(query): Query<CsvCensusQuery>, _: Accepts<Csv>) -> File<Csv> {
    let (format, time) = (query.csv.format(), past(query.as_of.as_ref(), &app.clock)?.cloned());
    Ok(file(&app, What::Enrollments(time), format).await?)
}

/// Export enrollments as a workbook
///
/// With further columns: names and times. With `as_of`, the census at that time.
#[utoipa::path(
    get,
    path = "/api/v1/exports/enrollments.xlsx",
    operation_id = "export_enrollments_xlsx",
    tag = "exports",
    params(CensusQuery)
)]
async fn enrollments_xlsx(app: App, Query(query): Query<CensusQuery>, _: Accepts<Xlsx>) -> File<Xlsx> {
    let time = past(query.as_of.as_ref(), &app.clock)?.cloned();
    Ok(file(&app, What::Enrollments(time), TableFormat::Xlsx).await?)
}

/// Export all waitlists as CSV
#[utoipa::path(
    get,
    path = "/api/v1/exports/waitlists.csv",
    operation_id = "export_waitlists_csv",
    tag = "exports",
    params(CsvQuery)
)]
async fn waitlists_csv(app: App, Query(query): Query<CsvQuery>, _: Accepts<Csv>) -> File<Csv> {
    Ok(file(&app, What::Waitlists, query.format()).await?)
}

/// Export all waitlists as a workbook
#[utoipa::path(
    get,
    path = "/api/v1/exports/waitlists.xlsx",
    operation_id = "export_waitlists_xlsx",
    tag = "exports"
)]
async fn waitlists_xlsx(app: App, _: NoQuery, _: Accepts<Xlsx>) -> File<Xlsx> {
    Ok(file(&app, What::Waitlists, TableFormat::Xlsx).await?)
}

/// Export the roster of a course as CSV
///
/// In order of enrollment. With `as_of`, the roster at that time.
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/students.csv",
    operation_id = "export_course_students_csv",
    tag = "exports",
    params(CsvQuery, CensusQuery)
)]
async fn roster_csv(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<CsvCensusQuery>,
    _: Accepts<Csv>,
) -> FileOfCourse<Csv> {
    let (format, time) = (query.csv.format(), past(query.as_of.as_ref(), &app.clock)?.cloned());
    Ok(file(&app, What::Roster(course.into_result()?, time), format).await?)
}

/// Export the roster of a course as a workbook
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/students.xlsx",
    operation_id = "export_course_students_xlsx",
    tag = "exports",
    params(CensusQuery)
)]
async fn roster_xlsx(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<CensusQuery>,
    _: Accepts<Xlsx>,
) -> FileOfCourse<Xlsx> {
    let time = past(query.as_of.as_ref(), &app.clock)?.cloned();
    Ok(file(&app, What::Roster(course.into_result()?, time), TableFormat::Xlsx).await?)
}

/// Export the waitlist of a course as CSV
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/waitlist.csv",
    operation_id = "export_course_waitlist_csv",
    tag = "exports",
    params(CsvQuery)
)]
async fn waitlist_csv(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<CsvQuery>,
    _: Accepts<Csv>,
) -> FileOfCourse<Csv> {
    Ok(file(&app, What::Waitlist(course.into_result()?), query.format()).await?)
}

/// Export the waitlist of a course as a workbook
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/waitlist.xlsx",
    operation_id = "export_course_waitlist_xlsx",
    tag = "exports"
)]
async fn waitlist_xlsx(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    _: Accepts<Xlsx>,
) -> FileOfCourse<Xlsx> {
    Ok(file(&app, What::Waitlist(course.into_result()?), TableFormat::Xlsx).await?)
}

/// Export everything as Canvas SIS CSV
///
/// Users, courses and enrollments, all as of the same moment.
#[utoipa::path(get, path = "/api/v1/exports/canvas.zip", operation_id = "export_canvas", tag = "exports")]
async fn canvas(app: App, _: NoQuery, _: Accepts<Zip>) -> File<Zip> {
    Ok(set(&app, System::Canvas).await?)
}

/// Export everything as OneRoster CSV 1.2
///
/// In bulk, all as of the same moment: one school, one school year, and one class for each course.
#[utoipa::path(
    get,
    path = "/api/v1/exports/oneroster.zip",
    operation_id = "export_oneroster",
    tag = "exports"
)]
async fn oneroster(app: App, _: NoQuery, _: Accepts<Zip>) -> File<Zip> {
    Ok(set(&app, System::OneRoster).await?)
}

async fn file<M: Media>(app: &App, what: What, format: TableFormat) -> Result<Download<M>, Refusal> {
    let recorder = match &what {
        What::Students | What::Enrollments(_) | What::Waitlists => Some(app.discloses_everybody()),
        What::Roster(id, time) => Some(app.discloses_roster(*id, time.as_ref())),
        What::Waitlist(id) => Some(app.discloses_waitlist(*id)),
        What::Courses => None,
    };
    let seen: Seen = match recorder {
        Some(recorder) => Box::new(move |rows| recorder.sent(rows)),
        None => unseen(),
    };
    let file = table(&app.viewer, what, format, &app.clock.stamp(), seen).await?;
    Ok(Download::new(file.name, file.bytes))
}

async fn set(app: &App, system: System) -> Result<Download<Zip>, Refusal> {
    let recorder = app.discloses_everybody();
    let seen = Box::new(move |rows| recorder.sent(rows));
    let file = archive(&app.viewer, system, &app.clock.stamp(), seen).await?;
    Ok(Download::new(file.name, file.bytes))
}

/// A callback that records nothing.
fn unseen() -> Seen {
    Box::new(|_| ())
}

/// A list in the format that the client prefers. Reading its rows is recorded elsewhere.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn list_or_csv<T: Send + 'static>(
    app: &App,
    list: List<T>,
    table: &'static Table<T>,
    format: ListFormat,
) -> Result<ListOrCsv<T>, Refusal> {
    if format == ListFormat::Json {
        return Ok(ListOrCsv::List(list));
    }
    let (rows, list) = list.split();
    let bytes = written(&app.viewer, rows, table, CsvQuery::default().format(), unseen()).await?;
    Ok(ListOrCsv::Csv(Download::new(table.file_name(&app.clock.stamp()), bytes), list))
}

/// The same for students, whose groups are in the file.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn students_or_csv(
    app: &App,
    list: List<Student>,
    format: ListFormat,
) -> Result<ListOrCsv<Student>, Refusal> {
    if format == ListFormat::Json {
        return Ok(ListOrCsv::List(list));
    }
    let (rows, list) = list.split();
    let bytes = written_students(&app.viewer, rows, CsvQuery::default().format(), unseen()).await?;
    Ok(ListOrCsv::Csv(Download::new(STUDENTS.file_name(&app.clock.stamp()), bytes), list))
}

/// The query of a CSV file.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct CsvQuery {
    /// The kind of program that opens the file. For a spreadsheet, cells that begin with `=`, `+`, `-`, `@`, a tab or a
    /// line break get an apostrophe in front, which makes them harmless; an import removes it.
    #[param(inline)]
    r#for: Opener,
    /// Begin the file with a byte order mark, by which Excel recognizes UTF-8.
    #[serde(deserialize_with = "bool_from_text")]
    bom: Option<bool>,
}

impl Parameters for CsvQuery {
    const KNOWN: &'static [&'static str] = &["for", "bom"];
}

impl CsvQuery {
    fn format(&self) -> TableFormat {
        TableFormat::Csv { form: self.r#for.form(), bom: self.bom == Some(true) }
    }
}

/// The query of a CSV file as of a time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CsvCensusQuery {
    #[serde(flatten)]
    csv: CsvQuery,
    #[serde(deserialize_with = "from_text")]
    as_of: Option<Stamp>,
}

impl Parameters for CsvCensusQuery {
    const KNOWN: &'static [&'static str] = &["for", "bom", "as_of"];
}

/// The query of a workbook as of a time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct CensusQuery {
    /// The state at this time (RFC 3339), which is not in the future, including all events of this time.
    #[serde(deserialize_with = "from_text")]
    as_of: Option<Stamp>,
}

impl Parameters for CensusQuery {
    const KNOWN: &'static [&'static str] = &["as_of"];
}
