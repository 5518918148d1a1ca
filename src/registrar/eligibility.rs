//! Whether a student may enroll at all, and when: by their groups, their holds, and the number of their courses.

use super::event::Change;
use super::facts::Facts;
use super::group_name::GroupName;
use super::limits::Limits;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;
use super::standing::Hold;
use crate::clock::Stamp;

impl Facts {
    /// Returns the limit of courses of an existing group.
    pub(super) fn group(&self, name: &GroupName) -> Result<Option<i64>, Refusal> {
        self.groups.get(name).copied().ok_or_else(|| Refusal::GroupNotFound(name.clone()))
    }

    pub(super) fn is_member(&self, student_id: StudentId, name: &GroupName) -> bool {
        self.standings.get(&student_id).is_some_and(|standing| standing.groups.contains_key(name))
    }

    pub(super) fn holds_of(&self, student_id: StudentId) -> &[Hold] {
        self.standings.get(&student_id).map_or(&[], |standing| &standing.holds)
    }

    /// When registration for a course with these limits opens for the student; `None` if it is open.
    fn opening_for<'a>(&self, student_id: StudentId, limits: &'a Limits) -> Option<&'a Stamp> {
        limits.opening_for(|group| self.is_member(student_id, group))
    }

    /// Checks the registration window: open from the student's opening (inclusive) to `closes_at` (exclusive).
    pub(super) fn ensure_open(&self, student_id: StudentId, course_id: CourseId) -> Result<(), Refusal> {
        let Some(limits) = self.limits.get(&course_id) else { return Ok(()) };
        if limits.closes_at.as_ref().is_some_and(|closes_at| *closes_at <= self.now) {
            return Err(Refusal::RegistrationClosed { course_id, limits: Box::new(limits.clone()) });
        }
        self.ensure_opened(student_id, course_id)
    }

    /// Checks only the beginning of the registration window.
    pub(super) fn ensure_opened(&self, student_id: StudentId, course_id: CourseId) -> Result<(), Refusal> {
        let Some(limits) = self.limits.get(&course_id) else { return Ok(()) };
        match self.opening_for(student_id, limits) {
            Some(opens_at) if self.now < *opens_at => {
                let limits = Limits { opens_at: Some(opens_at.clone()), ..limits.clone() };
                Err(Refusal::RegistrationNotOpen { course_id, limits: Box::new(limits) })
            }
            _ => Ok(()),
        }
    }

    /// Checks that the student has no hold.
    pub(super) fn ensure_no_hold(&self, student_id: StudentId) -> Result<(), Refusal> {
        match self.holds_of(student_id) {
            [] => Ok(()),
            holds => Err(Refusal::OnHold { student_id, holds: holds.to_vec() }),
        }
    }

    /// Checks that the student may have one more course. One in place of a course that the same command gives up is not one
    /// more, also for a student who has more courses than a limit that was lowered since.
    pub(super) fn ensure_may_have_another_course(
        &self,
        student_id: StudentId,
        in_place_of: Option<CourseId>,
    ) -> Result<(), Refusal> {
        let Some(standing) = self.standings.get(&student_id) else { return Ok(()) };
        let Some(course_limit) = standing.course_limit(self.rules.course_limit) else { return Ok(()) };
        let gives_up = in_place_of
            .map(|course_id| (student_id, course_id))
            .is_some_and(|pair| self.enrollments.contains_key(&pair) || self.swapped.contains(&pair));
        let swapped = self.swapped.iter().filter(|(id, _)| *id == student_id);
        let courses = swapped.fold(standing.courses, |courses, _| courses + 1);
        if gives_up || courses < course_limit {
            return Ok(());
        }
        Err(Refusal::CourseLimitReached { student_id, course_limit, courses })
    }

    /// Forgets a student who is gone.
    pub(super) fn forget_standing(&mut self, id: StudentId) {
        for name in self.standings.remove(&id).unwrap_or_default().groups.into_keys() {
            self.group_sizes.entry(name).and_modify(|size| *size -= 1);
        }
    }

    /// Applies a change of groups, holds or rules.
    pub(super) fn change_standing(&mut self, change: &Change) {
        match change {
            Change::SetRules(rules) => self.rules = rules.clone(),
            Change::SetGroup(group) => {
                self.groups.insert(group.name.clone(), group.course_limit);
                for standing in self.standings.values_mut() {
                    standing.groups.entry(group.name.clone()).and_modify(|limit| *limit = group.course_limit);
                }
            }
            Change::DeleteGroup(name) => {
                self.groups.remove(name);
                self.group_sizes.entry(name.clone()).and_modify(|size| *size = 0);
                for standing in self.standings.values_mut() {
                    standing.groups.remove(name);
                }
            }
            Change::JoinGroup(group, student_id) => {
                let standing = self.standings.entry(*student_id).or_default();
                if standing.groups.insert(group.name.clone(), group.course_limit).is_none() {
                    self.group_sizes.entry(group.name.clone()).and_modify(|size| *size += 1);
                }
            }
            Change::LeaveGroup(name, student_id) => {
                let standing = self.standings.entry(*student_id).or_default();
                if standing.groups.remove(name).is_some() {
                    self.group_sizes.entry(name.clone()).and_modify(|size| *size -= 1);
                }
            }
            Change::AddHold(hold) => {
                self.standings.entry(hold.student_id).or_default().holds.push(hold.clone());
                self.mark_on_hold(hold.student_id);
            }
            Change::RemoveHold(hold) => {
                let standing = self.standings.entry(hold.student_id).or_default();
                standing.holds.retain(|other| other.id != hold.id);
                self.mark_on_hold(hold.student_id);
            }
            _ => debug_assert!(false, "changes no standing: {change:?}"),
        }
    }

    /// Marks the student's places on waitlists as those of a student with a hold or without one.
    fn mark_on_hold(&mut self, student_id: StudentId) {
        let is_on_hold = !self.holds_of(student_id).is_empty();
        for waitlist in self.waitlists.values_mut() {
            waitlist.set_on_hold(student_id, is_on_hold);
        }
    }

    /// Counts a course that the student has from now on, or no more.
    pub(super) fn count_course(&mut self, student_id: StudentId, change: i64) {
        if let Some(standing) = self.standings.get_mut(&student_id) {
            standing.courses += change;
        }
    }
}
