//! Changes of the seats of many courses: each happens exactly as it was shown, or not at all.

use std::sync::Arc;

use super::answer::OperationOutcome;
use super::caller::{Caller, Right};
use super::command::{Command, carry_out_in_order};
use super::event::{Change, Event};
use super::facts::Facts;
use super::limits::Limits;
use super::needs::Needs;
use super::record::CourseId;
use super::refusal::Refusal;
use super::seats::{RemoveSeats, SetSeats};
use crate::count::to_i64;

/// A part of a change of many courses. Each course gets its limits by the same rules as from [`SetSeats`]; one that is
/// refused does not affect the others. Each event has the change in its data.
#[derive(Clone, Debug)]
pub struct SeatChangePart {
    /// The change.
    pub change_id: i64,
    /// The random text of the worker, stored when it began.
    pub worker: Arc<str>,
    /// Whether it undoes the change.
    pub undoes: bool,
    /// Whether nothing changes if one of the courses is not as it was shown.
    pub is_whole: bool,
    /// The courses.
    pub steps: Vec<SeatStep>,
}

/// The new limits of a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatStep {
    /// The course.
    pub course_id: CourseId,
    /// The limits that it has to have until then; `None` if it has none.
    pub expected: Option<Limits>,
    /// The limits from then on; `None` removes them.
    pub limits: Option<Limits>,
}

impl SeatStep {
    fn set(&self) -> Option<SetSeats> {
        let limits = self.limits.clone()?;
        Some(SetSeats { course_id: self.course_id, limits, expected: None })
    }

    /// Checks that the course is there, with the limits that were shown.
    fn ensure_unchanged(&self, facts: &Facts) -> Result<(), Refusal> {
        facts.course(self.course_id)?;
        if facts.limits.get(&self.course_id) == self.expected.as_ref() {
            Ok(())
        } else {
            Err(Refusal::PlanChanged)
        }
    }

    /// Whether the groups exist for which the course is to open.
    fn has_groups(&self, facts: &Facts) -> bool {
        let mut groups = self.limits.iter().flat_map(|limits| limits.group_opens_at.keys());
        groups.all(|group| facts.groups.contains_key(group))
    }

    /// The events; those after the first are about students who move up.
    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<Vec<Event>, Refusal> {
        self.ensure_unchanged(facts)?;
        match self.set() {
            Some(set) => set.carry_out(caller, facts).map(|(events, _)| events),
            None => {
                RemoveSeats { course_id: self.course_id }.carry_out(caller, facts).map(|(events, ())| events)
            }
        }
    }
}

impl SeatChangePart {
    /// The event with the change in its data.
    fn marked(&self, mut event: Event) -> Event {
        let name = if self.undoes { "undone_seat_change" } else { "seat_change" };
        event.data[name] = self.change_id.into();
        event
    }

    /// The events of a step, of which the first notes that it is done.
    fn noted(&self, course_id: CourseId, mut events: Vec<Event>) -> Vec<Event> {
        let moved_up = to_i64(events.len().saturating_sub(1));
        if let Some(first) = events.first_mut() {
            let (change_id, is_undone) = (self.change_id, self.undoes);
            first.changes.push(Change::LogSeatChange { change_id, course_id, is_undone, moved_up });
        }
        events.into_iter().map(|event| self.marked(event)).collect()
    }
}

impl Command for SeatChangePart {
    type Answer = Vec<OperationOutcome>;

    fn needs(&self, needs: &mut Needs) {
        needs.seat_change(self.change_id);
        for step in &self.steps {
            match step.set() {
                Some(set) => set.needs(needs),
                None => RemoveSeats { course_id: step.course_id }.needs(needs),
            }
        }
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
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
        if facts.seat_change_workers.get(&self.change_id).map(String::as_str) != Some(&*self.worker) {
            return Err(Refusal::SeatChangeTaken);
        }
        if self.is_whole {
            let is_changed =
                |step: &SeatStep| step.ensure_unchanged(facts).is_err() || !step.has_groups(facts);
            if self.steps.iter().any(is_changed) {
                return Err(Refusal::PlanChanged);
            }
        }
        Ok(carry_out_in_order(&self.steps, facts, |step, facts| {
            let events = step.carry_out(caller, facts)?;
            Ok((self.noted(step.course_id, events), facts.seats_of(step.course_id).into()))
        }))
    }

    fn weight(&self) -> usize {
        self.steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::super::kinds::EventKind;
    use super::super::record::Course;
    use super::super::records::Record as _;
    use super::*;

    fn limits(capacity: i64) -> Limits {
        Limits { capacity: Some(capacity), ..Limits::default() }
    }

    fn part(is_whole: bool, steps: Vec<SeatStep>) -> SeatChangePart {
        SeatChangePart { change_id: 3, worker: "worker".into(), undoes: false, is_whole, steps }
    }

    fn facts() -> Facts {
        let [one, two] = [CourseId(1), CourseId(2)];
        Facts {
            courses: [one, two].map(|id| (id, Course::empty(id))).into(),
            limits: [(two, limits(30))].into(),
            seat_change_workers: [(3, "worker".to_owned())].into(),
            ..Facts::default()
        }
    }

    fn step(id: i64, expected: Option<Limits>, limits: Option<Limits>) -> SeatStep {
        SeatStep { course_id: CourseId(id), expected, limits }
    }

    #[test]
    fn a_course_that_is_not_as_it_was_shown_keeps_its_seats() {
        let steps = vec![
            step(1, Some(limits(20)), Some(limits(40))),
            step(2, Some(limits(30)), Some(limits(40))),
            step(9, None, Some(limits(40))),
        ];
        let mut after = facts();
        let (events, done) = part(false, steps.clone()).carry_out(&Caller::default(), &mut after).unwrap();
        assert!(matches!(done[0], OperationOutcome::Refused(Refusal::PlanChanged)), "{done:?}");
        assert!(
            matches!(&done[1], OperationOutcome::Done(Answer::Seats(seats)) if seats.capacity == Some(40))
        );
        assert!(matches!(done[2], OperationOutcome::Refused(Refusal::CourseNotFound(_))), "{done:?}");
        assert_eq!(
            (events.len(), events[0].kind, &events[0].data["seat_change"]),
            (1, EventKind::SeatsSet, &3.into())
        );
        assert_eq!(after.limits, [(CourseId(2), limits(40))].into());

        let mut after = facts();
        let refused = part(true, steps).carry_out(&Caller::default(), &mut after);
        assert_eq!((refused, after), (Err(Refusal::PlanChanged), facts()), "nothing changes");
    }

    #[test]
    fn limits_that_were_not_there_before_are_removed_again() {
        let steps = vec![step(2, Some(limits(30)), None)];
        let mut after = facts();
        let part = SeatChangePart { undoes: true, ..part(false, steps) };
        let (events, _) = part.carry_out(&Caller::default(), &mut after).unwrap();
        assert_eq!(
            (events[0].kind, &events[0].data["undone_seat_change"]),
            (EventKind::SeatsRemoved, &3.into())
        );
        assert!(after.limits.is_empty());
    }

    #[test]
    fn a_worker_that_was_replaced_changes_nothing() {
        let part =
            SeatChangePart { worker: "another".into(), ..part(false, vec![step(1, None, Some(limits(1)))]) };
        assert_eq!(part.carry_out(&Caller::default(), &mut facts()), Err(Refusal::SeatChangeTaken));
    }
}
