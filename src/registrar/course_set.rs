//! A student's complete set of courses.

use super::answer::{Answer, OperationOutcome};
use super::batch::{Batch, Operation};
use super::caller::{Caller, Right};
use super::command::Command;
use super::drop::DropCourse;
use super::enrollment::Enroll;
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::overrides::Override;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Make these the courses of a student: enroll the student in those that are missing, and drop all others. All of it, or
/// nothing. A place on a waitlist is no course: it stays, also if its course is not in the set.
///
/// The answer has an outcome for each course of the set, in its order: what the student has already is a
/// [`Refusal::AlreadyEnrolled`] or [`Refusal::AlreadyWaitlisted`]. The enrollments that were dropped follow, or why they
/// were not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCourses {
    /// The student.
    pub student_id: StudentId,
    /// The courses, each once.
    pub course_ids: Vec<CourseId>,
    /// Staff goes beyond the limits of the courses.
    pub r#override: Option<Override>,
    /// Whether the student goes on the waitlists of courses that are full.
    pub wait: bool,
}

impl SetCourses {
    fn enroll(&self, course_id: CourseId) -> Enroll {
        let r#override = self.r#override.clone();
        Enroll { r#override, wait: self.wait, ..Enroll::new(self.student_id, course_id) }
    }

    /// What the student has in the course already, and keeps.
    fn kept(&self, course_id: CourseId, caller: &Caller, facts: &Facts) -> Option<Refusal> {
        let pair = (self.student_id, course_id);
        if let Some(enrollment) = facts.enrollments.get(&pair) {
            return Some(Refusal::AlreadyEnrolled(enrollment.clone()));
        }
        let place = facts.place(self.student_id, course_id)?;
        // A student who waits gets a seat only if it is there for them, or staff gives it.
        let is_refused = self.enroll(course_id).decide(caller, facts).is_err();
        is_refused.then_some(Refusal::AlreadyWaitlisted(place))
    }
}

impl Command for SetCourses {
    type Answer = Vec<OperationOutcome>;

    fn enrolls(&self, operation: usize) -> Option<(StudentId, CourseId)> {
        self.course_ids.get(operation).map(|course_id| (self.student_id, *course_id))
    }

    fn needs(&self, needs: &mut Needs) {
        needs.all_of_student(self.student_id);
        for course_id in &self.course_ids {
            needs.pair(self.student_id, *course_id);
        }
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        match self.r#override {
            Some(_) => caller.ensure(Right::WriteEnrollments),
            None => caller.ensure_enrolls(self.student_id),
        }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    fn carry_out(
        &self,
        caller: &Caller,
        facts: &mut Facts,
    ) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.permit(caller)?;
        facts.student(self.student_id)?;
        let mut others: Vec<_> = facts.enrollments_of_student(self.student_id).cloned().collect();
        others.retain(|enrollment| !self.course_ids.contains(&enrollment.course_id));
        others.sort_unstable_by_key(|enrollment| enrollment.id);
        let drop = |course_id| {
            let r#override = self.r#override.clone();
            let drop = DropCourse { r#override, ..DropCourse::new(self.student_id, course_id) };
            Operation::Drop(drop.by_the_rules_first(caller, facts))
        };
        let mut operations: Vec<_> = others.iter().map(|enrollment| drop(enrollment.course_id)).collect();
        let kept: Vec<_> = self.course_ids.iter().map(|id| self.kept(*id, caller, facts)).collect();
        let missing = self.course_ids.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        operations.extend(missing.map(|(course_id, _)| Operation::Enroll(self.enroll(*course_id))));

        let (events, outcomes) = Batch { operations, all_or_nothing: true }.carry_out(caller, facts)?;

        let mut outcomes = outcomes.into_iter();
        let dropped: Vec<_> = others
            .into_iter()
            .zip(outcomes.by_ref())
            .map(|(enrollment, outcome)| match outcome {
                OperationOutcome::Done(_) => OperationOutcome::Done(Answer::Enrollment(enrollment)),
                not_done => not_done,
            })
            .collect();
        let listed = kept.into_iter().map(|kept| match kept {
            Some(kept) => OperationOutcome::Refused(kept),
            None => outcomes.next().unwrap_or(OperationOutcome::Withheld),
        });
        Ok((events, listed.chain(dropped).collect()))
    }

    fn weight(&self) -> usize {
        self.course_ids.len().max(1)
    }
}
