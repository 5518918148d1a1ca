//! Enrollments and waitlists: which student takes which course, or waits for a seat.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::answer::Admission;
use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Change, Event};
use super::facts::Facts;
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{CourseId, Enrollment, EnrollmentId, Limits, Seats, StudentId, WaitlistEntry};
use super::refusal::Refusal;
use crate::text::{MAX_REASON, VISIBLE_TEXT, reason_text};

/// Enroll a student in a course, or put them on its waitlist if it is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enroll {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// Staff gives the student a seat whatever the window, the seats and the waitlist say.
    pub r#override: Option<Override>,
}

/// Why a student gets a seat beyond the limits of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    reason: String,
}

impl Override {
    /// An override for this reason, which the log has for good.
    ///
    /// # Errors
    /// [`Refusal::OverrideNeedsReason`] if there is none, or a blank one.
    pub fn new(reason: Option<String>) -> Result<Self, Refusal> {
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        reason.map(|reason| Self { reason }).ok_or(Refusal::OverrideNeedsReason)
    }
}

impl ToSchema for Override {}

impl PartialSchema for Override {
    fn schema() -> RefOr<Schema> {
        let reason = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "For those who read the history of the student or the course; it stays in the log for good.",
            ))
            .min_length(Some(1))
            .max_length(Some(MAX_REASON))
            .pattern(Some(VISIBLE_TEXT));
        ObjectBuilder::new()
            .description(Some("Why a student gets a seat beyond the limits of a course."))
            .property("reason", reason)
            .required("reason")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .examples([json!({"reason": "senior, approved by the dean"})])
            .into()
    }
}

impl Override {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reason = reason_text(text)?.ok_or("must say why")?;
        Ok(Self { reason })
    }
}

impl Enroll {
    /// Enrolls by the rules, without an override.
    #[must_use]
    pub fn new(student_id: StudentId, course_id: CourseId) -> Self {
        Self { student_id, course_id, r#override: None }
    }
}

impl Command for Enroll {
    type Answer = Admission;

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        match self.r#override {
            Some(_) => caller.ensure(Right::WriteEnrollments),
            None => caller.ensure_enrolls(self.student_id),
        }
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        let &Self { student_id, course_id, ref r#override } = self;
        facts.student(student_id)?;
        facts.course(course_id)?;
        if r#override.is_none() {
            ensure_open(course_id, facts)?;
        }
        if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
            return Err(Refusal::AlreadyEnrolled(enrollment.clone()));
        }
        let enrolled_at = facts.stamp.clone();
        let enrollment = Enrollment { id: facts.next_enrollment_id(), student_id, course_id, enrolled_at };
        if let Some(r#override) = r#override {
            let waiting = facts.waitlist_entry(student_id, course_id);
            let event = overridden(waiting.cloned(), enrollment.clone(), r#override);
            return Ok((vec![event], Admission::Enrolled(enrollment)));
        }
        if let Some(place) = facts.place(student_id, course_id) {
            return Err(Refusal::AlreadyWaitlisted(place));
        }
        let Seats { capacity, waitlist_capacity, enrolled, waitlisted, .. } = facts.seats_of(course_id);
        let Some(capacity) = capacity.filter(|capacity| enrolled >= *capacity) else {
            return Ok((vec![created(enrollment.clone())], Admission::Enrolled(enrollment)));
        };
        if waitlist_capacity == 0 {
            return Err(Refusal::CourseFull { course_id, capacity, enrolled });
        }
        if waitlisted >= waitlist_capacity {
            return Err(Refusal::WaitlistFull { course_id, waitlist_capacity });
        }
        let joined_at = facts.stamp.clone();
        let joined_seq = facts.last_seq + 1;
        let waiting = WaitlistEntry { student_id, course_id, joined_seq, joined_at };
        Ok((vec![joined(waiting)], Admission::Waitlisted(facts.last_place(student_id, course_id))))
    }
}

/// Drop a student from a course, or take them off its waitlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCourse {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
}

impl Command for DropCourse {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.pair(self.student_id, self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure_enrolls(self.student_id)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let &Self { student_id, course_id } = self;
        let in_time = || if caller.is_staff() { Ok(()) } else { ensure_open(course_id, facts) };
        if let Some(enrollment) = facts.enrollments.get(&(student_id, course_id)) {
            in_time()?;
            let mut events = vec![dropped(enrollment.clone())];
            let limits = facts.limits_of(course_id);
            events.extend(promotions(course_id, &limits, 1, facts.last_enrollment_id, facts));
            return Ok((events, ()));
        }
        if let Some(waiting) = facts.waitlist_entry(student_id, course_id) {
            in_time()?;
            return Ok((vec![left(waiting.clone())], ()));
        }
        facts.student(student_id)?;
        Err(Refusal::EnrollmentNotFound { student_id, course_id, place: None })
    }
}

/// Moves up students from the waitlist when `freed` seats come free under these limits: from the front, as many as
/// there are free seats. Their enrollments get the ids after `last_id`.
pub(super) fn promotions(
    course_id: CourseId,
    limits: &Limits,
    freed: i64,
    last_id: i64,
    facts: &Facts,
) -> Vec<Event> {
    let free = limits.capacity.map(|capacity| capacity - (facts.enrolled_in(course_id) - freed));
    let free = free.map_or(usize::MAX, |free| usize::try_from(free).unwrap_or(0));
    let next = facts.waitlist_entries_of_course(course_id).take(free);
    let promoted = |(id, waiting): (i64, &WaitlistEntry)| {
        let &WaitlistEntry { student_id, course_id, .. } = waiting;
        let id = EnrollmentId(id);
        promoted(waiting.clone(), Enrollment { id, student_id, course_id, enrolled_at: facts.stamp.clone() })
    };
    (last_id + 1..).zip(next).map(promoted).collect()
}

/// Checks the registration window: open from `opens_at` (inclusive) to `closes_at` (exclusive).
fn ensure_open(course_id: CourseId, facts: &Facts) -> Result<(), Refusal> {
    let Some(limits) = facts.limits.get(&course_id) else { return Ok(()) };
    let now = &facts.now;
    if limits.closes_at.as_ref().is_some_and(|closes_at| closes_at <= now) {
        return Err(Refusal::RegistrationClosed { course_id, limits: limits.clone() });
    }
    if limits.opens_at.as_ref().is_some_and(|opens_at| now < opens_at) {
        return Err(Refusal::RegistrationNotOpen { course_id, limits: limits.clone() });
    }
    Ok(())
}

fn created(row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    Event::about_pair(EventKind::EnrollmentCreated, student_id, course_id, vec![Change::AddEnrollment(row)])
}

/// The student gets a seat by an override. One who waits for it leaves the waitlist, which `from_waitlist` says to those
/// who only read the log.
fn overridden(waiting: Option<WaitlistEntry>, row: Enrollment, r#override: &Override) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let mut data = json!({"override": {"reason": r#override.reason}});
    if waiting.is_some() {
        data["from_waitlist"] = true.into();
    }
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

fn joined(row: WaitlistEntry) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    Event::about_pair(EventKind::WaitlistJoined, student_id, course_id, vec![Change::AddWaitlistEntry(row)])
}

/// The student left the waitlist without getting a seat.
pub(super) fn left(row: WaitlistEntry) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    Event::about_pair(EventKind::WaitlistLeft, student_id, course_id, vec![Change::DeleteWaitlistEntry(row)])
}

fn promoted(waiting: WaitlistEntry, row: Enrollment) -> Event {
    let (student_id, course_id) = (row.student_id, row.course_id);
    let changes = vec![Change::DeleteWaitlistEntry(waiting), Change::AddEnrollment(row)];
    Event::about_pair(EventKind::WaitlistPromoted, student_id, course_id, changes)
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Grants, Role};
    use super::*;

    fn enroll(r#override: Option<Override>) -> Enroll {
        Enroll { student_id: StudentId(1), course_id: CourseId(7), r#override }
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

    #[test]
    fn an_override_has_a_reason() {
        for none in [None, Some(""), Some(" \t")] {
            assert_eq!(Override::new(none.map(str::to_owned)), Err(Refusal::OverrideNeedsReason));
        }
    }
}
