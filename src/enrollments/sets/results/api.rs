//! The API of what became of each course.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::enrollments::Waitlisted;
use crate::http::problem::Problem;
use crate::http::reply::Results;
use crate::registrar::{Answer, CourseId, Enrollment, OperationOutcome, Outcome, Refusal};

/// How it counts that the student already takes a course, or waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::enrollments::sets) enum Kept {
    /// As it should be.
    Found,
    /// As a refusal.
    Refused,
}

/// A result for each course, or the problem of the first one that stands in the way. The outcomes of other courses, which
/// were dropped, follow those of the courses in the list.
pub(in crate::enrollments::sets) fn all_done(
    done: Outcome<Vec<OperationOutcome>>,
    course_ids: &[CourseId],
    kept: Kept,
    instance: Option<&str>,
) -> Result<Outcome<Results<CourseResult>>, Problem> {
    let Outcome { answer: outcomes, replayed } = done;
    let refusal = outcomes.iter().find_map(|outcome| match outcome {
        OperationOutcome::Refused(Refusal::AlreadyEnrolled(_) | Refusal::AlreadyWaitlisted(_))
            if kept == Kept::Found =>
        {
            None
        }
        OperationOutcome::Refused(refusal) => Some(refusal.clone()),
        _ => None,
    });
    let listed = course_ids.iter().copied().map(Some).chain(std::iter::repeat(None));
    let results = outcomes.into_iter().zip(listed);
    let results: Vec<_> =
        results.filter_map(|(outcome, id)| CourseResult::new(outcome, id, kept, instance)).collect();
    match refusal {
        None => Ok(Outcome { answer: Results(results), replayed }),
        Some(refusal) => {
            let problem = Problem::from(Outcome { answer: refusal, replayed });
            Err(problem.with("results", json!(results)))
        }
    }
}

/// What became of one course.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"course_id": 7, "status": 201, "enrollment": {"id": 1, "student_id": 4, "course_id": 7, "enrolled_at": "2026-09-01T08:00:00.000Z"}}))]
pub struct CourseResult {
    /// The course.
    pub course_id: CourseId,
    /// 201 for a new enrollment, 200 for one that stays, 202 for a place on the waitlist, 204 for a course that was dropped;
    /// where nothing was changed, the status of the problem, 424 if another course stood in the way, or 200 if the student has
    /// the course already.
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    /// The enrollment, new or as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enrollment: Option<Enrollment>,
    /// The place on the waitlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waitlisted: Option<Waitlisted>,
    /// Why nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::ProblemBody>, nullable = false)]
    pub problem: Option<Value>,
}

impl CourseResult {
    /// The result of a course in the list, or of another one, which was to be dropped; `None` for one of these that another
    /// course stood in the way of.
    fn new(
        outcome: OperationOutcome,
        listed: Option<CourseId>,
        kept: Kept,
        instance: Option<&str>,
    ) -> Option<Self> {
        let with_status =
            |course_id, status| Self { course_id, status, enrollment: None, waitlisted: None, problem: None };
        let enrolled = |status, enrollment: Enrollment| {
            let course_id = enrollment.course_id;
            Some(Self { enrollment: Some(enrollment), ..with_status(course_id, status) })
        };
        match outcome {
            OperationOutcome::Done(Answer::Enrollment(dropped)) if listed.is_none() => {
                Some(with_status(dropped.course_id, 204))
            }
            OperationOutcome::Done(Answer::Enrollment(enrollment)) => enrolled(201, enrollment),
            OperationOutcome::Refused(Refusal::AlreadyEnrolled(enrollment)) if kept == Kept::Found => {
                enrolled(200, enrollment)
            }
            OperationOutcome::Done(Answer::Waitlisted(place)) => {
                Some(Self { waitlisted: Some(place.clone().into()), ..with_status(place.course_id, 202) })
            }
            OperationOutcome::Refused(Refusal::AlreadyWaitlisted(place)) if kept == Kept::Found => {
                Some(Self { waitlisted: Some(place.clone().into()), ..with_status(place.course_id, 202) })
            }
            OperationOutcome::Refused(refusal) => {
                let course_id = listed.or_else(|| course_of(&refusal))?;
                let problem = Problem::from(refusal);
                let status = problem.kind().status;
                Some(Self { problem: Some(problem.to_json(instance)), ..with_status(course_id, status) })
            }
            OperationOutcome::Done(_) | OperationOutcome::Withheld => {
                listed.map(|course_id| with_status(course_id, 424))
            }
        }
    }
}

/// The course from which a student was not dropped.
fn course_of(refusal: &Refusal) -> Option<CourseId> {
    match refusal {
        Refusal::RegistrationNotOpen { course_id, .. }
        | Refusal::RegistrationClosed { course_id, .. }
        | Refusal::DropDeadlinePassed { course_id, .. } => Some(*course_id),
        _ => None,
    }
}
