//! Restoring what was dropped by mistake.

use serde_json::json;

use super::answer::Admission;
use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::promoted;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{CourseId, Ended, Enrollment, Place, Seats, StudentId, WaitlistEntry};
use super::refusal::Refusal;
use crate::count::to_i64;

/// Give a student back what they had in a course last: the enrollment with its id and its time, over capacity if need be, or
/// the place on the waitlist. A restored place is followed by a seat if one is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restore {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
}

impl Command for Restore {
    type Answer = Admission;

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.course_id);
        needs.ended(self.student_id, self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteEnrollments)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        let &Self { student_id, course_id } = self;
        facts.student(student_id)?;
        facts.course(course_id)?;
        let nothing = Refusal::NothingToRestore { student_id, course_id };
        if facts.enrollments.contains_key(&(student_id, course_id)) {
            return Err(nothing);
        }
        let waiting = facts.waitlist_entry(student_id, course_id);
        match (facts.ended.get(&(student_id, course_id)), waiting) {
            (Some(Ended::Seat(row)), waiting) => {
                Ok((vec![restored(waiting.cloned(), row.clone())], Admission::Enrolled(row.clone())))
            }
            (Some(Ended::Place(entry)), None) => Ok(restored_place(entry, facts)),
            (Some(Ended::Place(_)), Some(_)) | (None, _) => Err(nothing),
        }
    }
}

/// The enrollment is as it was. A student who waits for a seat in the meantime leaves the waitlist.
fn restored(waiting: Option<WaitlistEntry>, row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let data = if waiting.is_some() { json!({"from_waitlist": true}) } else { json!({}) };
    let waiting = waiting.map(Change::DeleteWaitlistEntry);
    let changes = waiting.into_iter().chain([Change::AddEnrollment(row)]).collect();
    Event::about_pair(EventKind::EnrollmentRestored, student_id, course_id, changes).with_data(data)
}

/// The place on the waitlist is as it was, and nobody waits while a seat is free.
fn restored_place(entry: &WaitlistEntry, facts: &Facts) -> (Vec<Event>, Admission) {
    let &WaitlistEntry { student_id, course_id, joined_seq, ref joined_at } = entry;
    let data = json!({"joined_seq": joined_seq, "joined_at": joined_at});
    let changes = vec![Change::AddWaitlistEntry(entry.clone())];
    let event =
        Event::about_pair(EventKind::WaitlistRestored, student_id, course_id, changes).with_data(data);
    let Seats { capacity, enrolled, .. } = facts.seats_of(course_id);
    let has_seat =
        capacity.is_none_or(|capacity| enrolled < capacity) && facts.holds_of(student_id).is_empty();
    if has_seat && facts.limits_of(course_id).moves_up(&facts.now) {
        let (id, enrolled_at) = (facts.next_enrollment_id(), facts.stamp.clone());
        let row = Enrollment { id, student_id, course_id, enrolled_at };
        return (vec![event, promoted(entry.clone(), row.clone())], Admission::Enrolled(row));
    }
    let before = facts.waitlist_entries_of_course(course_id).filter(|other| other.joined_seq < joined_seq);
    let position = to_i64(before.count()) + 1;
    let place = Place { student_id, course_id, position, joined_at: joined_at.clone() };
    (vec![event], Admission::Waitlisted(place))
}
