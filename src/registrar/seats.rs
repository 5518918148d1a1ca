//! Seats: the limits of a course, including its registration window.

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::promotions;
use super::event::{Change, Event};
use super::facts::Facts;
use super::fields::ensure_current;
use super::group_name::{GroupName, MAX_GROUP_OPENINGS};
use super::kinds::EventKind;
use super::limits::{GroupOpenings, Limits, LimitsChange};
use super::needs::Needs;
use super::record::{CourseId, Seats, Version};
use super::refusal::Refusal;
use crate::count::to_i64;

/// Set the limits of a course. No enrolled student is dropped, even if there are more students than seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSeats {
    /// The course.
    pub course_id: CourseId,
    /// The new limits; they replace the old ones.
    pub limits: Limits,
    /// Set them only if the present limits have one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl Command for SetSeats {
    type Answer = Seats;

    fn needs(&self, needs: &mut Needs) {
        needs.seats(self.course_id);
        needs_groups(self.limits.group_opens_at.keys(), needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Seats), Refusal> {
        let Self { course_id, limits, expected } = self;
        facts.course(*course_id)?;
        ensure_few_openings(limits)?;
        ensure_groups(limits.group_opens_at.keys(), facts)?;
        ensure_current(&facts.limits_of(*course_id), expected.as_deref())?;
        Ok(set(*course_id, limits, facts))
    }
}

/// Change some of the limits of a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSeats {
    /// The course.
    pub course_id: CourseId,
    /// What changes.
    pub change: LimitsChange,
    /// Change them only if the present limits have one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl Command for ChangeSeats {
    type Answer = Seats;

    fn needs(&self, needs: &mut Needs) {
        needs.seats(self.course_id);
        needs_groups(self.change.group_opens_at.iter().flat_map(GroupOpenings::groups), needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Seats), Refusal> {
        facts.course(self.course_id)?;
        ensure_groups(self.change.group_opens_at.iter().flat_map(GroupOpenings::groups), facts)?;
        let before = facts.limits_of(self.course_id);
        ensure_current(&before, self.expected.as_deref())?;
        let limits = self.change.apply(before);
        ensure_few_openings(&limits)?;
        let before_opening = limits.before_opening();
        if !before_opening.is_empty() {
            return Err(Refusal::EndsBeforeOpening(before_opening.into_iter().map(str::to_owned).collect()));
        }
        Ok(set(self.course_id, &limits, facts))
    }
}

fn ensure_few_openings(limits: &Limits) -> Result<(), Refusal> {
    if limits.group_opens_at.len() > MAX_GROUP_OPENINGS { Err(Refusal::TooManyGroupOpenings) } else { Ok(()) }
}

fn needs_groups<'a>(groups: impl Iterator<Item = &'a GroupName>, needs: &mut Needs) {
    groups.for_each(|group| needs.group(group.clone()));
}

fn ensure_groups<'a>(mut groups: impl Iterator<Item = &'a GroupName>, facts: &Facts) -> Result<(), Refusal> {
    groups.try_for_each(|group| facts.group(group).map(|_| ()))
}

/// Sets the limits, and moves up students who get a seat by that.
fn set(course_id: CourseId, limits: &Limits, facts: &Facts) -> (Vec<Event>, Seats) {
    let seats = facts.seats_of(course_id);
    let before = facts.limits.get(&course_id);
    if before == Some(limits) {
        return (Vec::new(), seats);
    }
    let promoted = promotions(course_id, limits, 0, facts.last_enrollment_id, facts);
    let moved = to_i64(promoted.len());
    let answer = Seats::new(limits.clone(), seats.enrolled + moved, seats.waitlisted - moved);
    ([vec![were_set(course_id, limits.clone(), before.is_none())], promoted].concat(), answer)
}

/// Remove the limits of a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveSeats {
    /// The course.
    pub course_id: CourseId,
}

impl Command for RemoveSeats {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.seats(self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let course_id = self.course_id;
        facts.course(course_id)?;
        if !facts.limits.contains_key(&course_id) {
            return Ok((Vec::new(), ()));
        }
        let promoted = promotions(course_id, &Limits::default(), 0, facts.last_enrollment_id, facts);
        Ok(([vec![removed(course_id)], promoted].concat(), ()))
    }
}

/// The limits of the course were set.
pub(super) fn were_set(course_id: CourseId, limits: Limits, is_first: bool) -> Event {
    let Limits {
        capacity,
        waitlist_capacity,
        opens_at,
        closes_at,
        waitlist_closes_at,
        drop_until,
        group_opens_at,
    } = &limits;
    let data = json!({
        "capacity": capacity,
        "waitlist_capacity": waitlist_capacity,
        "opens_at": opens_at,
        "closes_at": closes_at,
        "waitlist_closes_at": waitlist_closes_at,
        "drop_until": drop_until,
        "group_opens_at": group_opens_at,
    });
    Event::about_course(EventKind::SeatsSet, course_id, Change::SetLimits { course_id, limits, is_first })
        .with_data(data)
}

/// The limits of the course were removed.
pub(super) fn removed(course_id: CourseId) -> Event {
    Event::about_course(EventKind::SeatsRemoved, course_id, Change::DeleteLimits(course_id))
}
