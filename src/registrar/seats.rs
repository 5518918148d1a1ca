//! Seats, the waitlist and the registration window of a course.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Event;
use super::facts::Facts;
use super::record::{CourseId, Enrollment, EnrollmentId, StudentId};
use super::refusal::Refusal;
use super::waitlist::Waitlist;
use crate::count::to_i64;

/// The most seats, and the most places on a waitlist, that a course can be given.
pub const MOST_SEATS: i64 = 1_000_000;

/// What limits the enrollment in a course: a row of `course_seats`. The default limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Seats; `None` is as many as come.
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    pub waitlist_capacity: i64,
    /// From when on students enroll and drop: RFC 3339, UTC, milliseconds.
    pub opens_at: Option<String>,
    /// From when on they do not any more, in the same form.
    pub closes_at: Option<String>,
}

/// How full a course is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "enrolled": 28, "waitlisted": 0}))]
pub struct SeatCount {
    /// Seats; null is as many as come.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Students who take the course. More than seats only where the capacity was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students who wait for a seat.
    #[schema(minimum = 0)]
    pub waitlisted: i64,
}

/// The limits of a course, and how full it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"capacity": 30, "waitlist_capacity": 10, "opens_at": "2026-09-01T08:00:00.000Z", "closes_at": null, "enrolled": 28, "waitlisted": 0}))]
pub struct Seats {
    /// Seats; null is as many as come.
    #[schema(required, minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
    /// Places on the waitlist; 0 is no waitlist.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub waitlist_capacity: i64,
    /// From when on students enroll and drop (RFC 3339, UTC, milliseconds); null is always.
    #[schema(required, format = DateTime)]
    pub opens_at: Option<String>,
    /// From when on they do not any more; null is never.
    #[schema(required, format = DateTime)]
    pub closes_at: Option<String>,
    /// Students who take the course. More than seats only where the capacity was lowered.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students who wait for a seat.
    #[schema(minimum = 0)]
    pub waitlisted: i64,
}

impl SeatCount {
    /// Whether no seat is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.enrolled >= capacity)
    }
}

impl Seats {
    /// These limits, with so many students.
    #[must_use]
    pub fn of(limits: Limits, enrolled: i64, waitlisted: i64) -> Self {
        let Limits { capacity, waitlist_capacity, opens_at, closes_at } = limits;
        Self { capacity, waitlist_capacity, opens_at, closes_at, enrolled, waitlisted }
    }
}

impl Seats {
    /// What limits the course.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self { capacity, waitlist_capacity, opens_at, closes_at, .. } = self.clone();
        Limits { capacity, waitlist_capacity, opens_at, closes_at }
    }

    /// How full the course is.
    #[must_use]
    pub fn count(&self) -> SeatCount {
        SeatCount { capacity: self.capacity, enrolled: self.enrolled, waitlisted: self.waitlisted }
    }
}

/// A student who waits for a seat: a row of `waitlist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// The `seq` of the event with which they joined: the order of the waitlist.
    pub joined_seq: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: String,
}

/// A place on a waitlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The student.
    pub student_id: StudentId,
    /// The course.
    pub course_id: CourseId,
    /// 1 is next.
    pub position: i64,
    /// RFC 3339, UTC, milliseconds.
    pub joined_at: String,
}

impl Facts {
    /// What limits the course.
    #[must_use]
    pub fn limits_of(&self, id: CourseId) -> Limits {
        self.limits.get(&id).cloned().unwrap_or_default()
    }

    /// Students who take the course, as far as it has limits.
    #[must_use]
    pub fn enrolled_in(&self, id: CourseId) -> i64 {
        self.enrolled.get(&id).copied().unwrap_or_default()
    }

    /// Who waits for the course, in order.
    pub fn waiting_for(&self, id: CourseId) -> impl Iterator<Item = &Waiting> {
        self.waitlists.get(&id).into_iter().flat_map(Waitlist::iter)
    }

    /// For what the student waits, in order of the course.
    pub fn waits_of(&self, id: StudentId) -> impl Iterator<Item = &Waiting> {
        self.waitlists.values().filter_map(move |waitlist| waitlist.get(id))
    }

    /// The student's entry on the course's waitlist.
    #[must_use]
    pub fn waiting(&self, student_id: StudentId, course_id: CourseId) -> Option<&Waiting> {
        self.waitlists.get(&course_id)?.get(student_id)
    }

    /// Students who wait for the course.
    #[must_use]
    pub fn waitlisted_in(&self, id: CourseId) -> i64 {
        to_i64(self.waitlists.get(&id).map_or(0, Waitlist::len))
    }

    /// Where the student stands on the course's waitlist.
    #[must_use]
    pub fn place(&self, student_id: StudentId, course_id: CourseId) -> Option<Place> {
        let (position, waiting) = self.waitlists.get(&course_id)?.position(student_id)?;
        Some(Place {
            student_id,
            course_id,
            position: to_i64(position),
            joined_at: waiting.joined_at.clone(),
        })
    }

    /// The place at the end of the course's waitlist.
    #[must_use]
    pub fn last_place(&self, student_id: StudentId, course_id: CourseId) -> Place {
        let position = self.waitlisted_in(course_id) + 1;
        Place { student_id, course_id, position, joined_at: self.stamp.clone() }
    }

    /// The limits of the course, and how full it is.
    #[must_use]
    pub fn seats_of(&self, id: CourseId) -> Seats {
        Seats::of(self.limits_of(id), self.enrolled_in(id), self.waitlisted_in(id))
    }
}

/// The window: open at `opens_at`, closed at `closes_at`.
pub(super) fn unless_closed(course_id: CourseId, limits: Limits, now: &str) -> Result<(), Refusal> {
    if limits.closes_at.as_deref().is_some_and(|closes_at| closes_at <= now) {
        return Err(Refusal::RegistrationClosed { course_id, limits });
    }
    if limits.opens_at.as_deref().is_some_and(|opens_at| now < opens_at) {
        return Err(Refusal::RegistrationNotOpen { course_id, limits });
    }
    Ok(())
}

/// What comes of wanting a seat: it, a place on the waitlist, or the reason why not.
pub(super) fn take(student_id: StudentId, course_id: CourseId, facts: &Facts) -> Result<Event, Refusal> {
    let Seats { capacity, waitlist_capacity, enrolled, waitlisted, .. } = facts.seats_of(course_id);
    let Some(capacity) = capacity.filter(|capacity| enrolled >= *capacity) else {
        return Ok(Event::EnrollmentCreated(Enrollment {
            id: facts.next_enrollment_id(),
            student_id,
            course_id,
            enrolled_at: facts.stamp.clone(),
        }));
    };
    if waitlist_capacity == 0 {
        return Err(Refusal::CourseFull { course_id, capacity, enrolled });
    }
    if waitlisted >= waitlist_capacity {
        return Err(Refusal::WaitlistFull { course_id, waitlist_capacity });
    }
    let joined_at = facts.stamp.clone();
    let joined_seq = facts.last_seq + 1;
    Ok(Event::WaitlistJoined(Waiting { student_id, course_id, joined_seq, joined_at }))
}

/// Who moves up when `freed` seats of the course come free and these are its limits: the first who wait, as many as
/// there are seats then. Their enrollments get the ids after `last_id`.
pub(super) fn promotions(
    course_id: CourseId,
    limits: &Limits,
    freed: i64,
    last_id: EnrollmentId,
    facts: &Facts,
) -> Vec<Event> {
    let free = limits.capacity.map(|capacity| capacity - (facts.enrolled_in(course_id) - freed));
    let free = free.map_or(usize::MAX, |free| usize::try_from(free).unwrap_or(0));
    let next = facts.waiting_for(course_id).take(free);
    (last_id.0 + 1..)
        .zip(next)
        .map(|(id, waiting)| {
            let (student_id, course_id) = (waiting.student_id, waiting.course_id);
            let id = EnrollmentId(id);
            let enrollment = Enrollment { id, student_id, course_id, enrolled_at: facts.stamp.clone() };
            Event::WaitlistPromoted { waiting: waiting.clone(), enrollment }
        })
        .collect()
}

pub(super) fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    to_i64(items.count())
}
