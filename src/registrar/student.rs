//! Students.

use serde_json::json;

use super::caller::Caller;
use super::command::Command;
use super::enrollment::{dropped, left, promotions};
use super::event::{Change, Event, NewValue};
use super::facts::Facts;
use super::fields::{ensure_current, ensure_unused, ensure_writable, set_field};
use super::kinds::EventKind;
use super::needs::Needs;
use super::record::{Student, StudentId, Version};
use super::refusal::Refusal;
use crate::count::to_i64;

/// Add a student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateStudent {
    /// The full name.
    pub name: String,
    /// The e-mail address; two students may have the same.
    pub email: String,
}

impl Command for CreateStudent {
    type Answer = Student;

    fn needs(&self, _: &mut Needs) {}

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Student), Refusal> {
        let student = Student {
            id: StudentId(facts.provisional_id()),
            name: Some(self.name.clone()),
            email: Some(self.email.clone()),
        };
        Ok((vec![created(student.clone())], student))
    }
}

/// Change the fields that are `Some`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStudent {
    /// The student.
    pub id: StudentId,
    /// The new name.
    pub name: Option<String>,
    /// The new e-mail address.
    pub email: Option<String>,
    /// Change it only if the student still has one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl Command for UpdateStudent {
    type Answer = Student;

    fn needs(&self, needs: &mut Needs) {
        needs.lock_student(self.id);
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, Student), Refusal> {
        let before = facts.student(self.id)?;
        ensure_current(before, self.expected.as_deref())?;
        let (mut student, mut changed) = (before.clone(), Vec::new());
        set_field("name", &mut student.name, self.name.as_ref(), &mut changed);
        set_field("email", &mut student.email, self.email.as_ref(), &mut changed);
        ensure_writable(&changed, &facts.read_only.students)?;
        let updated = (!changed.is_empty()).then(|| updated(student.clone(), changed));
        Ok((updated.into_iter().collect(), student))
    }
}

/// Delete a student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteStudent {
    /// The student.
    pub id: StudentId,
    /// Whether to drop the student's courses first; if not, a student who has any is not deleted.
    pub drop: bool,
    /// Drop no more enrollments and waitlist places than this: the caller has not seen more.
    pub max_dropped: Option<usize>,
    /// Delete it only if the student still has one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl Command for DeleteStudent {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        needs.all_of_student(self.id);
        if self.expected.is_some() {
            needs.lock_student(self.id);
        }
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        ensure_current(facts.student(self.id)?, self.expected.as_deref())?;
        let waits: Vec<_> = facts.waitlist_entries_of_student(self.id).cloned().collect();
        let enrollments: Vec<_> = facts.enrollments_of_student(self.id).cloned().collect();
        ensure_unused(self.drop, self.max_dropped, enrollments.len(), waits.len())?;
        let mut events: Vec<_> = waits.into_iter().map(left).collect();
        let mut last_id = facts.last_enrollment_id;
        for enrollment in enrollments {
            let course_id = enrollment.course_id;
            let promoted = promotions(course_id, &facts.limits_of(course_id), 1, last_id, facts);
            last_id += to_i64(promoted.len());
            events.push(dropped(enrollment));
            events.extend(promoted);
        }
        events.push(Event::about_student(EventKind::StudentDeleted, self.id, Change::DeleteStudent(self.id)));
        Ok((events, ()))
    }
}

fn created(student: Student) -> Event {
    Event::about_student(EventKind::StudentCreated, student.id, Change::AddStudent(student))
}

fn updated(student: Student, changed: Vec<NewValue>) -> Event {
    let fields: Vec<_> = changed.iter().map(|(field, _)| *field).collect();
    Event::about_student(EventKind::StudentUpdated, student.id, Change::UpdateStudent(student, changed))
        .with_data(json!({ "changed": fields }))
}

/// Another program has deleted the student's row.
pub(super) fn vanished(id: StudentId) -> Event {
    Event::about_student(EventKind::StudentDeleted, id, Change::ForgetStudent(id))
}
