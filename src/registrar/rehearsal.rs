//! Enrollments and drops that are decided without being carried out, to say what an import would do.

use std::collections::HashSet;

use super::answer::Admission;
use super::caller::Caller;
use super::command::Command;
use super::drop::DropCourse;
use super::enrollment::Enroll;
use super::event::{Change, Event};
use super::facts::Facts;
use super::limits::Limits;
use super::overrides::Override;
use super::record::{Course, CourseId, Enrollment, Student, StudentId, WaitlistEntry};
use super::records::Record as _;
use super::refusal::Refusal;
use super::standing::{Rules, Standing};
use crate::clock::Stamp;

/// Facts by which enrollments and drops are decided as the Registrar would, one after the other. Students and courses that
/// do not exist yet can have ids of zero and below.
#[derive(Debug)]
pub struct Rehearsal {
    /// Without enrollments, except for the one that is being decided.
    facts: Facts,
    caller: Caller,
    /// All enrollments. As facts, those of a large import would need five times the memory.
    enrolled: HashSet<(StudentId, CourseId)>,
}

/// What a drop would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The students who move up in the place of the one who leaves.
    pub promoted: Vec<(StudentId, CourseId)>,
    /// Whether the rules do not allow the drop.
    pub is_overridden: bool,
}

impl Rehearsal {
    /// A rehearsal for this caller at this time, without any students and courses.
    #[must_use]
    pub fn new(now: Stamp, caller: Caller) -> Self {
        let facts = Facts { stamp: now.clone(), now, ..Facts::default() };
        Self { facts, caller, enrolled: HashSet::new() }
    }

    /// Sets the rules of the whole school.
    pub fn set_rules(&mut self, rules: Rules) {
        self.facts.rules = rules;
    }

    /// Adds a student, who has this standing.
    pub fn add_student(&mut self, id: StudentId, standing: Standing) {
        self.facts.students.insert(id, Student::empty(id));
        self.facts.standings.insert(id, standing);
    }

    /// Adds a course with its limits, if it has any, and the number of its students.
    pub fn add_course(&mut self, id: CourseId, limits: Option<Limits>, enrolled: i64) {
        self.facts.courses.insert(id, Course::empty(id));
        self.facts.enrolled.insert(id, enrolled);
        self.facts.limits.extend(limits.map(|limits| (id, limits)));
    }

    /// Adds an enrollment, which is among the students that were counted for the course.
    pub fn add_enrollment(&mut self, student_id: StudentId, course_id: CourseId) {
        self.enrolled.insert((student_id, course_id));
    }

    /// Adds a student, who may be on hold, to the waitlist of a course.
    pub fn add_waiting(&mut self, waiting: WaitlistEntry, is_on_hold: bool) {
        let student_id = waiting.student_id;
        let waitlist = self.facts.waitlists.entry(waiting.course_id).or_default();
        waitlist.insert(waiting);
        waitlist.set_on_hold(student_id, is_on_hold);
    }

    /// Whether the student takes the course.
    #[must_use]
    pub fn is_enrolled(&self, student_id: StudentId, course_id: CourseId) -> bool {
        self.enrolled.contains(&(student_id, course_id))
    }

    /// Whether the student is on the course's waitlist.
    #[must_use]
    pub fn is_waiting(&self, student_id: StudentId, course_id: CourseId) -> bool {
        self.facts.waitlist_entry(student_id, course_id).is_some()
    }

    /// Enrolls a student, or puts them on the waitlist.
    ///
    /// # Errors
    /// As [`Enroll`].
    pub fn enroll(&mut self, student_id: StudentId, course_id: CourseId) -> Result<Admission, Refusal> {
        let done = self.decide(&Enroll::new(student_id, course_id), (student_id, course_id));
        done.map(|(_, admission)| admission)
    }

    /// Gives a student a seat: by the rules if these allow it, and otherwise by the override. Returns whether the override
    /// was needed.
    ///
    /// # Errors
    /// As [`Enroll`].
    pub fn enroll_with(
        &mut self,
        student_id: StudentId,
        course_id: CourseId,
        r#override: &Override,
    ) -> Result<bool, Refusal> {
        let by_the_rules = Enroll::new(student_id, course_id);
        let decided = by_the_rules.decide(&self.caller, &self.facts);
        let is_needed = !matches!(decided, Ok((_, Admission::Enrolled(_))));
        let r#override = is_needed.then(|| r#override.clone());
        self.decide(&Enroll { r#override, ..by_the_rules }, (student_id, course_id))?;
        Ok(is_needed)
    }

    /// Drops a student from a course, or takes them off its waitlist: by the rules if these allow it, and otherwise by the
    /// override.
    ///
    /// # Errors
    /// As [`DropCourse`].
    pub fn drop_course(
        &mut self,
        student_id: StudentId,
        course_id: CourseId,
        r#override: Option<&Override>,
    ) -> Result<Rehearsed, Refusal> {
        let pair = (student_id, course_id);
        let by_the_rules = self.decide(&DropCourse::new(student_id, course_id), pair);
        let (events, is_overridden) = match (by_the_rules, r#override) {
            (Err(Refusal::DropDeadlinePassed { .. }), Some(r#override)) => {
                let r#override = Some(r#override.clone());
                (
                    self.decide(&DropCourse { r#override, ..DropCourse::new(student_id, course_id) }, pair)?
                        .0,
                    true,
                )
            }
            (decided, _) => (decided?.0, false),
        };
        let promoted = events.iter().filter_map(Event::new_enrollment);
        let promoted = promoted.map(|enrollment| (enrollment.student_id, enrollment.course_id)).collect();
        Ok(Rehearsed { promoted, is_overridden })
    }

    fn decide<C: Command>(
        &mut self,
        command: &C,
        pair @ (student_id, course_id): (StudentId, CourseId),
    ) -> Result<(Vec<Event>, C::Answer), Refusal> {
        if self.enrolled.contains(&pair) {
            // Its id and its time do not matter.
            let (id, enrolled_at) = (self.facts.next_enrollment_id(), self.facts.stamp.clone());
            let enrollment = Enrollment { id, student_id, course_id, enrolled_at };
            self.facts.enrollments.insert(pair, enrollment);
        }
        let done = command.carry_out(&self.caller, &mut self.facts);
        self.facts.enrollments.clear();
        let (events, answer) = done?;
        for change in events.iter().flat_map(|event| &event.changes) {
            match change {
                Change::AddEnrollment(row) => {
                    self.enrolled.insert((row.student_id, row.course_id));
                }
                Change::DeleteEnrollment(row) => {
                    self.enrolled.remove(&(row.student_id, row.course_id));
                }
                _ => {}
            }
        }
        Ok((events, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::caller::Actor;

    const ANA: StudentId = StudentId(1);
    const BEN: StudentId = StudentId(-1);
    const CLEO: StudentId = StudentId(-2);
    const ALGEBRA: CourseId = CourseId(0);

    #[test]
    fn dropping_a_student_makes_room_for_the_next_on_the_waitlist() {
        let mut rehearsal = Rehearsal::new(Stamp::default(), Caller::program(Actor::Cli));
        for id in [ANA, BEN] {
            rehearsal.add_student(id, Standing::default());
        }
        let limits = Limits { capacity: Some(1), waitlist_capacity: 1, ..Limits::default() };
        rehearsal.add_course(ALGEBRA, Some(limits), 0);

        assert!(matches!(rehearsal.enroll(ANA, ALGEBRA), Ok(Admission::Enrolled(_))));
        assert!(matches!(rehearsal.enroll(ANA, ALGEBRA), Err(Refusal::AlreadyEnrolled(_))));
        assert!(matches!(rehearsal.enroll(BEN, ALGEBRA), Ok(Admission::Waitlisted(_))));
        assert!(!rehearsal.is_enrolled(BEN, ALGEBRA) && rehearsal.is_waiting(BEN, ALGEBRA));

        let promoted = |done: Result<Rehearsed, Refusal>| done.map(|done| done.promoted);
        assert_eq!(promoted(rehearsal.drop_course(ANA, ALGEBRA, None)), Ok(vec![(BEN, ALGEBRA)]));
        assert!(!rehearsal.is_enrolled(ANA, ALGEBRA) && rehearsal.is_enrolled(BEN, ALGEBRA));
        let again = rehearsal.drop_course(ANA, ALGEBRA, None);
        assert!(matches!(again, Err(Refusal::EnrollmentNotFound { .. })));
    }

    #[test]
    fn an_override_gives_a_seat_beyond_the_capacity_which_nobody_gets_after_a_drop() {
        let mut rehearsal = Rehearsal::new(Stamp::default(), Caller::program(Actor::Cli));
        for id in [ANA, BEN, CLEO] {
            rehearsal.add_student(id, Standing::default());
        }
        let limits = Limits { capacity: Some(1), waitlist_capacity: 2, ..Limits::default() };
        rehearsal.add_course(ALGEBRA, Some(limits), 0);
        let by_the_dean = Override::new(Some("the dean".to_owned())).unwrap();
        assert!(matches!(rehearsal.enroll(ANA, ALGEBRA), Ok(Admission::Enrolled(_))));
        assert!(matches!(rehearsal.enroll(CLEO, ALGEBRA), Ok(Admission::Waitlisted(_))));
        assert!(matches!(rehearsal.enroll(BEN, ALGEBRA), Ok(Admission::Waitlisted(_))));

        assert_eq!(rehearsal.enroll_with(BEN, ALGEBRA, &by_the_dean), Ok(true));

        assert!(rehearsal.is_enrolled(BEN, ALGEBRA) && !rehearsal.is_waiting(BEN, ALGEBRA));
        let again = rehearsal.enroll_with(BEN, ALGEBRA, &by_the_dean);
        assert!(matches!(again, Err(Refusal::AlreadyEnrolled(_))));
        let mut dropped = |id| rehearsal.drop_course(id, ALGEBRA, None).map(|done| done.promoted);
        assert_eq!(dropped(ANA), Ok(vec![]));
        assert_eq!(dropped(BEN), Ok(vec![(CLEO, ALGEBRA)]));
    }
}
