//! Enrollments over HTTP.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{RosterEntry, Waitlisted, store};
use crate::clock::Time;
use crate::courses::store::find as find_course;
use crate::events::About;
use crate::events::store as events;
use crate::http::extract::{Json, Named, NoQuery, Parameters, Query, from_text};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::Here;
use crate::http::refused::Refused;
use crate::http::reply::{Admitted, Ensured, Found, List, Located, NoContent, Resource};
use crate::lists::{Cursor, Limit, Page};
use crate::problems::{
    AlreadyEnrolled, AlreadyWaitlisted, CourseFull, CourseNotFound, EnrollmentNotFound, RegistrationClosed,
    RegistrationNotOpen, RowRefused, StudentNotFound, WaitlistFull,
};
use crate::registrar::{
    Admission, Caller, Course, CourseId, DropCourse, Enroll, Enrollment, Outcome, Refusal, StudentId,
};
use crate::seats::store::place;
use crate::state::App;
use crate::students::store::find as find_student;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(enroll, courses))
        .routes(routes!(ensure, show, drop_course))
        .routes(routes!(roster))
}

/// Enroll a student in a course
///
/// 202 with the position when the course is full and has a waitlist.
#[utoipa::path(post, path = "/api/v1/students/{student_id}/courses", tag = "enrollments")]
async fn enroll(
    app: App,
    student: Named<StudentId>,
    _: NoQuery,
    Json(draft, caller): Json<NewEnrollment>,
) -> Result<Outcome<Admitted<Enrollment, Waitlisted>>, Refused<NotAdmitted>> {
    let command = Enroll { student_id: student.found()?, course_id: draft.course_id };
    Ok(app.registrar.submit(command, &caller).await?.map(|admission| match admission {
        Admission::Enrolled(enrollment) => Admitted::Created(enrollment),
        Admission::Waitlisted(place) => Admitted::Waiting(place.into()),
    }))
}

/// List the courses of a student
///
/// In order of enrollment; `[]` when there is none. Complete without `limit`. With `as_of`, as they stood then.
#[utoipa::path(get, path = "/api/v1/students/{student_id}/courses", tag = "enrollments", params(PartAsOf))]
async fn courses(
    app: App,
    student: Named<StudentId>,
    Query(wanted): Query<PartAsOf>,
    here: Here,
) -> Result<List<Course>, Refused<(StudentNotFound,)>> {
    let id = student.found()?;
    let time = wanted.as_of.as_ref();
    let listing = match time {
        None => store::courses_of(id),
        Some(time) => store::courses_of_at(id, time, events::beginning(&app.db, About::Student(id)).await?),
    };
    let page = Page::of(wanted.limit, wanted.after, &listing.order)?;
    let list = listing.read(&app.db, &page).await?;
    if list.rows.is_empty() && !(time.is_some() && store::log_knows_student(&app.db, id).await?) {
        find_student(&app.db, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    }
    Ok(List::new(list, &here))
}

/// Enroll a student in a course, unless it is done already
///
/// As POST, but natural to repeat: 201 the first time, 200 with the same body after; 202 while the student waits.
#[utoipa::path(put, path = "/api/v1/students/{student_id}/courses/{course_id}", tag = "enrollments")]
async fn ensure(
    app: App,
    pair: Named<(StudentId, CourseId)>,
    _: NoQuery,
    caller: Caller,
) -> Result<Ensured<Enrollment, Waitlisted>, Refused<NotEnsured>> {
    let (student_id, course_id) = pair.found()?;
    let outcome = app.registrar.submit(Enroll { student_id, course_id }, &caller).await;
    match outcome.map(|outcome| outcome.answer).map_err(|outcome| outcome.answer) {
        Ok(Admission::Enrolled(enrollment)) => Ok(Ensured::Created(enrollment)),
        Err(Refusal::AlreadyEnrolled(enrollment)) => Ok(Ensured::Found(enrollment)),
        Ok(Admission::Waitlisted(place)) | Err(Refusal::AlreadyWaitlisted(place)) => {
            Ok(Ensured::Waiting(place.into()))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Read the enrollment of a student in a course
#[utoipa::path(get, path = "/api/v1/students/{student_id}/courses/{course_id}", tag = "enrollments")]
async fn show(
    app: App,
    pair: Named<(StudentId, CourseId)>,
    _: NoQuery,
) -> Result<Found<Enrollment>, Refused<(StudentNotFound, CourseNotFound, EnrollmentNotFound)>> {
    let (student_id, course_id) = pair.found()?;
    if let Some(enrollment) = store::find(&app.db, student_id, course_id).await? {
        return Ok(Found(enrollment));
    }
    find_student(&app.db, student_id).await?.ok_or(Refusal::StudentNotFound(student_id))?;
    let place = place(&app.db, student_id, course_id).await?;
    Err(Refusal::EnrollmentNotFound { student_id, course_id, place }.into())
}

/// Drop a course, or leave its waitlist
///
/// The association ends; the log keeps what was. The first on the waitlist takes the seat in the same transaction.
#[utoipa::path(delete, path = "/api/v1/students/{student_id}/courses/{course_id}", tag = "enrollments")]
async fn drop_course(
    app: App,
    pair: Named<(StudentId, CourseId)>,
    _: NoQuery,
    caller: Caller,
) -> Result<NoContent, Refused<(StudentNotFound, CourseNotFound, EnrollmentNotFound, RowRefused)>> {
    let (student_id, course_id) = pair.found()?;
    let command = DropCourse { student_id, course_id };
    app.registrar.submit(command, &caller).await?;
    Ok(NoContent)
}

/// The roster of a course
///
/// Its students in order of enrollment; `[]` when there is none. Complete without `limit`. With `as_of`, as it stood then.
#[utoipa::path(get, path = "/api/v1/courses/{course_id}/students", tag = "enrollments", params(PartAsOf))]
async fn roster(
    app: App,
    course: Named<CourseId>,
    Query(wanted): Query<PartAsOf>,
    here: Here,
) -> Result<List<RosterEntry>, Refused<(CourseNotFound,)>> {
    let id = course.found()?;
    let time = wanted.as_of.as_ref();
    let listing = match time {
        None => store::roster_of(id),
        Some(time) => store::roster_of_at(id, time, events::beginning(&app.db, About::Course(id)).await?),
    };
    let page = Page::of(wanted.limit, wanted.after, &listing.order)?;
    let list = listing.read(&app.db, &page).await?;
    if list.rows.is_empty() && !(time.is_some() && store::log_knows_course(&app.db, id).await?) {
        find_course(&app.db, id).await?.ok_or(Refusal::CourseNotFound(id))?;
    }
    Ok(List::new(list, &here))
}

/// Why a student neither takes a course afterwards nor waits for it.
type NotEnsured = (
    StudentNotFound,
    CourseNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    CourseFull,
    WaitlistFull,
    RowRefused,
);

/// The same of a request that is not natural to repeat.
type NotAdmitted = (
    StudentNotFound,
    CourseNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    AlreadyEnrolled,
    AlreadyWaitlisted,
    CourseFull,
    WaitlistFull,
    RowRefused,
);

impl Resource for Enrollment {}

impl Located for Enrollment {
    fn location(&self) -> String {
        format!("/api/v1/students/{}/courses/{}", self.student_id, self.course_id)
    }
}

/// The course to enroll in.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"course_id": 7}))]
pub(crate) struct NewEnrollment {
    /// The course's id.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub(crate) course_id: CourseId,
}

impl Draft for NewEnrollment {
    fn read(fields: &mut Fields) -> Option<Self> {
        let course_id = fields.required("course_id", fields::id)?;
        Some(Self { course_id: CourseId(course_id) })
    }
}

/// Which part of the list, and when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct PartAsOf {
    /// Rows a page; without it the list is complete.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 10_000)]
    limit: Option<Limit>,
    /// The cursor from the `Link` of the page before.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<String>)]
    after: Option<Cursor>,
    /// As it stood at this time (RFC 3339), with everything that had happened by then.
    #[serde(deserialize_with = "from_text")]
    #[param(value_type = Option<String>, format = DateTime)]
    as_of: Option<Time>,
}

impl Parameters for PartAsOf {
    const KNOWN: &'static [&'static str] = &["limit", "after", "as_of"];
}
