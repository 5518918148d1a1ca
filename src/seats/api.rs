//! The API of seats and waitlists.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{OwnPlace, WaitlistEntry, store};
use crate::clock::Stamp;
use crate::courses::store::find as find_course;
use crate::exports::api::list_or_csv;
use crate::exports::tables::WAITLIST;
use crate::http::download::{ListFormat, ListOrCsv};
use crate::http::echo::excerpt;
use crate::http::extract::{Bodiless, Json, NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::{Found, List, NoContent, Resource};
use crate::http::routes::{Routes, any_of, only};
use crate::instructors::store::ensure_sees_roster;
use crate::problems::{CourseNotFound, GroupNotFound, RowRefused, StudentNotFound};
use crate::registrar::Right;
use crate::registrar::{
    ChangeSeats, CourseId, GroupName, GroupOpenings, Limits, LimitsChange, MAX_GROUP_OPENINGS, MAX_SEATS,
    Outcome, Refusal, RemoveSeats, Seats, SetSeats, StudentId, group_openings_schema,
};
use crate::state::{App, AppState};
use crate::students::store::find as find_student;

/// The routes of seats and waitlists.
#[must_use]
pub fn routes() -> Routes<AppState> {
    Routes::new()
        .api(only(Right::WriteCourses), routes!(set))
        .api(only(Right::WriteCourses), routes!(change))
        .api(only(Right::ReadCatalogue), routes!(show))
        .api(only(Right::WriteCourses), routes!(remove))
        .api(any_of(&[Right::ReadRosters, Right::ReadOwnRosters]), routes!(waitlist))
        .api(any_of(&[Right::ReadStudents, Right::ReadOwnRecord]), routes!(waitlists_of))
        .api(only(Right::ReadOwnRecord), routes!(my_waitlists))
}

/// Limit the seats of a course
///
/// Replaces the present limits. New seats go to the students on the waitlist, in order and in the same transaction. A
/// capacity below the number of students is allowed and drops nobody: the course is over-full until students leave.
#[utoipa::path(put, path = "/api/v1/courses/{course_id}/seats", operation_id = "set_seats", tag = "seats")]
async fn set(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    Json(draft, caller): Json<NewSeats>,
) -> Result<Outcome<Found<Seats>>, Refused<(CourseNotFound, GroupNotFound, RowRefused)>> {
    let command = SetSeats { course_id: course.into_result()?, limits: draft.into(), expected: None };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
}

/// Change some limits of a course
///
/// A merge patch (RFC 7396): limits that are left out stay as they are, and null removes one. Otherwise as PUT.
#[utoipa::path(
    patch,
    path = "/api/v1/courses/{course_id}/seats",
    operation_id = "update_seats",
    tag = "seats"
)]
async fn change(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    Json(change, caller): Json<LimitsChange>,
) -> Result<Outcome<Found<Seats>>, Refused<(CourseNotFound, GroupNotFound, RowRefused)>> {
    let command = ChangeSeats { course_id: course.into_result()?, change, expected: None };
    Ok(app.registrar.submit(command, &caller).await?.map(Found))
}

/// Read the limits of a course, and how full it is
///
/// The capacity of a course without a limit is null.
#[utoipa::path(get, path = "/api/v1/courses/{course_id}/seats", operation_id = "get_seats", tag = "seats")]
async fn show(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
) -> Result<Found<Seats>, Refused<(CourseNotFound,)>> {
    let id = course.into_result()?;
    Ok(Found(store::find(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?))
}

/// Remove the seat limit
///
/// Every student on the waitlist gets a seat.
#[utoipa::path(
    delete,
    path = "/api/v1/courses/{course_id}/seats",
    operation_id = "remove_seat_limits",
    tag = "seats"
)]
async fn remove(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<(CourseNotFound, RowRefused)>> {
    Ok(app
        .registrar
        .submit(RemoveSeats { course_id: course.into_result()? }, &caller)
        .await?
        .map(|()| NoContent))
}

/// The waitlist of a course
///
/// In the order in which students get seats; `[]` if nobody waits. Complete without `limit`. Pages have the positions
/// of the moment when the first page was read. With `Accept: text/csv`, the answer is a CSV file.
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/waitlist",
    operation_id = "list_course_waitlist",
    tag = "seats",
    params(PageQuery)
)]
async fn waitlist(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<PageQuery>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<WaitlistEntry>, Refused<(CourseNotFound,)>> {
    let id = course.into_result()?;
    let listing = store::waitlist_of(&app.viewer, id);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        find_course(&app.viewer, id).await?.ok_or(Refusal::CourseNotFound(id))?;
        ensure_sees_roster(&app.viewer, id).await?;
    }
    let recorder = app.discloses_waitlist(id);
    recorder.sent_total(list.total, list.rows.len());
    let list = List::new(list, &url).inspect(move |rows| recorder.sent(rows.len()));
    Ok(list_or_csv(&app, list, &WAITLIST, format).await?)
}

/// List a student's places on waitlists
///
/// In the order in which the student joined; `[]` if there are none. Complete without `limit`.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/waitlists",
    operation_id = "list_student_waitlists",
    tag = "seats",
    params(PageQuery)
)]
async fn waitlists_of(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<OwnPlace>, Refused<(StudentNotFound,)>> {
    let id = student.into_result()?;
    let listing = store::listed_places_of(&app.viewer, id);
    let page = query.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() {
        find_student(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    }
    Ok(List::new(list, &url))
}

/// List one's own places on waitlists
///
/// For the student who the caller is, in the order in which they joined.
#[utoipa::path(
    get,
    path = "/api/v1/me/waitlists",
    operation_id = "list_my_waitlists",
    tag = "access",
    params(PageQuery)
)]
async fn my_waitlists(
    app: App,
    Query(query): Query<PageQuery>,
    url: RequestUrl,
) -> Result<List<OwnPlace>, Refused<()>> {
    let listing = store::own_places(&app.viewer);
    let page = query.of_list(&listing.order)?;
    Ok(List::new(listing.read(&app.viewer, &page).await?, &url))
}

impl Resource for Seats {}

/// The limits of a course. A limit that is left out does not apply.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"capacity": 30, "waitlist_capacity": 10, "opens_at": "2026-09-01T08:00:00Z", "closes_at": null}))]
pub(crate) struct NewSeats {
    /// The number of seats; null for no limit.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub(crate) capacity: Option<i64>,
    /// The number of places on the waitlist; 0 for no waitlist.
    #[schema(minimum = 0, maximum = 1_000_000, nullable = false)]
    pub(crate) waitlist_capacity: Option<i64>,
    /// When registration opens (RFC 3339): from then on, students enroll and drop. Null if it is already open.
    pub(crate) opens_at: Option<Stamp>,
    /// When registration closes (RFC 3339). Null if it stays open.
    pub(crate) closes_at: Option<Stamp>,
    /// Until when the waitlist moves up (RFC 3339). Null is as long as registration is open.
    pub(crate) waitlist_closes_at: Option<Stamp>,
    /// Until when students drop (RFC 3339). Null is as long as registration is open.
    pub(crate) drop_until: Option<Stamp>,
    /// Groups that enroll from a time of their own on, in place of `opens_at`: their names and times, at most 32.
    #[schema(schema_with = group_openings_schema)]
    pub(crate) group_opens_at: Option<GroupOpenings>,
}

impl Draft for NewSeats {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seats = |value: &Value| fields::number(value, 0, MAX_SEATS);
        let capacity = fields.required("capacity", |value| fields::nullable(value, seats));
        let waitlist_capacity = fields.optional("waitlist_capacity", seats);
        let opens_at = fields.optional("opens_at", |value| fields::nullable(value, fields::time));
        let closes_at = fields.optional("closes_at", |value| fields::nullable(value, fields::time));
        let waitlist_closes_at =
            fields.optional("waitlist_closes_at", |value| fields::nullable(value, fields::time));
        let drop_until = fields.optional("drop_until", |value| fields::nullable(value, fields::time));
        let group_opens_at = fields.optional("group_opens_at", group_openings);
        let new = Self {
            capacity: capacity?,
            waitlist_capacity: waitlist_capacity?,
            opens_at: opens_at?.flatten(),
            closes_at: closes_at?.flatten(),
            waitlist_closes_at: waitlist_closes_at?.flatten(),
            drop_until: drop_until?.flatten(),
            group_opens_at: group_opens_at?,
        };
        for field in new.limits().before_opening() {
            fields.add_error(field, Limits::BEFORE_OPENING);
        }
        Some(new)
    }
}

impl NewSeats {
    fn group_openings(&self) -> BTreeMap<GroupName, Stamp> {
        let given = match &self.group_opens_at {
            Some(GroupOpenings::Change(given)) => Some(given),
            Some(GroupOpenings::None) | None => None,
        };
        let set = |(group, opens_at): (&GroupName, &Option<Stamp>)| Some((group.clone(), opens_at.clone()?));
        given.into_iter().flatten().filter_map(set).collect()
    }

    fn limits(&self) -> Limits {
        Limits {
            capacity: self.capacity,
            waitlist_capacity: self.waitlist_capacity.unwrap_or_default(),
            opens_at: self.opens_at.clone(),
            closes_at: self.closes_at.clone(),
            waitlist_closes_at: self.waitlist_closes_at.clone(),
            drop_until: self.drop_until.clone(),
            group_opens_at: self.group_openings(),
        }
    }
}

impl From<NewSeats> for LimitsChange {
    /// All limits, except for the windows of groups where these are left out.
    fn from(new: NewSeats) -> Self {
        let NewSeats {
            capacity,
            waitlist_capacity,
            opens_at,
            closes_at,
            waitlist_closes_at,
            drop_until,
            group_opens_at,
        } = new;
        Self {
            capacity: Some(capacity),
            waitlist_capacity: Some(waitlist_capacity.unwrap_or_default()),
            opens_at: Some(opens_at),
            closes_at: Some(closes_at),
            waitlist_closes_at: Some(waitlist_closes_at),
            drop_until: Some(drop_until),
            group_opens_at,
        }
    }
}

impl From<NewSeats> for Limits {
    fn from(new: NewSeats) -> Self {
        new.limits()
    }
}

impl Draft for LimitsChange {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seats = |value: &Value| fields::number(value, 0, MAX_SEATS);
        let time = |value: &Value| fields::nullable(value, fields::time);
        let capacity = fields.optional("capacity", |value| fields::nullable(value, seats));
        let waitlist_capacity = fields.optional("waitlist_capacity", seats);
        let opens_at = fields.optional("opens_at", time);
        let closes_at = fields.optional("closes_at", time);
        let waitlist_closes_at = fields.optional("waitlist_closes_at", time);
        let drop_until = fields.optional("drop_until", time);
        let group_opens_at = fields.optional("group_opens_at", group_openings);
        Some(Self {
            capacity: capacity?,
            waitlist_capacity: waitlist_capacity?,
            opens_at: opens_at?,
            closes_at: closes_at?,
            waitlist_closes_at: waitlist_closes_at?,
            drop_until: drop_until?,
            group_opens_at: group_opens_at?,
        })
    }
}

/// Openings of groups by their names; null takes away the opening of its own.
fn group_openings(value: &Value) -> Result<GroupOpenings, String> {
    if value.is_null() {
        return Ok(GroupOpenings::None);
    }
    let members = value.as_object().ok_or("must be an object of groups and times")?;
    if members.len() > MAX_GROUP_OPENINGS {
        return Err(format!("must have at most {MAX_GROUP_OPENINGS} groups"));
    }
    let opening = |(group, opens_at): (&String, &Value)| {
        let name = group.parse().map_err(|error| format!("has a group whose name {error}"))?;
        let opens_at = fields::nullable(opens_at, fields::time);
        Ok((name, opens_at.map_err(|error| format!("has a time for {} that {error}", excerpt(group)))?))
    };
    Ok(GroupOpenings::Change(members.iter().map(opening).collect::<Result<_, String>>()?))
}
