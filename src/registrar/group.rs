//! Groups of students: their members can enroll earlier or later than others, and in more or fewer courses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{Limits, StudentId};
use super::refusal::Refusal;
use super::seats::were_set;
use crate::clock::Stamp;
use crate::text::record_text;

/// The maximum number of courses that a rule can name.
pub const MAX_COURSE_LIMIT: i64 = 1_000;

/// The maximum length of the name of a group, in characters.
pub const MAX_GROUP_NAME: usize = 100;

/// The maximum number of groups with times of their own in one course.
pub const MAX_GROUP_WINDOWS: usize = 100;

/// The name of a group, by which it is known: exactly as it is written, at most [`MAX_GROUP_NAME`] characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100)]
pub struct GroupName(String);

impl GroupName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name as the database has it.
    #[must_use]
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }
}

impl FromStr for GroupName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = record_text(text)?;
        match name.chars().count() {
            length if length > MAX_GROUP_NAME => {
                Err(format!("must have at most {MAX_GROUP_NAME} characters, not {length}"))
            }
            _ => Ok(Self(name)),
        }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A group of students.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Seniors", "course_limit": 8}))]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The most courses of a member, places on waitlists included; null is the limit of the whole school. A member of several
    /// groups has the lowest of their limits.
    #[schema(required, minimum = 0, maximum = 1_000)]
    pub course_limit: Option<i64>,
}

/// From when on the members of a group enroll in a course, in place of the course's `opens_at`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"group": "Seniors", "opens_at": "2026-08-25T08:00:00.000Z"}))]
pub struct GroupWindow {
    /// The group.
    pub group: GroupName,
    /// Its members enroll from this time on; RFC 3339, UTC, milliseconds.
    pub opens_at: Stamp,
}

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
        needs.all_group_windows();
        needs.changes_standing();
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)?;
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let name = &self.name;
        facts.group(name)?;
        let is_named = |limits: &Limits| limits.group_windows.iter().any(|window| window.group == *name);
        let mut courses: Vec<_> = facts.limits.iter().filter(|(_, limits)| is_named(limits)).collect();
        courses.sort_unstable_by_key(|(id, _)| **id);
        let without = |limits: &Limits| {
            let mut limits = limits.clone();
            limits.group_windows.retain(|window| window.group != *name);
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
