//! The forms on a student's page that enroll.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::kit::filters::{display_name, isolate_name};
use super::kit::{Form, FormDraft, FormValues, RefusedPage, submit};
use super::offer::Offer;
use super::students::{StudentQuery, student_page};
use crate::clock::Stamp;
use crate::courses::store as courses;
use crate::enrollments::api::{NewEnrollment, NewOverride};
use crate::http::extract::{PathParams, Query};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::http::routes::{Routes, only};
use crate::registrar::Right;
use crate::registrar::{Admission, Course, CourseId, Enroll, Override, Refusal, StudentId};
use crate::state::{App, AppState};
use crate::students::store as students;

/// The routes of these forms.
pub(super) fn routes() -> Routes<AppState> {
    // Students have pages of their own.
    let enrolls = only(Right::WriteEnrollments);
    Routes::new().post("/students/{student_id}/courses", enrolls, enroll).post(
        "/students/{student_id}/courses/{course_id}/override",
        enrolls,
        enroll_anyway,
    )
}

impl FormDraft for NewEnrollment {
    const NUMBERS: &[&str] = &["course_id"];
}

async fn enroll(
    app: App,
    student: PathParams<StudentId>,
    Query(query): Query<StudentQuery>,
    form: Form<NewEnrollment>,
) -> Result<Response, Problem> {
    let student_id = student.into_result()?;
    let Some(NewEnrollment { course_id, .. }) = form.draft else {
        let detail = form.values.error("course_id").unwrap_or("is required");
        return Err(invalid(vec![json!({"pointer": "/course_id", "detail": detail})]));
    };
    match submit(&app.registrar, Enroll::new(student_id, course_id), &form.caller).await {
        Ok(Admission::Enrolled(_)) => Ok(redirect_to_student(student_id, "enrolled", course_id)),
        Ok(Admission::Waitlisted(_)) => Ok(redirect_to_student(student_id, "waits", course_id)),
        Err(refusal) => refused(&app, (student_id, course_id), &query, refusal, None).await,
    }
}

impl FormDraft for NewOverride {}

async fn enroll_anyway(
    app: App,
    pair: PathParams<(StudentId, CourseId)>,
    Query(query): Query<StudentQuery>,
    form: Form<NewOverride>,
) -> Result<Response, Problem> {
    let pair @ (student_id, course_id) = pair.into_result()?;
    let r#override = match form.draft.map(|draft| Override::new(draft.reason)) {
        Some(Ok(r#override)) => Some(r#override),
        Some(Err(_)) => {
            return ask_again(&app, pair, &query, form.values.with_error("reason", "is required")).await;
        }
        None => return ask_again(&app, pair, &query, form.values).await,
    };
    match submit(&app.registrar, Enroll { r#override, ..Enroll::new(student_id, course_id) }, &form.caller)
        .await
    {
        Ok(_) => Ok(redirect_to_student(student_id, "enrolled", course_id)),
        Err(refusal) => refused(&app, pair, &query, refusal, Some(form.values)).await,
    }
}

/// The student's page with the form for an override, and what is wrong with the reason.
async fn ask_again(
    app: &App,
    (student_id, course_id): (StudentId, CourseId),
    query: &StudentQuery,
    values: FormValues,
) -> Result<Response, Problem> {
    let course = courses::find(&app.viewer, course_id).await?.ok_or(Refusal::CourseNotFound(course_id))?;
    let offer = Offer { course, values, is_open: true };
    let page = student_page(app, student_id, query, None, Some(offer)).await?;
    Ok(RefusedPage(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Redirects to the student's page, which reports the action.
pub(super) fn redirect_to_student(student_id: StudentId, action: &str, course_id: CourseId) -> Response {
    Redirect::to(&format!("/students/{student_id}?{action}={course_id}")).into_response()
}

/// The student's page with the refusal; `typed` is what the form for an override had in it.
pub(super) async fn refused(
    app: &App,
    (student_id, course_id): (StudentId, CourseId),
    query: &StudentQuery,
    refusal: Refusal,
    typed: Option<FormValues>,
) -> Result<Response, Problem> {
    let student = students::find(&app.viewer, student_id).await?.map(|student| display_name(&student.name));
    let course = courses::find(&app.viewer, course_id).await?;
    let text = student.zip(course.as_ref()).and_then(|(student, course)| {
        let course = display_name(&course.name);
        refusal_with_names(&refusal, &isolate_name(&student), &isolate_name(&course))
    });
    let offer = course.and_then(|course| offer(&refusal, course, typed));
    let problem = Problem::from(refusal);
    let text = text.unwrap_or_else(|| problem.detail().to_owned());
    let page = student_page(app, student_id, query, Some(text), offer).await?;
    Ok(RefusedPage(problem.status(), page).into_response())
}

/// What staff can do about a refusal: enroll the student anyway, or try an override again with the typed reason.
fn offer(refusal: &Refusal, course: Course, typed: Option<FormValues>) -> Option<Offer> {
    match (refusal, typed) {
        (Refusal::AlreadyEnrolled(_), _) => None,
        (_, Some(values)) => Some(Offer { course, values, is_open: true }),
        (refusal, None) if refusal.can_be_overridden() => Some(Offer::new(course)),
        _ => None,
    }
}

/// A refusal with names instead of ids; `None` if it is about neither the student nor the course.
pub(super) fn refusal_with_names(refusal: &Refusal, student: &str, course: &str) -> Option<String> {
    let time = |time: &Option<Stamp>| time.as_ref().map(Stamp::to_string).unwrap_or_default();
    Some(match refusal {
        Refusal::EnrollmentNotFound { .. } => format!("{student} is not enrolled in {course}."),
        Refusal::AlreadyEnrolled(enrollment) => {
            format!("{student} has been enrolled in {course} since {}.", enrollment.enrolled_at)
        }
        Refusal::AlreadyWaitlisted(place) => {
            format!("{student} is already on the waitlist of {course}, at place {}.", place.position)
        }
        Refusal::CourseFull { .. } => format!("{course} is full."),
        Refusal::WaitlistFull { .. } => format!("{course} is full, and so is its waitlist."),
        Refusal::RegistrationNotOpen { limits, .. } => {
            format!("Registration for {course} opens at {}.", time(&limits.opens_at))
        }
        Refusal::RegistrationClosed { limits, .. } => {
            format!("Registration for {course} closed at {}.", time(&limits.closes_at))
        }
        Refusal::DropDeadlinePassed { drop_until, .. } => {
            format!("Students could drop {course} until {drop_until}.")
        }
        Refusal::OnHold { holds, .. } => {
            let reasons: Vec<_> = holds.iter().map(|hold| hold.reason.as_str()).collect();
            format!("{student} is on hold: {}", reasons.join(" / "))
        }
        Refusal::CourseLimitReached { courses, course_limit, .. } => {
            format!("{student} has {courses} courses and places on waitlists, and may have {course_limit}.")
        }
        Refusal::NothingToRestore { .. } => {
            format!("{student} has nothing in {course} that could be restored.")
        }
        _ => return None,
    })
}
