//! The API of students.

use std::sync::Arc;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::store::{self, StudentSort};
use crate::exports::api::students_or_csv;
use crate::http::conditional::IfMatch;
use crate::http::download::{ListFormat, ListOrCsv};
use crate::http::extract::{
    Bodiless, Json, NoQuery, Parameters, PathParams, Query, bool_from_text, from_text,
};
use crate::http::kits::{KitQuery, one_of};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::records::{NewRecord, RecordChange, ReplacedRecord};
use crate::http::refused::Refused;
use crate::http::reply::{Created, Found, List, Located, NoContent, Resource};
use crate::http::routes::{Routes, any_of, only};
use crate::lists::{Direction, Page, Rolled as _, Search, Wanted};
use crate::problems::{HasEnrollments, NumberTaken, ReadOnlyField, RowRefused, Stale, StudentNotFound};
use crate::registrar::Right;
use crate::registrar::{CreateStudent, DeleteStudent, Outcome, Student, StudentId, UpdateStudent, Version};
use crate::state::{App, AppState};
use crate::viewer::Viewer;

/// The routes of students.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let own = any_of(&[Right::ReadStudents, Right::ReadOwnRecord]);
    Routes::new()
        .api(only(Right::WriteStudents), routes!(create))
        .api(own, routes!(list))
        .api(only(Right::WriteStudents), routes!(change, replace, delete))
}

/// Add a student
#[utoipa::path(post, path = "/api/v1/students", operation_id = "create_student", tag = "students")]
async fn create(
    app: App,
    _: NoQuery,
    Json(draft, caller): Json<NewStudent>,
) -> Result<Outcome<Created<Student>>, Refused<(NumberTaken, RowRefused, ReadOnlyField)>> {
    let command = CreateStudent { values: draft.0 };
    Ok(app.registrar.submit(command, &caller).await?.map(Created))
}

/// List students
///
/// Complete without `limit`; with `limit` in pages, with a `Link` to the next page. With `Accept: text/csv`, the answer is
/// a CSV file with the columns of the export.
#[utoipa::path(
    get,
    path = "/api/v1/students",
    operation_id = "list_students",
    tag = "students",
    params(PageQuery, KitQuery, StudentList)
)]
async fn list(
    app: App,
    Query(query): Query<StudentList>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<Student>, Refused<()>> {
    let (wanted, page) = query.wanted(&app.viewer).await?;
    let (list, recorder) = (app.students.list(&app.viewer, &wanted, &page).await?, app.discloses_students());
    recorder.sent_total(list.total, list.rows.len());
    let list = List::new(list, &url).inspect(move |rows| recorder.sent(rows.len()));
    Ok(students_or_csv(&app, list, format).await?)
}

/// Change a student
///
/// A merge patch (RFC 7396): fields that are left out do not change.
#[utoipa::path(
    patch,
    path = "/api/v1/students/{student_id}",
    operation_id = "update_student",
    tag = "students"
)]
async fn change(
    app: App,
    id: PathParams<StudentId>,
    expected: IfMatch,
    _: NoQuery,
    Json(draft, caller): Json<StudentChange>,
) -> Result<Outcome<Found<Student>>, Refused<ChangeErrors>> {
    let (id, RecordChange(values, repeated)) = (id.into_result()?, draft);
    repeated.ensure(id.0)?;
    let command = UpdateStudent { id, values, expected: expected.record_versions() };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
}

/// Replace a student
///
/// All fields are written: a number that is left out is removed. An `id` in the body, as admin kits send it, has to be the
/// one in the address. Nobody is added: a new student is sent to the list.
#[utoipa::path(
    put,
    path = "/api/v1/students/{student_id}",
    operation_id = "replace_student",
    tag = "students"
)]
async fn replace(
    app: App,
    id: PathParams<StudentId>,
    expected: IfMatch,
    _: NoQuery,
    Json(draft, caller): Json<ReplacedStudent>,
) -> Result<Outcome<Found<Student>>, Refused<ChangeErrors>> {
    let (id, ReplacedRecord(values, repeated)) = (id.into_result()?, draft);
    repeated.ensure(id.0)?;
    let command = UpdateStudent { id, values, expected: expected.record_versions() };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
}

/// Delete a student
///
/// Refused while the student has enrollments or is on a waitlist, unless `drop=true` ends those in the same
/// transaction.
#[utoipa::path(
    delete,
    path = "/api/v1/students/{student_id}",
    operation_id = "delete_student",
    tag = "students",
    params(StudentDeletion)
)]
async fn delete(
    app: App,
    id: PathParams<StudentId>,
    expected: IfMatch,
    Query(query): Query<StudentDeletion>,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(StudentNotFound, HasEnrollments, RowRefused, Stale)>> {
    let command = DeleteStudent {
        id: id.into_result()?,
        drop: query.drop == Some(true),
        max_dropped: None,
        expected: expected.record_versions(),
    };
    Ok(app.registrar.submit(command, &caller).await?.map(|()| NoContent))
}

/// Why a record is not changed.
type ChangeErrors = (StudentNotFound, NumberTaken, RowRefused, ReadOnlyField, Stale);

type NewStudent = NewRecord<Student>;
type StudentChange = RecordChange<Student>;
type ReplacedStudent = ReplacedRecord<Student>;

impl Resource for Student {
    const VERSIONED: bool = true;

    fn version(&self) -> Option<Version> {
        Some(Version::from_record(self))
    }
}

impl Located for Student {
    fn location(&self) -> String {
        format!("/api/v1/students/{}", self.id)
    }
}

/// The query of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
#[derive(Default)]
struct StudentList {
    #[serde(flatten)]
    #[param(ignore)]
    page: PageQuery,
    #[serde(flatten)]
    #[param(ignore)]
    kit: KitQuery,
    /// Words, in any order, each a part of the name, the address or the number. Case, accents, shapes of apostrophes and
    /// repeated blanks make no difference; a comma separates words. A student with exactly this number or id comes first.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    q: Option<Search>,
    /// The name, exactly.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    name: Option<Search>,
    /// The address, exactly.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    email: Option<Search>,
    /// The number, exactly: `0042` is not `42`.
    #[serde(deserialize_with = "from_text")]
    #[param(inline)]
    number: Option<Search>,
    /// Only students with a course (`false`: only those without one). A place on a waitlist is no course.
    #[serde(deserialize_with = "bool_from_text")]
    enrolled: Option<bool>,
    /// The sort key. Texts are in the order of Unicode's root collation, with numbers in the order of their values; `id`
    /// breaks ties.
    #[param(inline)]
    sort: Option<StudentSort>,
    /// The sort order.
    #[param(inline)]
    order: Option<Direction>,
    /// The same as `sort`.
    #[serde(rename = "_sort")]
    #[param(inline)]
    kit_sort: Option<StudentSort>,
}

impl Parameters for StudentList {
    const KNOWN: &'static [&'static str] = &[
        "limit", "after", "q", "sort", "order", "name", "email", "number", "enrolled", "id", "_start",
        "_end", "_sort", "_order",
    ];
    const REPEATED: &'static [&'static str] = KitQuery::REPEATED;
}

impl StudentList {
    async fn wanted(self, viewer: &Viewer) -> Result<(Wanted<StudentSort>, Page), Problem> {
        let Self { page, kit, q, name, email, number, enrolled, sort, order, kit_sort } = self;
        let among = match enrolled {
            Some(enrolled) => Some(Arc::new(store::with_courses(viewer, enrolled).await?)),
            None => None,
        };
        let exactly = |text: Option<Search>| text.map(|text| text.text().to_owned());
        let wanted = Wanted {
            search: q,
            ids: kit.ids(),
            among,
            first_text: exactly(name),
            second_text: exactly(email),
            external_id: exactly(number),
            sort: one_of("_sort", "sort", kit_sort, sort)?,
            direction: kit.direction(order)?,
            ..Wanted::default()
        };
        let page = kit.page(page, &wanted.sorting(Student::LIST).order)?;
        Ok((wanted, page))
    }
}

/// The query of a deletion.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct StudentDeletion {
    /// End the enrollments and places on waitlists too, in the same transaction.
    #[serde(deserialize_with = "bool_from_text")]
    drop: Option<bool>,
}

impl Parameters for StudentDeletion {
    const KNOWN: &'static [&'static str] = &["drop"];
}
