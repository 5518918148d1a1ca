//! Holds: a student who has one does not enroll, for a reason that the student reads.

use serde_json::json;

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::promoted;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{Enrollment, EnrollmentId, StudentId, WaitlistEntry};
use super::refusal::Refusal;
use super::standing::Hold;

/// Place a hold on a student. Enrollments and places on waitlists stay, but until the hold is released the student gets no
/// further ones, and is passed over when seats come free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceHold {
    /// The student.
    pub student_id: StudentId,
    /// The reason, at most [`MAX_REASON`](crate::text::MAX_REASON) characters.
    pub reason: String,
}

impl Command for PlaceHold {
    type Answer = Hold;

    fn needs(&self, needs: &mut Needs) {
        needs.holds(self.student_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Hold), Refusal> {
        facts.student(self.student_id)?;
        let Self { student_id, reason } = self.clone();
        let data = json!({"reason": reason});
        let hold = Hold { id: facts.last_seq + 1, student_id, reason, placed_at: facts.stamp.clone() };
        let change = Change::AddHold(hold.clone());
        let event = Event::about_student(EventKind::HoldPlaced, student_id, change).with_data(data);
        Ok((vec![event], hold))
    }
}

/// Release a hold. With the last one the student moves up where a seat is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseHold {
    /// The student.
    pub student_id: StudentId,
    /// The hold.
    pub hold_id: i64,
}

impl Command for ReleaseHold {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.holds(self.student_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let &Self { student_id, hold_id } = self;
        facts.student(student_id)?;
        let holds = facts.holds_of(student_id);
        let hold = holds.iter().find(|hold| hold.id == hold_id);
        let hold = hold.ok_or(Refusal::HoldNotFound { student_id, hold_id })?;
        let change = Change::RemoveHold(hold.clone());
        let event = Event::about_student(EventKind::HoldReleased, student_id, change)
            .with_data(json!({"hold_id": hold_id}));
        let mut events = vec![event];
        if holds.len() == 1 {
            events.extend(moves_up(student_id, facts));
        }
        Ok((events, ()))
    }
}

/// The student, who has no hold any more, gets the free seats that they wait for. All students before them who have no hold
/// have a seat already.
fn moves_up(student_id: StudentId, facts: &Facts) -> Vec<Event> {
    let has_seat = |entry: &&WaitlistEntry| {
        let limits = facts.limits_of(entry.course_id);
        let enrolled = facts.enrolled_in(entry.course_id);
        limits.moves_up(&facts.now) && limits.capacity.is_none_or(|capacity| enrolled < capacity)
    };
    let entries = facts.waitlist_entries_of_student(student_id).filter(has_seat);
    let ids = facts.last_enrollment_id + 1..;
    entries
        .zip(ids)
        .map(|(entry, id)| {
            let (id, enrolled_at) = (EnrollmentId(id), facts.stamp.clone());
            let row = Enrollment { id, student_id, course_id: entry.course_id, enrolled_at };
            promoted(entry.clone(), row)
        })
        .collect()
}
