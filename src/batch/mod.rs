//! Many operations at once.

pub mod api;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::enrollments::Waitlisted;
use crate::http::problem::Problem;
use crate::http::reply::Parts;
use crate::registrar::{Answer, Batch, Caller, Done, Enrollment, Operation, Outcome, Refusal, Registrar};

/// Operations that share a commit, where each is done for itself: few enough that others come in between.
const PART: usize = 500;

/// Operations that are done or withheld together at most. They are one commit, for which everybody else who writes waits: in a
/// school of a million students, on one core, up to a quarter of a second where each of them also moves somebody up.
pub const MAX_TOGETHER: usize = 1_000;

/// All of it or nothing, in one commit.
///
/// # Errors
/// Where nothing was tried, or the database failed.
pub async fn all(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Parts<OperationResult>>, Outcome<Refusal>> {
    let done = registrar.submit(Batch { operations, all: true }, caller).await?;
    Ok(done.map(|done| Parts { first: results(0, done, caller), rest: stream::empty().boxed() }))
}

/// What can be done, in a few commits. Once the first is made all are, whether or not somebody takes the results.
///
/// # Errors
/// As [`all`], of the first commit: nothing was changed then.
pub async fn each(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Parts<OperationResult>>, Outcome<Refusal>> {
    let mut parts = operations.chunks(PART).map(<[_]>::to_vec).enumerate().collect::<Vec<_>>().into_iter();
    let in_use = caller.key.as_ref().map(|key| registrar.hold(key)).transpose()?;
    let operations = parts.next().map_or_else(Vec::new, |(_, first)| first);
    let done = registrar.submit(Batch { operations, all: false }, caller).await?;
    let (give, take) = mpsc::unbounded_channel();
    let (registrar, whole) = (registrar.clone(), caller.clone());
    tokio::spawn(async move {
        for (part, operations) in parts {
            let number = i64::try_from(part).unwrap_or(i64::MAX);
            let key = whole.key.as_ref().map(|key| key.part(number));
            let (part_of, count) = (Caller { key, ..whole.clone() }, operations.len());
            let done = match registrar.submit(Batch { operations, all: false }, &part_of).await {
                Ok(done) => done.answer,
                Err(refused) => vec![Done::Refused(refused.answer); count],
            };
            // Nobody may be there to take it any more.
            let _ = give.send(results(part * PART, done, &whole));
        }
        drop(in_use);
    });
    let rest = stream::unfold(take, |mut take| async { take.recv().await.map(|results| (results, take)) });
    Ok(done.map(|done| Parts { first: results(0, done, caller), rest: rest.boxed() }))
}

fn results(first: usize, done: Vec<Done>, caller: &Caller) -> Vec<OperationResult> {
    let request_id = caller.request_id.as_deref();
    // Operations that the database failed for failed together: one line in the log is enough.
    let failed = done.iter().find_map(|done| match done {
        Done::Refused(refusal @ Refusal::Engine(_)) => Some(Problem::from(refusal.clone())),
        _ => None,
    });
    failed.inspect(|problem| problem.log(request_id));
    (first..).zip(done).map(|(index, done)| result(index, done, request_id)).collect()
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
fn result(index: usize, done: Done, instance: Option<&str>) -> OperationResult {
    match done {
        Done::Done(Answer::Enrollment(enrollment)) => {
            OperationResult { enrollment: Some(enrollment), ..OperationResult::of(index, 201) }
        }
        Done::Done(Answer::Waitlisted(place)) => {
            OperationResult { waitlisted: Some(place.into()), ..OperationResult::of(index, 202) }
        }
        Done::Done(_) => OperationResult::of(index, 204),
        Done::Refused(refusal) => {
            let problem = Problem::from(refusal);
            let status = problem.kind().status;
            OperationResult { problem: Some(problem.to_json(instance)), ..OperationResult::of(index, status) }
        }
        Done::Withheld => OperationResult::of(index, 424),
    }
}
