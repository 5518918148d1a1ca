//! The API of groups.

use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store;
use crate::http::echo::excerpt;
use crate::http::extract::{Bodiless, FromPath, Json, NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::invalid::invalid;
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::{Found, List, NoContent, Resource};
use crate::http::routes::{Allow, Routes, any_of, only};
use crate::problems::{GroupNotFound, NotInGroup, RowRefused, StudentNotFound};
use crate::registrar::{
    DeleteGroup, Group, GroupName, JoinGroup, LeaveGroup, MAX_COURSE_LIMIT, Outcome, Refusal, Right, Rights,
    SetGroup, Student, StudentId,
};
use crate::state::{App, AppState};
use crate::students::store::find as find_student;

/// The routes of groups.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let names = any_of(&[Right::ReadStudents, Right::WriteCourses]);
    Routes::new()
        .api(names, routes!(groups))
        .api(names, routes!(show))
        .api(only(Right::WriteStudents), routes!(set))
        .api(Allow::AllOf(Rights::of(&[Right::WriteStudents, Right::WriteCourses])), routes!(delete))
        .api(only(Right::ReadStudents), routes!(students))
        .api(only(Right::WriteStudents), routes!(join, leave))
        .api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(groups_of))
}

/// List the groups
///
/// In order of their names; `[]` if there are none.
#[utoipa::path(get, path = "/api/v1/groups", operation_id = "list_groups", tag = "groups", params(PageQuery))]
async fn groups(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Group>, Refused<()>> {
    let listing = store::groups();
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

/// Read a group
#[utoipa::path(get, path = "/api/v1/groups/{group}", operation_id = "get_group", tag = "groups")]
async fn show(
    app: App,
    group: PathParams<GroupName>,
    _: NoQuery,
) -> Result<Found<Group>, Refused<(GroupNotFound,)>> {
    let name = group.into_result()?;
    Ok(Found(store::find(&app.viewer, &name).await?.ok_or(Refusal::GroupNotFound(name))?))
}

/// Add a group, or change it
///
/// Its name is in the path and counts exactly as it is written. Safe to repeat.
#[utoipa::path(put, path = "/api/v1/groups/{group}", operation_id = "set_group", tag = "groups")]
async fn set(
    app: App,
    name: PathParams<NewName>,
    _: NoQuery,
    Json(draft, caller): Json<NewGroup>,
) -> Result<Outcome<Found<Group>>, Refused<(RowRefused,)>> {
    let NewName(name) = name.into_result()?;
    let group = Group { name, course_limit: draft.course_limit };
    Ok(app.registrar.submit(SetGroup { group }, &caller).await?.map(Found))
}

/// Delete a group
///
/// Its members stay students. Courses that open for the group at a time of its own open for them as for everybody.
#[utoipa::path(delete, path = "/api/v1/groups/{group}", operation_id = "delete_group", tag = "groups")]
async fn delete(
    app: App,
    group: PathParams<GroupName>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(GroupNotFound, RowRefused)>> {
    Ok(app.registrar.submit(DeleteGroup { name: group.into_result()? }, &caller).await?.map(|()| NoContent))
}

/// List the students in a group
///
/// In order of their ids; `[]` if there are none.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}/students",
    operation_id = "list_group_students",
    tag = "groups",
    params(PageQuery)
)]
async fn students(
    app: App,
    group: PathParams<GroupName>,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Student>, Refused<(GroupNotFound,)>> {
    let name = group.into_result()?;
    let listing = store::students_in(&app.viewer, &name);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        store::find(&app.viewer, &name).await?.ok_or(Refusal::GroupNotFound(name))?;
    }
    let recorder = app.discloses_students();
    recorder.sent_total(list.total, list.rows.len());
    Ok(List::new(list, &url).inspect(move |rows| recorder.sent(rows.len())))
}

/// Add a student to a group
///
/// Safe to repeat.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{group}/students/{student_id}",
    operation_id = "add_student_to_group",
    tag = "groups"
)]
async fn join(
    app: App,
    member: PathParams<(GroupName, StudentId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(GroupNotFound, StudentNotFound, RowRefused)>> {
    let (name, student_id) = member.into_result()?;
    Ok(app.registrar.submit(JoinGroup { name, student_id }, &caller).await?.map(|()| NoContent))
}

/// Take a student out of a group
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{group}/students/{student_id}",
    operation_id = "remove_student_from_group",
    tag = "groups"
)]
async fn leave(
    app: App,
    member: PathParams<(GroupName, StudentId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(GroupNotFound, StudentNotFound, NotInGroup)>> {
    let (name, student_id) = member.into_result()?;
    Ok(app.registrar.submit(LeaveGroup { name, student_id }, &caller).await?.map(|()| NoContent))
}

/// List the groups of a student
///
/// In order of their names; `[]` if there are none.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/groups",
    operation_id = "list_student_groups",
    tag = "groups",
    params(PageQuery)
)]
async fn groups_of(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<Group>, Refused<(StudentNotFound,)>> {
    let id = student.into_result()?;
    let listing = store::groups_of(&app.viewer, id);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        find_student(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    }
    Ok(List::new(list, &url))
}

/// The settings of a group.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"course_limit": 8}))]
struct NewGroup {
    /// The most courses of a member, places on waitlists included; null is the limit of the whole school.
    #[schema(required, minimum = 0, maximum = 1_000)]
    course_limit: Option<i64>,
}

impl Draft for NewGroup {
    fn read(fields: &mut Fields) -> Option<Self> {
        let limit = |value: &_| fields::number(value, 0, MAX_COURSE_LIMIT);
        let course_limit = fields.required("course_limit", |value| fields::nullable(value, limit));
        Some(Self { course_limit: course_limit? })
    }
}

impl Resource for Group {}

/// The name for a group that need not exist yet.
struct NewName(GroupName);

impl FromPath for NewName {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let name = given("group").parse();
        name.map(Self).map_err(|error| invalid(vec![json!({"parameter": "group", "detail": error})]))
    }
}

impl FromPath for GroupName {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        let text = given("group");
        text.parse().map_err(|error| {
            Problem::new::<GroupNotFound>(format!("There is no such group: a name {error}."))
                .with("group", excerpt(&text))
        })
    }
}

impl FromPath for (GroupName, StudentId) {
    fn read(given: &dyn Fn(&str) -> String) -> Result<Self, Problem> {
        Ok((GroupName::read(given)?, StudentId::read(given)?))
    }
}
