//! Instructors are assigned to courses, whose rosters, waitlists and past they then see.

use serde_json::json;

use super::caller::{Caller, Right, Role};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::CourseId;
use super::refusal::Refusal;

/// Assign an instructor to a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignInstructor {
    /// The course.
    pub course_id: CourseId,
    /// The account.
    pub account_id: i64,
}

impl Command for AssignInstructor {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.course(self.course_id);
        needs.account(self.account_id);
        needs.instructor(self.course_id, self.account_id);
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let &Self { course_id, account_id } = self;
        facts.course(course_id)?;
        let account = facts.accounts.get(&account_id).ok_or(Refusal::AccountNotFound(account_id))?;
        if account.role != Role::Instructor || account.disabled_at.is_some() {
            return Err(Refusal::NotAnInstructor(account_id));
        }
        if facts.instructors.contains(&(course_id, account_id)) {
            return Ok((Vec::new(), ()));
        }
        let change = Change::AddInstructor(course_id, account_id);
        Ok((vec![event(EventKind::InstructorAssigned, course_id, account_id, change)], ()))
    }
}

/// Remove an instructor from a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveInstructor {
    /// The course.
    pub course_id: CourseId,
    /// The account.
    pub account_id: i64,
}

impl Command for RemoveInstructor {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.course(self.course_id);
        needs.instructor(self.course_id, self.account_id);
        needs.changes_access();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let &Self { course_id, account_id } = self;
        facts.course(course_id)?;
        if !facts.instructors.contains(&(course_id, account_id)) {
            return Err(Refusal::InstructorNotFound { course_id, account_id });
        }
        let change = Change::RemoveInstructor(course_id, account_id);
        Ok((vec![event(EventKind::InstructorRemoved, course_id, account_id, change)], ()))
    }
}

fn event(kind: EventKind, course_id: CourseId, account_id: i64, change: Change) -> Event {
    Event::about_course(kind, course_id, change).with_data(json!({"account_id": account_id}))
}
