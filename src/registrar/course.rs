//! Courses.

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::{dropped, left};
use super::event::{Change, Event, NewValue};
use super::facts::Facts;
use super::fields::{ensure_current, ensure_unused};
use super::kinds::EventKind;
use super::needs::Needs;
use super::read_only::ReadOnlyFields;
use super::record::{Course, CourseId, SeatCount, Version};
use super::records::{Create, Record, RecordField, TextKind, Update, changed_names};
use super::refusal::Refusal;
use super::seats;
use crate::mapping::COURSE_CODE;

/// Add a course.
pub type CreateCourse = Create<Course>;

/// Change some fields of a course.
pub type UpdateCourse = Update<Course>;

impl Record for Course {
    type Id = CourseId;

    const NAME: &'static str = "Course";
    const WRITE: Right = Right::WriteCourses;
    const EXTERNAL_ID: &'static str = COURSE_CODE;
    const FIELDS: &'static [RecordField] = &[
        RecordField {
            name: "name",
            label: "Name",
            hint: "",
            kind: TextKind::Plain,
            examples: ["Algebra", "Linear Algebra"],
        },
        RecordField {
            name: "level",
            label: "Level",
            hint: "In your own words, for example undergraduate.",
            kind: TextKind::Plain,
            examples: ["undergraduate", "graduate"],
        },
        RecordField {
            name: Self::EXTERNAL_ID,
            label: "Course code",
            hint: "Optional. The id that your other systems use, exactly as they write it, for example MATH-101.",
            kind: TextKind::ExternalId,
            examples: ["MATH-101", "MATH-102"],
        },
    ];

    fn empty(id: CourseId) -> Self {
        Self { id, name: None, level: None, code: None, seats: None }
    }

    fn id(&self) -> CourseId {
        self.id
    }

    fn value(&self, field: &RecordField) -> Option<&String> {
        match field.name {
            "name" => self.name.as_ref(),
            "level" => self.level.as_ref(),
            _ => self.code.as_ref(),
        }
    }

    fn value_mut(&mut self, field: &RecordField) -> &mut Option<String> {
        match field.name {
            "name" => &mut self.name,
            "level" => &mut self.level,
            _ => &mut self.code,
        }
    }

    fn needs_row(id: CourseId, needs: &mut Needs) {
        needs.lock_course(id);
    }

    fn needs_holders(external_id: String, needs: &mut Needs) {
        needs.code(external_id);
    }

    fn holder(external_id: &str, facts: &Facts) -> Option<CourseId> {
        facts.codes.get(external_id)?.first().copied()
    }

    fn taken(holder: CourseId) -> Refusal {
        Refusal::CodeTaken(holder)
    }

    fn find(id: CourseId, facts: &Facts) -> Result<&Self, Refusal> {
        facts.course(id)
    }

    fn ensure_current(&self, expected: Option<&[Version]>, facts: &Facts) -> Result<(), Refusal> {
        ensure_current(self, expected).map_err(|refusal| match refusal {
            Refusal::Stale(version) => {
                let seats = seat_count(self.id, facts);
                Refusal::StaleCourse { version, seats: seats.as_ref().map(Version::from_record) }
            }
            other => other,
        })
    }

    fn read_only(facts: &Facts) -> &ReadOnlyFields {
        &facts.read_only.courses
    }

    fn created(self) -> Event {
        Event::about_course(EventKind::CourseCreated, self.id, Change::AddCourse(self))
    }

    fn updated(self, changed: Vec<NewValue>) -> Event {
        let data = changed_names(&changed);
        Event::about_course(EventKind::CourseUpdated, self.id, Change::UpdateCourse(self, changed))
            .with_data(data)
    }

    fn completed(self, facts: &Facts) -> Self {
        Self { seats: seat_count(self.id, facts), ..self }
    }
}

/// How full the course is; `None` if it has no limits.
fn seat_count(id: CourseId, facts: &Facts) -> Option<SeatCount> {
    facts.limits.contains_key(&id).then(|| facts.seats_of(id).count())
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
    /// The version of its [`SeatCount`]; `Some(None)` if the course had no limits, `None`
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

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteCourses)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let id = self.id;
        let version = Version::from_record(facts.course(id)?);
        let seats = seat_count(id, facts).as_ref().map(Version::from_record);
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

/// Another program has deleted the course's row.
pub(super) fn vanished(id: CourseId) -> Event {
    Event::about_course(EventKind::CourseDeleted, id, Change::ForgetCourse(id))
}
