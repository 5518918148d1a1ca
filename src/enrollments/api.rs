//! The API of enrollments.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::queries::{AsOfQuery, DropQuery, RosterQuery};
use super::{RosterEntry, Waitlisted, store};
use crate::exports::api::list_or_csv;
use crate::exports::tables::{COURSES, ROSTER};
use crate::http::as_of::past;
use crate::http::download::{ListFormat, ListOrCsv};
use crate::http::extract::{Bodiless, NoQuery, OptionalJson, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::paging::{PageQuery, RequestUrl};
use crate::http::refused::Refused;
use crate::http::reply::{Ensured, Found, List, Located, NoContent, Resource, Restored};
use crate::http::routes::{Routes, any_of, only};
use crate::problems::{
    AlreadyEnrolled, AlreadyWaitlisted, CourseFull, CourseLimitReached, CourseNotFound, DropDeadlinePassed,
    EnrollmentNotFound, NothingToRestore, OverrideNeedsReason, RegistrationClosed, RegistrationNotOpen,
    RowRefused, StudentNotFound, StudentOnHold, WaitlistFull,
};
use crate::registrar::{
    Admission, Caller, Course, CourseId, DropCourse, Enroll, Enrollment, Outcome, Override, Refusal, Restore,
    Right, StudentId, reason_text,
};
use crate::seats::store::place;
use crate::state::{App, AppState};
use crate::students::store::find as find_student;

/// The routes of enrollments.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let reads_student = any_of(&[Right::ReadStudents, Right::ReadOwnRecord]);
    let enrolls = any_of(&[Right::WriteEnrollments, Right::EnrollOneself]);
    Routes::new()
        .api(reads_student, routes!(courses))
        .api(enrolls, routes!(ensure))
        .api(reads_student, routes!(show))
        .api(enrolls, routes!(drop_course))
        .api(only(Right::WriteEnrollments), routes!(restore))
        .api(any_of(&[Right::ReadRosters, Right::ReadOwnRosters]), routes!(roster))
}

/// List the courses of a student
///
/// In order of enrollment; `[]` if there are none. Complete without `limit`. With `as_of`, the courses at that time. With
/// `Accept: text/csv`, the answer is a CSV file.
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/courses",
    operation_id = "list_student_courses",
    tag = "enrollments",
    params(PageQuery, AsOfQuery)
)]
async fn courses(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<AsOfQuery>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<Course>, Refused<(StudentNotFound,)>> {
    let (time, id) = (past(query.as_of.as_ref(), &app.clock)?, student.into_result()?);
    let listing = match time {
        None => store::courses_of(&app.viewer, id),
        Some(time) => store::courses_of_at(&app.viewer, id, time).await?,
    };
    let page = query.page.of_list(&listing.order)?;
    let list = listing.read(&app.viewer, &page).await?;
    if list.rows.is_empty() && !(time.is_some() && store::log_mentions_student(&app.viewer, id).await?) {
        find_student(&app.viewer, id).await?.ok_or(Refusal::StudentNotFound(id))?;
    }
    Ok(list_or_csv(&app, List::new(list, &url), &COURSES, format).await?)
}

/// Enroll a student in a course if not already enrolled
///
/// Like POST, but safe to repeat: 201 the first time, 200 with the same body afterwards; 202 while the student is on
/// the waitlist. The body may be left out; with `wait` false, it is a seat or nothing.
#[utoipa::path(
    put,
    path = "/api/v1/students/{student_id}/courses/{course_id}",
    operation_id = "ensure_enrolled",
    tag = "enrollments",
    request_body = Option<EnsuredEnrollment>
)]
async fn ensure(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    OptionalJson(draft, caller): OptionalJson<EnsuredEnrollment>,
) -> Result<Outcome<Ensured<Enrollment, Waitlisted>>, Refused<EnsureErrors>> {
    let (student_id, course_id) = pair.into_result()?;
    let enroll = Enroll { wait: draft.wait.unwrap_or(true), ..Enroll::new(student_id, course_id) };
    match app.registrar.submit(enroll, &caller).await {
        Ok(done) => Ok(done.map(|admission| match admission {
            Admission::Enrolled(enrollment) => Ensured::Created(enrollment),
            Admission::Waitlisted(place) => Ensured::Waiting(place.into()),
        })),
        Err(refused) => Ok(refused.try_map(|refusal| match refusal {
            Refusal::AlreadyEnrolled(enrollment) => Ok(Ensured::Found(enrollment)),
            Refusal::AlreadyWaitlisted(place) => Ok(Ensured::Waiting(place.into())),
            refusal => Err(refusal),
        })?),
    }
}

/// Read the enrollment of a student in a course
#[utoipa::path(
    get,
    path = "/api/v1/students/{student_id}/courses/{course_id}",
    operation_id = "get_enrollment",
    tag = "enrollments"
)]
async fn show(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
) -> Result<Found<Enrollment>, Refused<(StudentNotFound, CourseNotFound, EnrollmentNotFound)>> {
    let (student_id, course_id) = pair.into_result()?;
    if let Some(enrollment) = store::find(&app.viewer, student_id, course_id).await? {
        return Ok(Found(enrollment));
    }
    find_student(&app.viewer, student_id).await?.ok_or(Refusal::StudentNotFound(student_id))?;
    let place = place(&app.viewer, student_id, course_id).await?;
    Err(Refusal::EnrollmentNotFound { student_id, course_id, place }.into())
}

/// Drop a course, or leave its waitlist
///
/// The enrollment ends, but stays in the log. The first student on the waitlist gets the seat in the same
/// transaction. After the deadline for drops (`drop_until`), only staff drops a student, with an `override_reason`.
#[utoipa::path(
    delete,
    path = "/api/v1/students/{student_id}/courses/{course_id}",
    operation_id = "drop_enrollment",
    tag = "enrollments",
    params(DropQuery)
)]
async fn drop_course(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    Query(query): Query<DropQuery>,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<NoContent>, Refused<DropErrors>> {
    let (student_id, course_id) = pair.into_result()?;
    let command = DropCourse { r#override: query.override_reason, ..DropCourse::new(student_id, course_id) };
    Ok(app.registrar.submit(command, &caller).await?.map(|()| NoContent))
}

/// Restore what was dropped last
///
/// The enrollment comes back with its id, its `enrolled_at` and its further columns, over capacity if need be; a place on
/// the waitlist with its `joined_at` and its position, or with the seat that is free by now. Needs the scope
/// `enrollments:write`.
#[utoipa::path(
    post,
    path = "/api/v1/students/{student_id}/courses/{course_id}/restore",
    operation_id = "restore_enrollment",
    tag = "enrollments"
)]
async fn restore(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    Bodiless(caller): Bodiless,
) -> Result<Outcome<Restored<Enrollment, Waitlisted>>, Refused<RestoreErrors>> {
    let (student_id, course_id) = pair.into_result()?;
    let command = Restore { student_id, course_id };
    Ok(app.registrar.submit(command, &caller).await?.map(|admission| match admission {
        Admission::Enrolled(enrollment) => Restored::Back(enrollment),
        Admission::Waitlisted(place) => Restored::Place(place.into()),
    }))
}

/// The roster of a course
///
/// Its students in order of enrollment, or of their names; `[]` if there are none. Complete without `limit`. With `as_of`,
/// the roster at that time. With `Accept: text/csv`, the answer is a CSV file.
#[utoipa::path(
    get,
    path = "/api/v1/courses/{course_id}/students",
    operation_id = "list_course_students",
    tag = "enrollments",
    params(PageQuery, RosterQuery)
)]
async fn roster(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<RosterQuery>,
    format: ListFormat,
    url: RequestUrl,
) -> Result<ListOrCsv<RosterEntry>, Refused<(CourseNotFound,)>> {
    let (time, id, wanted) = (past(query.as_of.as_ref(), &app.clock)?, course.into_result()?, query.wanted());
    let listing = store::roster(&app.viewer, id, time).await?;
    let page = query.page.of_list(&listing.order_of(&wanted))?;
    let list = listing.read_wanted(&app.viewer, wanted, &page).await?;
    if list.rows.is_empty() {
        store::ensure_may_be_empty(&app.viewer, id, time).await?;
    }
    let recorder = app.discloses_roster(id, time);
    recorder.sent_total(list.total, list.rows.len());
    let list = List::new(list, &url).inspect(move |rows| recorder.sent(rows.len()));
    Ok(list_or_csv(&app, list, &ROSTER, format).await?)
}

/// Why PUT does not enroll a student or put them on the waitlist.
type EnsureErrors = (
    StudentNotFound,
    CourseNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    StudentOnHold,
    CourseLimitReached,
    CourseFull,
    WaitlistFull,
    RowRefused,
);

/// The same for POST, which is also refused if the student is already enrolled or waiting, or for an override without a
/// reason.
pub(super) type EnrollErrors = (
    OverrideNeedsReason,
    StudentNotFound,
    CourseNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    AlreadyEnrolled,
    AlreadyWaitlisted,
    StudentOnHold,
    CourseLimitReached,
    CourseFull,
    WaitlistFull,
    RowRefused,
);

/// Why a student is not dropped.
type DropErrors = (
    StudentNotFound,
    CourseNotFound,
    EnrollmentNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    DropDeadlinePassed,
    RowRefused,
);

/// Why nothing is restored.
type RestoreErrors = (StudentNotFound, CourseNotFound, NothingToRestore, RowRefused);

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
    /// The id of the course.
    pub(crate) course_id: CourseId,
    /// Whether the student goes on the waitlist if the course is full; true if it is left out.
    #[schema(nullable = false, default = true)]
    pub(super) wait: Option<bool>,
    /// Staff enrolls the student beyond the limits of the course.
    #[schema(value_type = Option<Override>)]
    pub(super) r#override: Option<NewOverride>,
}

impl Draft for NewEnrollment {
    fn read(fields: &mut Fields) -> Option<Self> {
        let course_id = fields.required("course_id", fields::id);
        let wait = fields.optional("wait", fields::boolean);
        let r#override = fields.optional_object("override");
        Some(Self { course_id: CourseId(course_id?), wait: wait?, r#override: r#override? })
    }
}

/// How to enroll in the course of the address.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"wait": false}))]
struct EnsuredEnrollment {
    /// Whether the student goes on the waitlist if the course is full; true if it is left out.
    #[schema(nullable = false, default = true)]
    wait: Option<bool>,
}

impl Draft for EnsuredEnrollment {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { wait: fields.optional("wait", fields::boolean)? })
    }
}

impl Draft for Override {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("reason", |value| fields::text(value, str::parse))
    }
}

/// The override, if there is one. Whether the caller may have it comes before whether it has a reason.
pub(super) fn into_override(sent: Option<NewOverride>, caller: &Caller) -> Result<Option<Override>, Refusal> {
    let Some(NewOverride { reason }) = sent else { return Ok(None) };
    caller.ensure(Right::WriteEnrollments)?;
    Override::new(reason).map(Some)
}

/// Why a student gets a seat beyond the limits of a course.
#[derive(Debug)]
pub(crate) struct NewOverride {
    /// `None` if it is missing or blank.
    pub(crate) reason: Option<String>,
}

impl Draft for NewOverride {
    fn read(fields: &mut Fields) -> Option<Self> {
        let text = |value: &Value| fields::text(value, reason_text);
        let reason = fields.optional("reason", |value| fields::nullable(value, text).map(Option::flatten))?;
        Some(Self { reason: reason.flatten() })
    }
}
