//! The API of several courses of a student at once: all of them are carried out, or none.

use serde_json::{Value, json};
use utoipa::openapi::schema::{
    Array, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::results::api::{CourseResult, Kept, all_done};
use crate::enrollments::Waitlisted;
use crate::enrollments::api::{EnrollErrors, NewEnrollment, NewOverride, into_override};
use crate::http::extract::{Json, NoQuery, PathParams};
use crate::http::fields::{self, Draft, Fields};
use crate::http::refused::Refused;
use crate::http::reply::{Admitted, Results};
use crate::http::routes::{Routes, any_of};
use crate::problems::{
    CourseFull, CourseLimitReached, CourseNotFound, DropDeadlinePassed, OverrideNeedsReason,
    RegistrationClosed, RegistrationNotOpen, RowRefused, StudentNotFound, StudentOnHold, WaitlistFull,
};
use crate::registrar::{
    Admission, Batch, CourseId, Enroll, Enrollment, MAX_ID, Operation, OperationOutcome, Outcome, Override,
    Refusal, Right, SetCourses, StudentId,
};
use crate::state::{App, AppState};

/// Courses in one request: no student takes as many.
const MAX_COURSES: usize = 32;

/// The routes of several courses.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let enrolls = any_of(&[Right::WriteEnrollments, Right::EnrollOneself]);
    Routes::new().api(enrolls, routes!(enroll, replace))
}

/// Enroll a student in a course, or in several
///
/// If the course is full and has a waitlist, the answer is 202 with the position on it, unless `wait` is false: then it is
/// a seat or nothing. With `override`, which needs the
/// scope `enrollments:write`, the student gets a seat although the course is full, others wait for it, or its
/// registration is not open. A student who waits for the course leaves its waitlist; the others keep their places.
///
/// With `course_ids` in place of `course_id`, the student is enrolled in all of these courses in one transaction, or in
/// none: the answer is 200 with a result for each course, or the problem of the first course that stands in the way, with
/// the `results` of all.
#[utoipa::path(
    post,
    path = "/api/v1/students/{student_id}/courses",
    operation_id = "enroll",
    tag = "enrollments",
    request_body = EnrollmentRequest
)]
async fn enroll(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    Json(draft, caller): Json<EnrollmentRequest>,
) -> Result<Outcome<Admitted<Enrollment, Waitlisted, Results<CourseResult>>>, Refused<EnrollErrors>> {
    let (courses, wait) = (draft.courses(), draft.wait());
    let (r#override, student_id) = (into_override(draft.into_override(), &caller)?, student.into_result()?);
    let enroll = |id| Enroll { r#override: r#override.clone(), wait, ..Enroll::new(student_id, id) };
    if let Courses::One(course_id) = courses {
        let done = app.registrar.submit(enroll(course_id), &caller).await?;
        return Ok(done.map(admitted));
    }
    let operations = courses.ids().iter().map(|id| Operation::Enroll(enroll(*id))).collect();
    let done = app.registrar.submit(Batch { operations, all_or_nothing: true }, &caller).await?;
    record_told(&app, courses.ids(), &done.answer);
    let instance = caller.request_id.as_deref();
    Ok(all_done(done, courses.ids(), Kept::Refused, instance)?.map(Admitted::All))
}

/// Set all courses of a student
///
/// In one transaction: the student is enrolled in the courses that are missing, and dropped from all that are not in the list;
/// those that stay keep their enrollment. All of it is done, or nothing: the answer is 200 with a result for each course, or
/// the problem of the first course that stands in the way, with the `results` of all. Seats that the student gives up serve
/// this request first, and then the waitlists. A place on a waitlist is no course: it stays, whether its course is in the list
/// or not. With `override`, staff goes beyond the limits of the courses, and drops after the deadline.
#[utoipa::path(
    put,
    path = "/api/v1/students/{student_id}/courses",
    operation_id = "set_student_courses",
    tag = "enrollments"
)]
async fn replace(
    app: App,
    student: PathParams<StudentId>,
    _: NoQuery,
    Json(draft, caller): Json<CourseSet>,
) -> Result<Outcome<Results<CourseResult>>, Refused<ReplaceErrors>> {
    let (course_ids, wait) = (draft.course_ids, draft.wait.unwrap_or(true));
    let r#override = into_override(draft.r#override, &caller)?;
    let student_id = student.into_result()?;
    let command = SetCourses { student_id, course_ids: course_ids.clone(), r#override, wait };
    let done = app.registrar.submit(command, &caller).await?;
    record_told(&app, &course_ids, &done.answer);
    Ok(all_done(done, &course_ids, Kept::Found, caller.request_id.as_deref())?)
}

/// Records for a program what courses in which nothing was changed tell about who takes them.
fn record_told(app: &App, course_ids: &[CourseId], outcomes: &[OperationOutcome]) {
    for (course_id, outcome) in course_ids.iter().zip(outcomes) {
        let tells = matches!(
            outcome,
            OperationOutcome::Withheld
                | OperationOutcome::Refused(Refusal::AlreadyEnrolled(_) | Refusal::AlreadyWaitlisted(_))
        );
        if tells {
            app.discloses_roster(*course_id, None).sent(1);
        }
    }
}

/// Why the courses of a student are not replaced.
type ReplaceErrors = (
    OverrideNeedsReason,
    StudentNotFound,
    CourseNotFound,
    RegistrationNotOpen,
    RegistrationClosed,
    DropDeadlinePassed,
    StudentOnHold,
    CourseLimitReached,
    CourseFull,
    WaitlistFull,
    RowRefused,
);

fn admitted<R>(admission: Admission) -> Admitted<Enrollment, Waitlisted, R> {
    match admission {
        Admission::Enrolled(enrollment) => Admitted::Created(enrollment),
        Admission::Waitlisted(place) => Admitted::Waiting(place.into()),
    }
}

/// The course to enroll in, or several.
#[derive(Debug)]
enum EnrollmentRequest {
    One(NewEnrollment),
    Several(NewEnrollments),
}

/// The courses of a request.
#[derive(Debug)]
enum Courses {
    One(CourseId),
    Several(Vec<CourseId>),
}

impl Courses {
    fn ids(&self) -> &[CourseId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Several(ids) => ids,
        }
    }
}

impl EnrollmentRequest {
    fn courses(&self) -> Courses {
        match self {
            Self::One(one) => Courses::One(one.course_id),
            Self::Several(several) => Courses::Several(several.course_ids.clone()),
        }
    }

    fn wait(&self) -> bool {
        let (Self::One(NewEnrollment { wait, .. }) | Self::Several(NewEnrollments { wait, .. })) = self;
        wait.unwrap_or(true)
    }

    fn into_override(self) -> Option<NewOverride> {
        let (Self::One(NewEnrollment { r#override, .. }) | Self::Several(NewEnrollments { r#override, .. })) =
            self;
        r#override
    }
}

impl Draft for EnrollmentRequest {
    fn read(fields: &mut Fields) -> Option<Self> {
        if fields.has("course_ids") && !fields.has("course_id") {
            NewEnrollments::read(fields).map(Self::Several)
        } else {
            if fields.has("course_ids") {
                let one_of_two = "stands in place of `course_id`: send one of the two";
                fields.optional("course_ids", |_| Err::<(), _>(one_of_two.to_owned()));
            }
            NewEnrollment::read(fields).map(Self::One)
        }
    }
}

impl ToSchema for EnrollmentRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewEnrollment::name().into_owned(), NewEnrollment::schema()));
        schemas.push((NewEnrollments::name().into_owned(), NewEnrollments::schema()));
        NewEnrollment::schemas(schemas);
        NewEnrollments::schemas(schemas);
    }
}

impl PartialSchema for EnrollmentRequest {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(NewEnrollment::name()))
            .item(Ref::from_schema_name(NewEnrollments::name()))
            .description(Some("The course to enroll in, or several."))
            .examples([json!({"course_id": 7})])
            .into()
    }
}

/// The courses to enroll in: in all of them, or in none.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"course_ids": [7, 9]}))]
struct NewEnrollments {
    /// The ids of the courses, each once.
    #[schema(schema_with = one_or_more)]
    course_ids: Vec<CourseId>,
    /// Whether the student goes on the waitlist of a course that is full; true if it is left out.
    #[schema(nullable = false, default = true)]
    wait: Option<bool>,
    /// Staff enrolls the student beyond the limits of the courses.
    #[schema(value_type = Option<Override>)]
    r#override: Option<NewOverride>,
}

impl Draft for NewEnrollments {
    fn read(fields: &mut Fields) -> Option<Self> {
        let course_ids = fields.required("course_ids", |value| course_ids(value, 1));
        let wait = fields.optional("wait", fields::boolean);
        let r#override = fields.optional_object("override");
        Some(Self { course_ids: course_ids?, wait: wait?, r#override: r#override? })
    }
}

/// All courses of a student.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"course_ids": [7, 9]}))]
struct CourseSet {
    /// The ids of the courses, each once; `[]` for none.
    #[schema(schema_with = any_number)]
    course_ids: Vec<CourseId>,
    /// Whether the student goes on the waitlist of a course that is full; true if it is left out.
    #[schema(nullable = false, default = true)]
    wait: Option<bool>,
    /// Staff goes beyond the limits of the courses, and drops after the deadline.
    #[schema(value_type = Option<Override>)]
    r#override: Option<NewOverride>,
}

impl Draft for CourseSet {
    fn read(fields: &mut Fields) -> Option<Self> {
        let course_ids = fields.required("course_ids", |value| course_ids(value, 0));
        let wait = fields.optional("wait", fields::boolean);
        let r#override = fields.optional_object("override");
        Some(Self { course_ids: course_ids?, wait: wait?, r#override: r#override? })
    }
}

fn one_or_more() -> Array {
    course_ids_schema(1)
}

fn any_number() -> Array {
    course_ids_schema(0)
}

fn course_ids_schema(min: usize) -> Array {
    let id = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .maximum(Some(MAX_ID));
    let ids = ArrayBuilder::new().items(id).min_items(Some(min)).max_items(Some(MAX_COURSES));
    ids.unique_items(true).description(Some("The ids of the courses, each once.")).build()
}

/// An array of `min` to 32 ids, each once.
fn course_ids(value: &Value, min: usize) -> Result<Vec<CourseId>, String> {
    let allowed = format!("must be an array of {min} to {MAX_COURSES} ids of courses");
    let items = value.as_array().filter(|items| (min..=MAX_COURSES).contains(&items.len()));
    let mut ids = Vec::new();
    for item in items.ok_or(allowed)? {
        let id = CourseId(fields::id(item).map_err(|detail| format!("has an id that {detail}"))?);
        if ids.contains(&id) {
            return Err(format!("has course {id} more than once"));
        }
        ids.push(id);
    }
    Ok(ids)
}
