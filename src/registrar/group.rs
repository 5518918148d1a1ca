//! Groups of students: their members can enroll earlier or later than others, and in more or fewer courses.

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::group_name::GroupName;
use super::kinds::EventKind;
use super::limits::Limits;
use super::needs::Needs;
use super::record::StudentId;
use super::refusal::Refusal;
use super::seats::were_set;
use super::standing::Group;

/// Add a group, or change its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetGroup {
    /// The group.
    pub group: Group,
}

impl Command for SetGroup {
    type Answer = Group;

    fn needs(&self, needs: &mut Needs) {
        needs.group(self.group.name.clone());
        needs.changes_standing();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Group), Refusal> {
        let group = &self.group;
        if facts.groups.get(&group.name) == Some(&group.course_limit) {
            return Ok((Vec::new(), group.clone()));
        }
        let data = json!({"group": group.name, "course_limit": group.course_limit});
        let event = Event::about_school(EventKind::GroupSet, Change::SetGroup(group.clone())).with_data(data);
        Ok((vec![event], group.clone()))
    }
}

/// Delete a group. Its members stay students; courses that open for it at a time of its own open for them as for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroup {
    /// The group.
    pub name: GroupName,
}

impl Command for DeleteGroup {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.group(self.name.clone());
        needs.openings_of(self.name.clone());
        needs.changes_standing();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)?;
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let name = &self.name;
        facts.group(name)?;
        let is_named = |limits: &Limits| limits.group_opens_at.contains_key(name);
        let mut courses: Vec<_> = facts.limits.iter().filter(|(_, limits)| is_named(limits)).collect();
        courses.sort_unstable_by_key(|(id, _)| **id);
        let without = |limits: &Limits| {
            let mut limits = limits.clone();
            limits.group_opens_at.remove(name);
            limits
        };
        let mut events: Vec<_> =
            courses.into_iter().map(|(id, limits)| were_set(*id, without(limits), false)).collect();
        let change = Change::DeleteGroup(name.clone());
        events.push(Event::about_school(EventKind::GroupDeleted, change).with_data(json!({"group": name})));
        Ok((events, ()))
    }
}

/// Add a student to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    /// The group.
    pub name: GroupName,
    /// The student.
    pub student_id: StudentId,
}

impl Command for JoinGroup {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.membership(self.name.clone(), self.student_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let Self { name, student_id } = self;
        facts.student(*student_id)?;
        let course_limit = facts.group(name)?;
        if facts.is_member(*student_id, name) {
            return Ok((Vec::new(), ()));
        }
        let group = Group { name: name.clone(), course_limit };
        let change = Change::JoinGroup(group, *student_id);
        Ok((vec![about_member(EventKind::GroupJoined, name, *student_id, change)], ()))
    }
}

/// Take a student out of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroup {
    /// The group.
    pub name: GroupName,
    /// The student.
    pub student_id: StudentId,
}

impl Command for LeaveGroup {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.membership(self.name.clone(), self.student_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let Self { name, student_id } = self;
        facts.student(*student_id)?;
        facts.group(name)?;
        if !facts.is_member(*student_id, name) {
            return Err(Refusal::NotInGroup { group: name.clone(), student_id: *student_id });
        }
        let change = Change::LeaveGroup(name.clone(), *student_id);
        Ok((vec![about_member(EventKind::GroupLeft, name, *student_id, change)], ()))
    }
}

fn about_member(kind: EventKind, name: &GroupName, student_id: StudentId, change: Change) -> Event {
    Event::about_student(kind, student_id, change).with_data(json!({"group": name}))
}
