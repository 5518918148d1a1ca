//! Imports: the steps of a plan, each of which happens exactly as planned or not at all.

use std::sync::Arc;

use super::answer::{Admission, Answer, OperationOutcome};
use super::caller::{Caller, Right};
use super::command::{Command, Decision, carry_out_in_order};
use super::course::{CreateCourse, DeleteCourse, UpdateCourse};
use super::drop::DropCourse;
use super::enrollment::Enroll;
use super::event::{Change, Event};
use super::facts::Facts;
use super::group::{JoinGroup, LeaveGroup};
use super::import_groups::{GroupedStudent, UnmakeGroup};
use super::needs::Needs;
use super::record::{CourseId, Ended, EnrollmentId, StudentId};
use super::refusal::Refusal;
use super::restore::Restore;
use super::student::{CreateStudent, DeleteStudent, UpdateStudent};

/// Steps of an import, carried out in order; each sees the changes of the steps before it. A refused step does not
/// affect the others. Each event has the import in its data.
#[derive(Clone, Debug)]
pub struct ImportPart {
    /// The import.
    pub import_id: i64,
    /// The random text of the worker, stored when it began.
    pub worker: Arc<str>,
    /// Whether the steps undo the import.
    pub undoes: bool,
    /// The steps, each with the number of its row.
    pub steps: Vec<(i64, ImportStep)>,
}

/// A step of a plan.
#[derive(Clone, Debug)]
pub enum ImportStep {
    /// See [`CreateStudent`].
    AddStudent(CreateStudent),
    /// See [`UpdateStudent`].
    ChangeStudent(UpdateStudent),
    /// See [`DeleteStudent`].
    RemoveStudent(DeleteStudent),
    /// See [`CreateCourse`].
    AddCourse(CreateCourse),
    /// See [`UpdateCourse`].
    ChangeCourse(UpdateCourse),
    /// See [`DeleteCourse`].
    RemoveCourse(DeleteCourse),
    /// See [`Enroll`]: with a seat, and not on the waitlist. With an override it is always a seat.
    Enroll(Enroll),
    /// See [`Enroll`]: on the waitlist, and not with a seat.
    Wait(Enroll),
    /// Ends this enrollment, but not a later one of the same student in the course. An override is used only if the rules
    /// do not allow the drop.
    DropEnrollment(DropCourse, EnrollmentId),
    /// See [`Restore`].
    Restore(Restore),
    /// See [`GroupedStudent`].
    Grouped(Box<GroupedStudent>),
    /// See [`JoinGroup`].
    JoinGroup(JoinGroup),
    /// See [`LeaveGroup`].
    LeaveGroup(LeaveGroup),
    /// See [`UnmakeGroup`].
    UnmakeGroup(UnmakeGroup),
    /// Takes the student off the waitlist, if they joined it with this entry of the log and have not left since.
    LeaveWaitlist(DropCourse, i64),
}

impl ImportStep {
    fn needs(&self, needs: &mut Needs) {
        match self {
            Self::AddStudent(step) => step.needs(needs),
            Self::ChangeStudent(step) => step.needs(needs),
            Self::RemoveStudent(step) => step.needs(needs),
            Self::AddCourse(step) => step.needs(needs),
            Self::ChangeCourse(step) => step.needs(needs),
            Self::RemoveCourse(step) => step.needs(needs),
            Self::Enroll(step) | Self::Wait(step) => step.needs(needs),
            Self::Restore(step) => step.needs(needs),
            Self::Grouped(step) => step.needs(needs),
            Self::JoinGroup(step) => step.needs(needs),
            Self::LeaveGroup(step) => step.needs(needs),
            Self::UnmakeGroup(step) => step.needs(needs),
            Self::DropEnrollment(step, _) | Self::LeaveWaitlist(step, _) => {
                step.needs(needs);
            }
        }
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        match self {
            Self::AddStudent(step) => answered(step.carry_out(caller, facts)),
            Self::ChangeStudent(step) => answered(step.carry_out(caller, facts)),
            Self::RemoveStudent(step) => answered(step.carry_out(caller, facts)),
            Self::AddCourse(step) => answered(step.carry_out(caller, facts)),
            Self::ChangeCourse(step) => answered(step.carry_out(caller, facts)),
            Self::RemoveCourse(step) => answered(step.carry_out(caller, facts)),
            Self::Enroll(step) => admitted(step, true, caller, facts),
            Self::Wait(step) => admitted(step, false, caller, facts),
            Self::Restore(step) => answered(step.carry_out(caller, facts)),
            Self::Grouped(step) => step.carry_out(caller, facts),
            Self::JoinGroup(step) => answered(step.carry_out(caller, facts)),
            Self::LeaveGroup(step) => answered(step.carry_out(caller, facts)),
            Self::UnmakeGroup(step) => step.carry_out(caller, facts),
            Self::DropEnrollment(step, id) => {
                let &DropCourse { student_id, course_id, .. } = step;
                let present = facts.enrollments.get(&(student_id, course_id));
                let gone = Refusal::EnrollmentNotFound { student_id, course_id, place: None };
                ensure_unchanged(present.ok_or(gone)?.id == *id)?;
                step.permit(caller)?;
                answered(step.by_the_rules_first(caller, facts).carry_out(caller, facts))
            }
            Self::LeaveWaitlist(step, joined_seq) => {
                let &DropCourse { student_id, course_id, .. } = step;
                let present = facts.waitlist_entry(student_id, course_id);
                let gone = Refusal::EnrollmentNotFound { student_id, course_id, place: None };
                // A student who has a seat by now has not just left.
                ensure_unchanged(!facts.enrollments.contains_key(&(student_id, course_id)))?;
                ensure_unchanged(present.ok_or(gone)?.joined_seq == *joined_seq)?;
                answered(step.carry_out(caller, facts))
            }
        }
    }
}

impl ImportStep {
    /// The pair whose enrollment or place on the waitlist it ends.
    fn ends(&self) -> Option<(StudentId, CourseId)> {
        match self {
            Self::DropEnrollment(step, _) | Self::LeaveWaitlist(step, _) => {
                Some((step.student_id, step.course_id))
            }
            _ => None,
        }
    }

    /// Checks that what it ends has not ended and been restored since: then somebody wants it to be there.
    ///
    /// # Errors
    /// [`Refusal::PlanChanged`].
    fn ensure_not_restored(&self, facts: &Facts) -> Result<(), Refusal> {
        let ended = self.ends().and_then(|pair| facts.ended.get(&pair));
        let is_restored = match (self, ended) {
            (Self::DropEnrollment(drop, id), Some(Ended::Seat(row))) => {
                row.id == *id && facts.enrollments.contains_key(&(drop.student_id, drop.course_id))
            }
            (Self::LeaveWaitlist(drop, seq), Some(Ended::Place(entry))) => {
                entry.joined_seq == *seq && facts.waitlist_entry(drop.student_id, drop.course_id).is_some()
            }
            _ => false,
        };
        ensure_unchanged(!is_restored)
    }
}

fn ensure_unchanged(is_unchanged: bool) -> Result<(), Refusal> {
    if is_unchanged { Ok(()) } else { Err(Refusal::PlanChanged) }
}

fn answered<A: Into<Answer>>(done: Result<(Vec<Event>, A), Refusal>) -> Decision {
    done.map(|(events, answer)| (events, answer.into()))
}

/// Enrolls the student if that gives them what was planned: a seat, or a place on the waitlist. Where the rules allow a seat,
/// the override is not used.
fn admitted(step: &Enroll, with_seat: bool, caller: &Caller, facts: &mut Facts) -> Decision {
    step.permit(caller)?;
    let by_the_rules = Enroll::new(step.student_id, step.course_id);
    // A seat may have become free since the plan was made: then there is no exception to log.
    let is_needed = !matches!(by_the_rules.decide(caller, facts), Ok((_, Admission::Enrolled(_))));
    let step = if is_needed { step } else { &by_the_rules };
    let (_, admission) = step.decide(caller, facts)?;
    if matches!(admission, Admission::Enrolled(_)) != with_seat {
        return Err(Refusal::PlanChanged);
    }
    answered(step.carry_out(caller, facts))
}

impl ImportPart {
    /// The event with the import and the number of the row in its data.
    fn marked(&self, mut event: Event, row: i64) -> Event {
        let import = if self.undoes { "undone_import" } else { "import" };
        event.data[import] = self.import_id.into();
        event.data["row"] = row.into();
        event
    }
}

impl Command for ImportPart {
    type Answer = Vec<OperationOutcome>;

    fn needs(&self, needs: &mut Needs) {
        needs.import(self.import_id);
        for (_, step) in &self.steps {
            step.needs(needs);
            if let Some((student_id, course_id)) = step.ends().filter(|_| self.undoes) {
                needs.ended(student_id, course_id);
            }
        }
    }

    /// Each step is asked about by itself.
    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteEnrollments)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    fn carry_out(
        &self,
        caller: &Caller,
        facts: &mut Facts,
    ) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        if facts.import_workers.get(&self.import_id).map(String::as_str) != Some(&*self.worker) {
            return Err(Refusal::ImportTaken);
        }
        let first_seq = facts.last_seq + 1;
        let (mut events, done) = carry_out_in_order(&self.steps, facts, |(row, step), facts| {
            if self.undoes {
                step.ensure_not_restored(facts)?;
            }
            let (events, answer) = step.carry_out(caller, facts)?;
            Ok((events.into_iter().map(|event| self.marked(event, *row)).collect(), answer))
        });
        if let Some(last) = events.last_mut().filter(|_| !self.undoes) {
            let (import_id, last_seq) = (self.import_id, facts.last_seq);
            last.changes.push(Change::LogImport { import_id, first_seq, last_seq });
        }
        Ok((events, done))
    }

    fn weight(&self) -> usize {
        self.steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::super::overrides::Override;
    use super::super::record::{Course, Student};
    use super::super::records::Record as _;
    use super::*;

    #[test]
    fn a_step_with_an_override_is_a_seat_and_never_a_place_on_the_waitlist() {
        let (student_id, course_id) = (StudentId(1), CourseId(7));
        let limits = Limits { capacity: Some(0), waitlist_capacity: 9, ..Limits::default() };
        let before = Facts {
            students: [(student_id, Student::empty(student_id))].into(),
            courses: [(course_id, Course::empty(course_id))].into(),
            limits: [(course_id, limits)].into(),
            import_workers: [(3, "worker".to_owned())].into(),
            ..Facts::default()
        };
        let r#override = Override::new(Some("the dean".to_owned())).ok();
        let enroll = Enroll { r#override, ..Enroll::new(student_id, course_id) };
        let carry_out = |step| {
            let steps = vec![(5, step)];
            let part = ImportPart { import_id: 3, worker: "worker".into(), undoes: false, steps };
            part.carry_out(&Caller::default(), &mut before.clone()).unwrap()
        };

        let (events, done) = carry_out(ImportStep::Enroll(enroll.clone()));
        assert!(matches!(done[0], OperationOutcome::Done(Answer::Enrollment(_))), "{done:?}");
        let data = r#"{"override":{"reason":"the dean"},"import":3,"row":5}"#;
        assert_eq!(events[0].data, serde_json::from_str::<serde_json::Value>(data).unwrap());

        let (events, done) = carry_out(ImportStep::Wait(enroll));
        assert_eq!((events, done), (vec![], vec![OperationOutcome::Refused(Refusal::PlanChanged)]));
        let (_, done) = carry_out(ImportStep::Enroll(Enroll::new(student_id, course_id)));
        assert_eq!(done, [OperationOutcome::Refused(Refusal::PlanChanged)]);
    }
}
