//! The API of batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Outcomes;
use crate::count::{thousands, to_i64};
use crate::enrollments::Waitlisted;
use crate::http::extract::{JsonArray, Parameters, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::invalid::invalid;
use crate::http::limits::MAX_LARGE_BODY;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::StreamedArray;
use crate::http::routes::{Routes, any_of};
use crate::problems::RowRefused;
use crate::registrar::Right;
use crate::registrar::{
    Answer, CourseId, DropCourse, Enroll, Enrollment, Operation, OperationOutcome, Outcome, Override,
    Refusal, StudentId, Swap,
};
use crate::state::{App, AppState};

/// The route of batches.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let enrolls = any_of(&[Right::WriteEnrollments, Right::EnrollOneself]);
    Routes::new()
        .api(enrolls, routes!(carry_out))
        .layer_api(|api| api.layer(DefaultBodyLimit::max(MAX_LARGE_BODY)))
}

/// Enroll, drop and swap many at once
///
/// 1 to 10,000 operations, at most 8 MiB; one result per operation, in the same order. With `mode=each`, every
/// operation that is possible is carried out, in several commits. With `mode=all`, all are carried out in one commit,
/// or none: then the refused operations say why, and the others have the status 424. All other writes wait for that
/// commit, so `mode=all` takes at most 1,000 operations. With it, seats that operations give up serve the other
/// operations of the request first, whatever their order, and then the waitlist: two students can exchange their seats.
#[utoipa::path(post, path = "/api/v1/enrollments/batch", operation_id = "run_enrollment_batch", tag = "enrollments", params(BatchQuery), request_body = Vec<NewOperation>)]
async fn carry_out(
    app: App,
    Query(query): Query<BatchQuery>,
    JsonArray(drafts, caller): JsonArray<NewOperation>,
) -> Result<Outcome<StreamedArray<OperationResult>>, Refused<(RowRefused,)>> {
    query.mode.check_size(drafts.len())?;
    let operations: Vec<_> = drafts.into_iter().map(Operation::from).collect();
    let telling =
        Telling { courses: operations.iter().map(|one| one.courses().collect()).collect(), app: app.clone() };
    let outcomes = match query.mode {
        Mode::Each => super::each(&app.registrar, operations, &caller).await?,
        Mode::All => super::all(&app.registrar, operations, &caller).await?,
    };
    Ok(outcomes.map(|outcomes| results(outcomes, caller.request_id, telling)))
}

/// One operation. (`Deserialize` only says how the schema names the variants; [`Draft`] reads them.)
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
#[schema(example = json!({"op": "enroll", "student_id": 4, "course_id": 7}))]
enum NewOperation {
    /// Like POST of one enrollment.
    #[schema(example = json!({"op": "enroll", "student_id": 4, "course_id": 7}))]
    Enroll {
        /// The id of the student.
        student_id: StudentId,
        /// The id of the course.
        course_id: CourseId,
        /// Whether the student goes on the waitlist if the course is full; true if it is left out.
        #[schema(nullable = false, default = true)]
        wait: Option<bool>,
        /// Staff enrolls the student beyond the limits of the course.
        r#override: Option<Override>,
    },
    /// Like DELETE of one enrollment.
    #[schema(example = json!({"op": "drop", "student_id": 5, "course_id": 7}))]
    Drop {
        /// The id of the student.
        student_id: StudentId,
        /// The id of the course.
        course_id: CourseId,
        /// Staff drops the student after the deadline.
        r#override: Option<Override>,
    },
    /// The seat in one course for a seat in another, or everything stays as it is; never a place on the waitlist.
    #[schema(example = json!({"op": "swap", "student_id": 4, "from": 7, "to": 9}))]
    Swap {
        /// The id of the student.
        student_id: StudentId,
        /// The id of the course in which the student has a seat.
        from: CourseId,
        /// The id of the course in which the student gets one.
        to: CourseId,
    },
}

impl Draft for NewOperation {
    fn read(fields: &mut Fields) -> Option<Self> {
        let op = fields.required("op", |value| match value.as_str() {
            Some(op @ ("enroll" | "drop" | "swap")) => Ok(op.to_owned()),
            _ => Err("must be `enroll`, `drop` or `swap`".to_owned()),
        });
        let student_id = fields.required("student_id", fields::id).map(StudentId);
        if op.as_deref() == Some("swap") {
            let from = fields.required("from", fields::id).map(CourseId);
            let to = fields.required("to", fields::id).map(CourseId);
            return Some(Self::Swap { student_id: student_id?, from: from?, to: to? });
        }
        let course_id = fields.required("course_id", fields::id).map(CourseId);
        let r#override = fields.optional_object("override");
        if op.as_deref() == Some("drop") {
            return Some(Self::Drop {
                student_id: student_id?,
                course_id: course_id?,
                r#override: r#override?,
            });
        }
        let wait = fields.optional("wait", fields::boolean);
        op?;
        let (student_id, course_id) = (student_id?, course_id?);
        Some(Self::Enroll { student_id, course_id, wait: wait?, r#override: r#override? })
    }
}

impl From<NewOperation> for Operation {
    fn from(new: NewOperation) -> Self {
        match new {
            NewOperation::Enroll { student_id, course_id, wait, r#override } => Self::Enroll(Enroll {
                r#override,
                wait: wait.unwrap_or(true),
                ..Enroll::new(student_id, course_id)
            }),
            NewOperation::Drop { student_id, course_id, r#override } => {
                Self::Drop(DropCourse { r#override, ..DropCourse::new(student_id, course_id) })
            }
            NewOperation::Swap { student_id, from, to } => Self::Swap(Swap { student_id, from, to }),
        }
    }
}

/// The query of a batch.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct BatchQuery {
    /// `each`: every operation that is possible; `all`: all operations or none.
    #[param(inline)]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Each,
    All,
}

impl Mode {
    fn check_size(self, operations: usize) -> Result<(), Problem> {
        if self == Self::Each || operations <= super::MAX_ATOMIC {
            return Ok(());
        }
        let max = thousands(to_i64(super::MAX_ATOMIC));
        let detail = format!(
            "must have at most {max} objects with `mode=all`, because all other writes wait for them"
        );
        Err(invalid(vec![serde_json::json!({"pointer": "", "detail": detail})]))
    }
}

impl Parameters for BatchQuery {
    const KNOWN: &'static [&'static str] = &["mode"];
}

/// Records for a program what operations that were not carried out tell about who takes which course.
struct Telling {
    /// The courses of each operation.
    courses: Vec<Vec<CourseId>>,
    app: App,
}

impl Telling {
    fn record(&self, done: &[(usize, OperationOutcome)]) {
        let mut told: BTreeMap<CourseId, usize> = BTreeMap::new();
        for (index, outcome) in done {
            let tells = matches!(
                outcome,
                OperationOutcome::Withheld
                    | OperationOutcome::Refused(
                        Refusal::AlreadyEnrolled(_)
                            | Refusal::AlreadyWaitlisted(_)
                            | Refusal::EnrollmentNotFound { .. }
                    )
            );
            for course_id in self.courses.get(*index).filter(|_| tells).into_iter().flatten() {
                *told.entry(*course_id).or_default() += 1;
            }
        }
        for (course_id, students) in told {
            self.app.discloses_roster(course_id, None).sent(students);
        }
    }
}

/// The response; `instance` is the id of the request.
fn results(
    outcomes: Outcomes,
    instance: Option<Arc<str>>,
    telling: Telling,
) -> StreamedArray<OperationResult> {
    let results = move |done: Vec<(usize, OperationOutcome)>| -> Vec<_> {
        telling.record(&done);
        // A failure of the database affects all operations of a commit, so one line of log output is enough.
        let failed = done.iter().find_map(|(_, done)| match done {
            OperationOutcome::Refused(refusal @ Refusal::Engine(_)) => Some(Problem::from(refusal.clone())),
            _ => None,
        });
        failed.inspect(|problem| problem.log(instance.as_deref()));
        done.into_iter().map(|(index, done)| result(index, done, instance.as_deref())).collect()
    };
    StreamedArray { first: results(outcomes.first), rest: outcomes.rest.map(results).boxed() }
}

/// The result of one operation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"index": 0, "status": 201, "enrollment": {"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}}))]
pub struct OperationResult {
    /// The index of the operation in the request, from 0.
    #[schema(minimum = 0)]
    pub index: usize,
    /// The status that the operation would have by itself; 424 if it was not carried out because another one was
    /// refused.
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    /// The new enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enrollment: Option<Enrollment>,
    /// The place on the waitlist, if the course is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waitlisted: Option<Waitlisted>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::ProblemBody>, nullable = false)]
    pub problem: Option<serde_json::Value>,
}

impl OperationResult {
    /// A result without a body.
    #[must_use]
    pub fn with_status(index: usize, status: u16) -> Self {
        Self { index, status, enrollment: None, waitlisted: None, problem: None }
    }
}

/// The result of an operation as the client sees it.
fn result(index: usize, done: OperationOutcome, instance: Option<&str>) -> OperationResult {
    match done {
        OperationOutcome::Done(Answer::Enrollment(enrollment)) => {
            OperationResult { enrollment: Some(enrollment), ..OperationResult::with_status(index, 201) }
        }
        OperationOutcome::Done(Answer::Waitlisted(place)) => {
            OperationResult { waitlisted: Some(place.into()), ..OperationResult::with_status(index, 202) }
        }
        OperationOutcome::Done(_) => OperationResult::with_status(index, 204),
        OperationOutcome::Refused(refusal) => {
            let problem = Problem::from(refusal);
            let status = problem.kind().status;
            OperationResult {
                problem: Some(problem.to_json(instance)),
                ..OperationResult::with_status(index, status)
            }
        }
        OperationOutcome::Withheld => OperationResult::with_status(index, 424),
    }
}
