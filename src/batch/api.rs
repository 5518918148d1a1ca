//! Many operations at once, over HTTP.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Outcomes;
use crate::enrollments::Waitlisted;
use crate::http::extract::{JsonArray, Parameters, Query};
use crate::http::fields::{self, Draft, Fields};
use crate::http::invalid::invalid;
use crate::http::limits::LARGE_BODY;
use crate::http::problem::Problem;
use crate::http::refused::Refused;
use crate::http::reply::Parts;
use crate::problems::RowRefused;
use crate::registrar::{
    Answer, CourseId, Enrollment, Operation, OperationOutcome, Outcome, Refusal, StudentId,
};
use crate::state::App;

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(carry_out)).layer(DefaultBodyLimit::max(LARGE_BODY))
}

/// Enroll and drop many at once
///
/// 1 to 10,000 operations, 8 MiB at most; one result an operation, in order. With `mode=each` what can be done is done, in
/// a few commits; with `mode=all` all of it in one commit, or nothing: then those that stood in the way say why, and the
/// others have the status 424. Everybody else waits for that commit, so `mode=all` takes 1,000 operations at most.
#[utoipa::path(post, path = "/api/v1/enrollments/batch", tag = "enrollments", params(HowMany), request_body = Vec<NewOperation>)]
async fn carry_out(
    app: App,
    Query(wanted): Query<HowMany>,
    JsonArray(drafts, caller): JsonArray<NewOperation>,
) -> Result<Outcome<Parts<OperationResult>>, Refused<(RowRefused,)>> {
    wanted.mode.takes(drafts.len())?;
    let operations = drafts.into_iter().map(Operation::from).collect();
    let outcomes = match wanted.mode {
        Mode::Each => super::each(&app.registrar, operations, &caller).await?,
        Mode::All => super::all(&app.registrar, operations, &caller).await?,
    };
    Ok(outcomes.map(|outcomes| results(outcomes, caller.request_id)))
}

/// One operation.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"op": "enroll", "student_id": 4, "course_id": 7}))]
struct NewOperation {
    /// What to do.
    op: OperationName,
    /// The student's id.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    student_id: StudentId,
    /// The course's id.
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    course_id: CourseId,
}

/// What can be done many times at once.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
enum OperationName {
    /// As POST of one enrollment.
    Enroll,
    /// As DELETE of one enrollment.
    Drop,
}

impl Draft for NewOperation {
    fn read(fields: &mut Fields) -> Option<Self> {
        let op = fields.required("op", |value| match value.as_str() {
            Some("enroll") => Ok(OperationName::Enroll),
            Some("drop") => Ok(OperationName::Drop),
            _ => Err("must be `enroll` or `drop`".to_owned()),
        });
        let student_id = fields.required("student_id", fields::id);
        let course_id = fields.required("course_id", fields::id);
        Some(Self { op: op?, student_id: student_id?.into(), course_id: course_id?.into() })
    }
}

impl From<NewOperation> for Operation {
    fn from(NewOperation { op, student_id, course_id }: NewOperation) -> Self {
        match op {
            OperationName::Enroll => Self::Enroll(student_id, course_id),
            OperationName::Drop => Self::Drop(student_id, course_id),
        }
    }
}

/// How the operations belong together.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct HowMany {
    /// What can be done, or all or nothing.
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
    fn takes(self, operations: usize) -> Result<(), Problem> {
        if self == Self::Each || operations <= super::MAX_TOGETHER {
            return Ok(());
        }
        let most = super::MAX_TOGETHER;
        let detail =
            format!("must have {most} objects at most with mode=all, which keeps everybody else waiting");
        Err(invalid(vec![serde_json::json!({"pointer": "", "detail": detail})]))
    }
}

impl Parameters for HowMany {
    const KNOWN: &'static [&'static str] = &["mode"];
}

/// What the operations are answered, in the request `instance`.
fn results(outcomes: Outcomes, instance: Option<Arc<str>>) -> Parts<OperationResult> {
    let results = move |done: Vec<(usize, OperationOutcome)>| -> Vec<_> {
        // Operations that the database failed for failed together: one line in the log is enough.
        let failed = done.iter().find_map(|(_, done)| match done {
            OperationOutcome::Refused(refusal @ Refusal::Engine(_)) => Some(Problem::from(refusal.clone())),
            _ => None,
        });
        failed.inspect(|problem| problem.log(instance.as_deref()));
        done.into_iter().map(|(index, done)| result(index, done, instance.as_deref())).collect()
    };
    Parts { first: results(outcomes.first), rest: outcomes.rest.map(results).boxed() }
}

/// What one operation came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"index": 0, "status": 201, "enrollment": {"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}}))]
pub struct OperationResult {
    /// The operation's place in the request, from 0 on.
    #[schema(minimum = 0)]
    pub index: usize,
    /// What it would have been answered by itself; 424 where it was not done because another one was refused.
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    /// The new enrollment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enrollment: Option<Enrollment>,
    /// The place on the waitlist instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waitlisted: Option<Waitlisted>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::Told>, nullable = false)]
    pub problem: Option<serde_json::Value>,
}

impl OperationResult {
    /// Nothing but a status.
    #[must_use]
    pub fn of(index: usize, status: u16) -> Self {
        Self { index, status, enrollment: None, waitlisted: None, problem: None }
    }
}

/// What an operation is answered.
fn result(index: usize, done: OperationOutcome, instance: Option<&str>) -> OperationResult {
    match done {
        OperationOutcome::Done(Answer::Enrollment(enrollment)) => {
            OperationResult { enrollment: Some(enrollment), ..OperationResult::of(index, 201) }
        }
        OperationOutcome::Done(Answer::Waitlisted(place)) => {
            OperationResult { waitlisted: Some(place.into()), ..OperationResult::of(index, 202) }
        }
        OperationOutcome::Done(_) => OperationResult::of(index, 204),
        OperationOutcome::Refused(refusal) => {
            let problem = Problem::from(refusal);
            let status = problem.kind().status;
            OperationResult { problem: Some(problem.to_json(instance)), ..OperationResult::of(index, status) }
        }
        OperationOutcome::Withheld => OperationResult::of(index, 424),
    }
}
