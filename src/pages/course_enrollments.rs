//! The forms on a course's page that enroll, drop and enroll anyway.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::courses::{CourseQuery, RefusedForms, course_page};
use super::drops::{self, Opener};
use super::enroll_panel::{Action, Pasted, RefusedEnrollment};
use super::enrollments::refusal_with_names;
use super::kit::filters::{display_name, isolate_name};
use super::kit::form::EmptyForm;
use super::kit::{Form, FormDraft, FormValues, RefusedPage, Rendered, submit};
use super::pasted;
use super::records::find;
use crate::enrollments::api::NewOverride;
use crate::http::extract::{NoQuery, PathParams, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::problem::Problem;
use crate::http::routes::{Allow, Routes};
use crate::registrar::{
    Admission, Course, CourseId, DropCourse, Enroll, GivesUp, Override, Refusal, Restore, Right, Rights,
    Student, StudentId,
};
use crate::state::{App, AppState};

/// People who find any student and enroll them.
const STAFF: Allow = Allow::AllOf(Rights::of(&[Right::ReadStudents, Right::WriteEnrollments]));

/// The routes of these forms.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new()
        .get("/courses/{course_id}/students", STAFF, redirect_to_course)
        .post("/courses/{course_id}/students", STAFF, enroll)
        .get("/courses/{course_id}/students/list", STAFF, redirect_to_course)
        .post("/courses/{course_id}/students/list", STAFF, enroll_list)
        .post("/courses/{course_id}/students/{student_id}/override", STAFF, enroll_anyway)
        .post("/courses/{course_id}/students/{student_id}/drop", STAFF, drop_student)
        .post("/courses/{course_id}/students/{student_id}/leave", STAFF, leave_waitlist)
        .post("/courses/{course_id}/students/{student_id}/restore", STAFF, restore)
}

/// The student who was chosen.
#[derive(Debug)]
struct Chosen {
    student_id: StudentId,
}

impl Draft for Chosen {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { student_id: StudentId(fields.required("student_id", fields::id)?) })
    }
}

impl FormDraft for Chosen {
    const NUMBERS: &[&str] = &["student_id"];
}

/// The list that was pasted.
#[derive(Debug)]
struct PastedList {
    people: String,
}

impl Draft for PastedList {
    fn read(fields: &mut Fields) -> Option<Self> {
        let people =
            fields.required("people", |value| fields::text(value, |text| Ok::<_, String>(text.to_owned())));
        Some(Self { people: people? })
    }
}

impl FormDraft for PastedList {}

/// After a refused form, the address bar shows the form's own path; opening that again leads to the course.
async fn redirect_to_course(course: PathParams<CourseId>, _: NoQuery) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&format!("/courses/{}", course.into_result()?)))
}

async fn enroll(
    app: App,
    course: PathParams<CourseId>,
    Query(query): Query<CourseQuery>,
    form: Form<Chosen>,
) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let Some(Chosen { student_id }) = form.draft else {
        return Ok(Redirect::to(&format!("/courses/{course_id}")).into_response());
    };
    match submit(&app.registrar, Enroll::new(student_id, course_id), &form.caller).await {
        Ok(Admission::Enrolled(_)) => Ok(redirect(course_id, Action::Enrolled, student_id)),
        Ok(Admission::Waitlisted(_)) => Ok(redirect(course_id, Action::Waits, student_id)),
        Err(refusal) => refused(&app, (course_id, student_id), query, refusal, None).await,
    }
}

async fn enroll_anyway(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<NewOverride>,
) -> Result<Response, Problem> {
    let (student_id, course_id) = pair.into_result()?;
    let r#override = form.draft.and_then(|draft| Override::new(draft.reason).ok());
    if r#override.is_none() {
        let values = form.values;
        let values = if values.error("reason").is_some() {
            values
        } else {
            values.with_error("reason", "is required")
        };
        let student = find::<Student>(&app, student_id).await?;
        let refused = RefusedEnrollment { why: None, offer: Some((student, values, true)) };
        return page(&app, course_id, CourseQuery::default(), StatusCode::UNPROCESSABLE_ENTITY, refused)
            .await;
    }
    let command = Enroll { r#override, ..Enroll::new(student_id, course_id) };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(_) => Ok(redirect(course_id, Action::Enrolled, student_id)),
        Err(refusal) => {
            let query = CourseQuery::default();
            refused(&app, (course_id, student_id), query, refusal, Some(form.values)).await
        }
    }
}

async fn drop_student(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let pair = pair.into_result()?;
    match drops::asks(&app, pair, Opener::Course).await? {
        Some(question) => Ok(Redirect::to(&question).into_response()),
        None => end(&app, pair, Action::Dropped, &form).await,
    }
}

async fn restore(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    let (student_id, course_id) = pair.into_result()?;
    match submit(&app.registrar, Restore { student_id, course_id }, &form.caller).await {
        Ok(Admission::Enrolled(_)) => Ok(redirect(course_id, Action::Enrolled, student_id)),
        Ok(Admission::Waitlisted(_)) => Ok(redirect(course_id, Action::Waits, student_id)),
        Err(refusal) => refused(&app, (course_id, student_id), CourseQuery::default(), refusal, None).await,
    }
}

async fn leave_waitlist(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    _: NoQuery,
    form: Form<EmptyForm>,
) -> Result<Response, Problem> {
    end(&app, pair.into_result()?, Action::Left, &form).await
}

async fn end(
    app: &App,
    (student_id, course_id): (StudentId, CourseId),
    action: Action,
    form: &Form<EmptyForm>,
) -> Result<Response, Problem> {
    let gives_up = (action == Action::Left).then_some(GivesUp::Place);
    let command = DropCourse { gives_up, ..DropCourse::new(student_id, course_id) };
    match submit(&app.registrar, command, &form.caller).await {
        Ok(()) => Ok(redirect(course_id, action, student_id)),
        Err(refusal) => refused(app, (course_id, student_id), CourseQuery::default(), refusal, None).await,
    }
}

async fn enroll_list(
    app: App,
    course: PathParams<CourseId>,
    _: NoQuery,
    form: Form<PastedList>,
) -> Result<Response, Problem> {
    let course_id = course.into_result()?;
    let course = find::<Course>(&app, course_id).await?;
    let text = form.draft.map(|draft| draft.people).unwrap_or_default();
    let error = pasted::fault(&text);
    let results = if error.is_some() {
        Vec::new()
    } else {
        let name = display_name(&course.name);
        pasted::enroll_all(&app, (course_id, &name), &text, &form.caller).await?
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let forms = RefusedForms { pasted: Some(Pasted { text, error, results }), ..RefusedForms::default() };
    let page = course_page(&app, course_id, &CourseQuery::default(), forms).await?;
    Ok((status, Rendered(page)).into_response())
}

/// Redirects to the course's page, which reports the action.
fn redirect(course_id: CourseId, action: Action, student_id: StudentId) -> Response {
    Redirect::to(&format!("/courses/{course_id}?{}={student_id}", action.parameter())).into_response()
}

/// The course's page with the refusal; `typed` is what the form for an override had in it.
async fn refused(
    app: &App,
    (course_id, student_id): (CourseId, StudentId),
    query: CourseQuery,
    refusal: Refusal,
    typed: Option<FormValues>,
) -> Result<Response, Problem> {
    let student = find::<Student>(app, student_id).await?;
    let course = find::<Course>(app, course_id).await?;
    let names = [&student.name, &course.name].map(|name| isolate_name(&display_name(name)));
    let why = refusal_with_names(&refusal, &names[0], &names[1]);
    let offer = (refusal.can_be_overridden() || typed.is_some()).then(|| {
        let is_open = typed.is_some();
        (student, typed.unwrap_or_default(), is_open)
    });
    let problem = Problem::from(refusal);
    let why = Some(why.unwrap_or_else(|| problem.detail().to_owned()));
    page(app, course_id, query, problem.status(), RefusedEnrollment { why, offer }).await
}

async fn page(
    app: &App,
    course_id: CourseId,
    query: CourseQuery,
    status: StatusCode,
    enrollment: RefusedEnrollment,
) -> Result<Response, Problem> {
    let forms = RefusedForms { enrollment, ..RefusedForms::default() };
    Ok(RefusedPage(status, course_page(app, course_id, &query, forms).await?).into_response())
}
