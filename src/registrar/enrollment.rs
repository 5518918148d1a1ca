//! Enrollments and waitlists: which student takes which course, or waits for a seat.

use serde_json::json;

use super::answer::Admission;
use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::limits::Limits;
use super::needs::Needs;
use super::overrides::Override;
use super::record::{CourseId, Enrollment, EnrollmentId, Seats, StudentId, WaitlistEntry};
use super::refusal::Refusal;

/// Enroll a student in a course, or put them on its waitlist if it is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enroll {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// Staff gives the student a seat whatever the window, the seats, the waitlist, holds and the limit of courses say.
    pub r#override: Option<Override>,
    /// Whether the student goes on the waitlist if the course is full.
    pub wait: bool,
    /// A course that the student gives up at the same time, so that it does not count among their courses.
    pub in_place_of: Option<CourseId>,
}

impl Enroll {
    /// Enrolls by the rules, without an override; on the waitlist if the course is full.
    #[must_use]
    pub fn new(student_id: StudentId, course_id: CourseId) -> Self {
        Self { student_id, course_id, r#override: None, wait: true, in_place_of: None }
    }
}

impl Command for Enroll {
    type Answer = Admission;

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.course_id);
    }

    fn enrolls(&self, _: usize) -> Option<(StudentId, CourseId)> {
        Some((self.student_id, self.course_id))
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        match self.r#override {
            Some(_) => caller.ensure(Right::WriteEnrollments),
            None => caller.ensure_enrolls(self.student_id),
        }
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        let &Self { student_id, course_id, ref r#override, wait, in_place_of } = self;
        facts.student(student_id)?;
        facts.course(course_id)?;
        if r#override.is_none() {
            facts.ensure_open(student_id, course_id)?;
        }
        if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
            return Err(Refusal::AlreadyEnrolled(enrollment.clone()));
        }
        let enrolled_at = facts.stamp.clone();
        let enrollment = Enrollment { id: facts.next_enrollment_id(), student_id, course_id, enrolled_at };
        if let Some(r#override) = r#override {
            let waiting = facts.waitlist_entry(student_id, course_id).cloned();
            let mut event = created(waiting, enrollment.clone());
            event.data["override"] = r#override.data();
            return Ok((vec![event], Admission::Enrolled(enrollment)));
        }
        let moves_up = facts.limits_of(course_id).moves_up(&facts.now);
        let is_freed = facts.freed.contains(&course_id);
        let place = facts.place(student_id, course_id);
        if let Some(place) = place.clone().filter(|_| moves_up && !is_freed) {
            return Err(Refusal::AlreadyWaitlisted(place));
        }
        facts.ensure_no_hold(student_id)?;
        if place.is_none() {
            facts.ensure_may_have_another_course(student_id, in_place_of)?;
        }
        let Seats { capacity, waitlist_capacity, enrolled, waitlisted, .. } = facts.seats_of(course_id);
        let Some(capacity) = capacity.filter(|capacity| enrolled >= *capacity) else {
            // A waitlist that does not move up leaves free seats to those who ask for them.
            let waiting = facts.waitlist_entry(student_id, course_id).cloned();
            let mut event = created(waiting, enrollment.clone());
            if let Some(given_up) = in_place_of {
                event.data["in_place_of"] = given_up.0.into();
            }
            if is_freed && facts.waitlisted_in(course_id) > 0 {
                event.data["freed_in_request"] = true.into();
            }
            return Ok((vec![event], Admission::Enrolled(enrollment)));
        };
        if let Some(place) = place {
            return Err(Refusal::AlreadyWaitlisted(place));
        }
        if waitlist_capacity == 0 || !wait || !moves_up {
            return Err(Refusal::CourseFull { course_id, capacity, enrolled });
        }
        if waitlisted >= waitlist_capacity {
            return Err(Refusal::WaitlistFull { course_id, waitlist_capacity });
        }
        let joined_at = facts.stamp.clone();
        let joined_seq = facts.last_seq + 1;
        let waiting = WaitlistEntry { student_id, course_id, joined_seq, joined_at };
        let place = facts.last_place(student_id, course_id);
        Ok((vec![joined(waiting, place.position)], Admission::Waitlisted(place)))
    }
}

/// Moves up students from the waitlist when `freed` seats come free under these limits: from the front, without those who
/// are on hold, as many as there are free seats, as long as the waitlist moves up. Their enrollments get the ids after `last_id`.
pub(super) fn promotions(
    course_id: CourseId,
    limits: &Limits,
    freed: i64,
    last_id: i64,
    facts: &Facts,
) -> Vec<Event> {
    if !limits.moves_up(&facts.now) {
        return Vec::new();
    }
    let free = limits.capacity.map(|capacity| capacity - (facts.enrolled_in(course_id) - freed));
    let free = free.map_or(usize::MAX, |free| usize::try_from(free).unwrap_or(0));
    let next = facts.next_on_waitlist(course_id).take(free);
    let promoted = |(id, waiting): (i64, &WaitlistEntry)| {
        let &WaitlistEntry { student_id, course_id, .. } = waiting;
        let id = EnrollmentId(id);
        promoted(waiting.clone(), Enrollment { id, student_id, course_id, enrolled_at: facts.stamp.clone() })
    };
    (last_id + 1..).zip(next).map(promoted).collect()
}

/// The student gets a seat. One who waits for it leaves the waitlist, which `from_waitlist` says to those who only read the
/// log.
fn created(waiting: Option<WaitlistEntry>, row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let data = if waiting.is_some() { json!({"from_waitlist": true}) } else { json!({}) };
    let waiting = waiting.map(Change::DeleteWaitlistEntry);
    let changes = waiting.into_iter().chain([Change::AddEnrollment(row)]).collect();
    Event::about_pair(EventKind::EnrollmentCreated, student_id, course_id, changes).with_data(data)
}

/// The student no longer takes the course.
pub(super) fn dropped(row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let changes = vec![Change::DeleteEnrollment(row)];
    Event::about_pair(EventKind::EnrollmentDropped, student_id, course_id, changes)
}

fn joined(row: WaitlistEntry, position: i64) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    Event::about_pair(EventKind::WaitlistJoined, student_id, course_id, vec![Change::AddWaitlistEntry(row)])
        .with_data(json!({"position": position}))
}

/// The student left the waitlist without getting a seat.
pub(super) fn left(row: WaitlistEntry) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    Event::about_pair(EventKind::WaitlistLeft, student_id, course_id, vec![Change::DeleteWaitlistEntry(row)])
}

pub(super) fn promoted(waiting: WaitlistEntry, row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let changes = vec![Change::DeleteWaitlistEntry(waiting), Change::AddEnrollment(row)];
    Event::about_pair(EventKind::WaitlistPromoted, student_id, course_id, changes)
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Grants, Role};
    use super::*;

    fn enroll(r#override: Option<Override>) -> Enroll {
        Enroll { r#override, ..Enroll::new(StudentId(1), CourseId(7)) }
    }

    fn caller(role: Role) -> Caller {
        let student = (role == Role::Student).then_some(StudentId(1));
        Caller { grants: Grants { rights: role.rights(), student }, ..Caller::default() }
    }

    #[test]
    fn only_those_who_enroll_any_student_may_override() {
        let by_the_dean = Override::new(Some("the dean".to_owned())).unwrap();
        for (role, enrolls, overrides) in [
            (Role::Admin, Ok(()), Ok(())),
            (Role::Registrar, Ok(()), Ok(())),
            (Role::Instructor, Err(Refusal::Forbidden), Err(Refusal::Forbidden)),
            (Role::Student, Ok(()), Err(Refusal::Forbidden)),
        ] {
            assert_eq!(enroll(None).permit(&caller(role)), enrolls, "{role}");
            assert_eq!(enroll(Some(by_the_dean.clone())).permit(&caller(role)), overrides, "{role}");
        }
    }
}
