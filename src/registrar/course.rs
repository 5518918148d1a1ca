//! Courses.

use serde_json::json;

use super::caller::Caller;
use super::command::Command;
use super::enrollment::{dropped, left};
use super::event::{Change, Event, NewValue};
use super::facts::Facts;
use super::fields::{ensure_current, ensure_unused, ensure_writable, set_field};
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{Course, CourseId, Version};
use super::refusal::Refusal;
use super::seats;

/// Add a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateCourse {
    /// The title.
    pub name: String,
    /// The level, in the school's own words.
    pub level: String,
}

impl Command for CreateCourse {
    type Answer = Course;

    fn needs(&self, _: &mut Needs) {}

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Course), Refusal> {
        let course = Course {
            id: CourseId(facts.provisional_id()),
            name: Some(self.name.clone()),
            level: Some(self.level.clone()),
            seats: None,
        };
        Ok((vec![created(course.clone())], course))
    }
}

/// Change the fields that are `Some`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateCourse {
    /// The course.
    pub id: CourseId,
    /// The new title.
    pub name: Option<String>,
    /// The new level.
    pub level: Option<String>,
    /// Change it only if the course still has one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl Command for UpdateCourse {
    type Answer = Course;

    fn needs(&self, needs: &mut Needs) {
        needs.lock_course(self.id);
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Course), Refusal> {
        let before = facts.course(self.id)?;
        let seats = facts.limits.contains_key(&self.id).then(|| facts.seats_of(self.id).count());
        ensure_current(before, self.expected.as_deref()).map_err(|refusal| match refusal {
            Refusal::Stale(version) => {
                Refusal::StaleCourse { version, seats: seats.as_ref().map(Version::from_record) }
            }
            other => other,
        })?;
        let (mut course, mut changed) = (before.clone(), Vec::new());
        set_field("name", &mut course.name, self.name.as_ref(), &mut changed);
        set_field("level", &mut course.level, self.level.as_ref(), &mut changed);
        ensure_writable(&changed, &facts.read_only.courses)?;
        let updated = (!changed.is_empty()).then(|| updated(course.clone(), changed));
        Ok((updated.into_iter().collect(), Course { seats, ..course }))
    }
}

/// Delete a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteCourse {
    /// The course.
    pub id: CourseId,
    /// Whether to drop its students first; if not, a course that has any is not deleted.
    pub drop: bool,
    /// Drop no more enrollments and waitlist places than this: the caller has not seen more.
    pub max_dropped: Option<usize>,
    /// Delete it only if the course is still as the caller saw it.
    pub expected: Option<Vec<SeenCourse>>,
}

/// A course as a caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenCourse {
    /// The version of the course.
    pub version: Version,
    /// The version of its [`SeatCount`](super::record::SeatCount); `Some(None)` if the course had no limits, `None`
    /// if the caller did not look at it.
    pub seats: Option<Option<Version>>,
}

impl Command for DeleteCourse {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.all_of_course(self.id);
        if self.expected.is_some() {
            needs.lock_course(self.id);
        }
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let id = self.id;
        let version = Version::from_record(facts.course(id)?);
        let seats = facts.limits.contains_key(&id).then(|| Version::from_record(&facts.seats_of(id).count()));
        let is_present =
            |seen: &SeenCourse| seen.version == version && seen.seats.is_none_or(|seen| seen == seats);
        if self.expected.as_ref().is_some_and(|seen| !seen.iter().any(is_present)) {
            return Err(Refusal::StaleCourse { version, seats });
        }
        let waits: Vec<_> = facts.waitlist_entries_of_course(id).cloned().collect();
        let enrollments: Vec<_> = facts.enrollments_of_course(id).cloned().collect();
        ensure_unused(self.drop, self.max_dropped, enrollments.len(), waits.len())?;
        // The waitlist is emptied first, so that nobody is moved up into the deleted course.
        let mut events: Vec<_> = waits.into_iter().map(left).collect();
        events.extend(enrollments.into_iter().map(dropped));
        events.extend(facts.limits.contains_key(&id).then(|| seats::removed(id)));
        events.push(Event::about_course(EventKind::CourseDeleted, id, Change::DeleteCourse(id)));
        Ok((events, ()))
    }
}

fn created(course: Course) -> Event {
    Event::about_course(EventKind::CourseCreated, course.id, Change::AddCourse(course))
}

fn updated(course: Course, changed: Vec<NewValue>) -> Event {
    let fields: Vec<_> = changed.iter().map(|(field, _)| *field).collect();
    Event::about_course(EventKind::CourseUpdated, course.id, Change::UpdateCourse(course, changed))
        .with_data(json!({ "changed": fields }))
}

/// Another program has deleted the course's row.
pub(super) fn vanished(id: CourseId) -> Event {
    Event::about_course(EventKind::CourseDeleted, id, Change::ForgetCourse(id))
}
