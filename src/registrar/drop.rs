//! Dropping a course, or leaving its waitlist.

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::{dropped, left, promotions};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::overrides::Override;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;

/// Drop a student from a course, or take them off its waitlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCourse {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// Staff drops the student although the deadline for drops has passed.
    pub r#override: Option<Override>,
    /// What the student has, as somebody saw it before: if by now it is the other, nothing is given up. `None` for either.
    pub gives_up: Option<GivesUp>,
}

/// A seat, or a place on the waitlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivesUp {
    /// The seat.
    Seat,
    /// The place on the waitlist.
    Place,
}

impl DropCourse {
    /// Drops by the rules, without an override.
    #[must_use]
    pub fn new(student_id: StudentId, course_id: CourseId) -> Self {
        Self { student_id, course_id, r#override: None, gives_up: None }
    }
}

impl Command for DropCourse {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        match self.r#override {
            Some(_) => caller.ensure(Right::WriteEnrollments),
            None => caller.ensure_enrolls(self.student_id),
        }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let mut events = self.without_promotions(caller, facts)?;
        if facts.enrollments.contains_key(&(self.student_id, self.course_id)) {
            let limits = facts.limits_of(self.course_id);
            events.extend(promotions(self.course_id, &limits, 1, facts.last_enrollment_id, facts));
        }
        Ok((events, ()))
    }
}

impl DropCourse {
    /// Without the override, if the rules allow the drop.
    pub(super) fn by_the_rules_first(&self, caller: &Caller, facts: &Facts) -> Self {
        let by_the_rules = Self { r#override: None, ..self.clone() };
        let needs_override = by_the_rules.without_promotions(caller, facts).is_err();
        if needs_override { self.clone() } else { by_the_rules }
    }

    /// As [`Command::decide`], but a seat that comes free stays free.
    pub(super) fn without_promotions(&self, caller: &Caller, facts: &Facts) -> Result<Vec<Event>, Refusal> {
        let &Self { student_id, course_id, ref r#override, gives_up } = self;
        match (gives_up, facts.enrollments.get(&(student_id, course_id))) {
            // A seat came free for the student in the meantime.
            (Some(GivesUp::Place), Some(enrollment)) => {
                return Err(Refusal::AlreadyEnrolled(enrollment.clone()));
            }
            (Some(GivesUp::Seat), None) => {
                facts
                    .place(student_id, course_id)
                    .map_or(Ok(()), |place| Err(Refusal::AlreadyWaitlisted(place)))?;
            }
            _ => {}
        }
        let mut event = if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
            self.ensure_in_time(caller, facts)?;
            dropped(enrollment.clone())
        } else if let Some(waiting) = facts.waitlist_entry(student_id, course_id) {
            // Nothing is lost for anybody else, so no deadline applies.
            left(waiting.clone())
        } else {
            facts.student(student_id)?;
            return Err(Refusal::EnrollmentNotFound { student_id, course_id, place: None });
        };
        if let Some(r#override) = r#override {
            event.data["override"] = r#override.data();
        }
        Ok(vec![event])
    }

    /// Students drop from the opening of registration until the deadline for drops or, without one, the end of registration.
    /// Staff drops at any time, but gives a reason after a deadline.
    fn ensure_in_time(&self, caller: &Caller, facts: &Facts) -> Result<(), Refusal> {
        let &Self { student_id, course_id, ref r#override, .. } = self;
        let Some(limits) = facts.limits.get(&course_id) else { return Ok(()) };
        if r#override.is_some() {
            return Ok(());
        }
        let Some(drop_until) = &limits.drop_until else {
            return if caller.is_staff() { Ok(()) } else { facts.ensure_open(student_id, course_id) };
        };
        if *drop_until <= facts.now {
            return Err(Refusal::DropDeadlinePassed { course_id, drop_until: drop_until.clone() });
        }
        if caller.is_staff() { Ok(()) } else { facts.ensure_opened(student_id, course_id) }
    }
}
