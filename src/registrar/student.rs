//! Students.

use super::caller::{Caller, Right};
use super::command::Command;
use super::enrollment::{dropped, left, promotions};
use super::event::{Change, Event, NewValue};
use super::facts::Facts;
use super::fields::{ensure_current, ensure_unused};
use super::kinds::EventKind;
use super::needs::Needs;
use super::read_only::ReadOnlyFields;
use super::record::{Student, StudentId, Version};
use super::records::{Create, Record, RecordField, TextKind, Update, changed_names};
use super::refusal::Refusal;
use crate::count::to_i64;
use crate::mapping::STUDENT_NUMBER;

/// Add a student.
pub type CreateStudent = Create<Student>;

/// Change some fields of a student.
pub type UpdateStudent = Update<Student>;

impl Record for Student {
    type Id = StudentId;

    const NAME: &'static str = "Student";
    const WRITE: Right = Right::WriteStudents;
    const EXTERNAL_ID: &'static str = STUDENT_NUMBER;
    const FIELDS: &'static [RecordField] = &[
        RecordField {
            name: "name",
            label: "Name",
            hint: "",
            kind: TextKind::Plain,
            examples: ["Zoë Martin", "Zoë Martin-Dubois"],
        },
        RecordField {
            name: "email",
            label: "E-mail",
            hint: "For example zoe@example.edu. Two students may have the same address.",
            kind: TextKind::Email,
            examples: ["zoe@example.edu", "zoe.martin@example.edu"],
        },
        RecordField {
            name: Self::EXTERNAL_ID,
            label: "Student number",
            hint: "Optional. The id that your other systems use, exactly as they write it: 0042 is not 42.",
            kind: TextKind::ExternalId,
            examples: ["0042817", "0042818"],
        },
    ];

    fn empty(id: StudentId) -> Self {
        Self { id, name: None, email: None, number: None }
    }

    fn id(&self) -> StudentId {
        self.id
    }

    fn value(&self, field: &RecordField) -> Option<&String> {
        match field.name {
            "name" => self.name.as_ref(),
            "email" => self.email.as_ref(),
            _ => self.number.as_ref(),
        }
    }

    fn value_mut(&mut self, field: &RecordField) -> &mut Option<String> {
        match field.name {
            "name" => &mut self.name,
            "email" => &mut self.email,
            _ => &mut self.number,
        }
    }

    fn needs_row(id: StudentId, needs: &mut Needs) {
        needs.lock_student(id);
    }

    fn needs_holders(external_id: String, needs: &mut Needs) {
        needs.number(external_id);
    }

    fn holder(external_id: &str, facts: &Facts) -> Option<StudentId> {
        facts.numbers.get(external_id)?.first().copied()
    }

    fn taken(holder: StudentId) -> Refusal {
        Refusal::NumberTaken(holder)
    }

    fn find(id: StudentId, facts: &Facts) -> Result<&Self, Refusal> {
        facts.student(id)
    }

    fn ensure_current(&self, expected: Option<&[Version]>, _: &Facts) -> Result<(), Refusal> {
        ensure_current(self, expected)
    }

    fn read_only(facts: &Facts) -> &ReadOnlyFields {
        &facts.read_only.students
    }

    fn created(self) -> Event {
        Event::about_student(EventKind::StudentCreated, self.id, Change::AddStudent(self))
    }

    fn updated(self, changed: Vec<NewValue>) -> Event {
        let data = changed_names(&changed);
        Event::about_student(EventKind::StudentUpdated, self.id, Change::UpdateStudent(self, changed))
            .with_data(data)
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
        // Tokens and accounts of the student end.
        needs.changes_access();
        needs.all_of_student(self.id);
        if self.expected.is_some() {
            needs.lock_student(self.id);
        }
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
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

/// Another program has deleted the student's row.
pub(super) fn vanished(id: StudentId) -> Event {
    Event::about_student(EventKind::StudentDeleted, id, Change::ForgetStudent(id))
}
