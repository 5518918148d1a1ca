//! Seats: the limits of a course, including its registration window.

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::promotions;
use super::event::{Change, Event};
use super::facts::Facts;
use super::fields::ensure_current;
use super::group::GroupWindow;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{CourseId, Limits, LimitsChange, Seats, Version};
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
        needs_groups(&self.limits.group_windows, needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Seats), Refusal> {
        let Self { course_id, limits, expected } = self;
        facts.course(*course_id)?;
        ensure_groups(&limits.group_windows, facts)?;
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
        needs_groups(self.change.group_windows.iter().flatten(), needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Seats), Refusal> {
        facts.course(self.course_id)?;
        ensure_groups(self.change.group_windows.iter().flatten(), facts)?;
        let before = facts.limits_of(self.course_id);
        ensure_current(&before, self.expected.as_deref())?;
        let limits = self.change.apply(before);
        let before_opening = limits.before_opening();
        if !before_opening.is_empty() {
            return Err(Refusal::EndsBeforeOpening(before_opening.into_iter().map(str::to_owned).collect()));
        }
        Ok(set(self.course_id, &limits, facts))
    }
}

fn needs_groups<'a>(windows: impl IntoIterator<Item = &'a GroupWindow>, needs: &mut Needs) {
    windows.into_iter().for_each(|window| needs.group(window.group.clone()));
}

fn ensure_groups<'a>(
    windows: impl IntoIterator<Item = &'a GroupWindow>,
    facts: &Facts,
) -> Result<(), Refusal> {
    windows.into_iter().try_for_each(|window| facts.group(&window.group).map(|_| ()))
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
        group_windows,
    } = &limits;
    let data = json!({
        "capacity": capacity,
        "waitlist_capacity": waitlist_capacity,
        "opens_at": opens_at,
        "closes_at": closes_at,
        "waitlist_closes_at": waitlist_closes_at,
        "drop_until": drop_until,
        "group_windows": group_windows,
    });
    Event::about_course(EventKind::SeatsSet, course_id, Change::SetLimits { course_id, limits, is_first })
        .with_data(data)
}

/// The limits of the course were removed.
pub(super) fn removed(course_id: CourseId) -> Event {
    Event::about_course(EventKind::SeatsRemoved, course_id, Change::DeleteLimits(course_id))
}
