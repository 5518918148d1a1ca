//! Adds and changes records: students and courses.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::PhantomData;

use serde_json::{Value, json};

use super::answer::Answer;
use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Event, NewValue};
use super::facts::{Facts, ReadOnlyFields};
use super::fields::ensure_writable;
use super::needs::Needs;
use super::record::Version;
use super::refusal::Refusal;
use crate::text::{email_address, record_text};

/// A student or a course, with text fields that people and programs write.
pub trait Record: Clone + Debug + Hash + Into<Answer> + TryFrom<Answer> + Send + Sync + 'static {
    /// The type of its id.
    type Id: Copy + Debug + Display + From<i64> + PartialEq + Send + Sync;

    /// Its name in the API's schemas: `Student`.
    const NAME: &'static str;
    /// Its fields in the order of forms, the name first. The API, the pages and the commands all use this list.
    const FIELDS: &'static [RecordField];

    /// The right to add, change and delete such records.
    const WRITE: Right;

    /// Returns a record with this id and without values.
    fn empty(id: Self::Id) -> Self;

    /// The id.
    fn id(&self) -> Self::Id;

    /// Returns the value of a field; `None` for a null.
    fn value(&self, field: &RecordField) -> Option<&String>;

    /// Returns the value of a field, to change it.
    fn value_mut(&mut self, field: &RecordField) -> &mut Option<String>;

    /// Adds the row to what a change needs to read.
    fn needs_row(id: Self::Id, needs: &mut Needs);

    /// Returns the record as it is before a change.
    ///
    /// # Errors
    /// [`Refusal::StudentNotFound`] or [`Refusal::CourseNotFound`].
    fn find(id: Self::Id, facts: &Facts) -> Result<&Self, Refusal>;

    /// Checks that the record has one of the versions that the caller expects.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::StaleCourse`].
    fn ensure_current(&self, expected: Option<&[Version]>, facts: &Facts) -> Result<(), Refusal>;

    /// Returns the fields that cannot be written in this school.
    fn read_only(facts: &Facts) -> &ReadOnlyFields;

    /// Returns the event that this record was added.
    fn created(self) -> Event;

    /// Returns the event that the fields in `changed` were changed; `self` has the new values.
    fn updated(self, changed: Vec<NewValue>) -> Event;

    /// Adds the part of an answer that is not a field: the seats of a course.
    #[must_use]
    fn completed(self, _: &Facts) -> Self {
        self
    }
}

/// A field of a [`Record`].
#[derive(Clone, Copy, Debug)]
pub struct RecordField {
    /// The name in the API, the log and the tables.
    pub name: &'static str,
    /// The label on pages.
    pub label: &'static str,
    /// What to enter; empty if that is obvious.
    pub hint: &'static str,
    /// Which texts it accepts.
    pub kind: TextKind,
    /// Examples: a value, and another one to change it to.
    pub examples: [&'static str; 2],
}

/// Which texts a field accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Any text that [`record_text`] accepts.
    Plain,
    /// An address that [`email_address`] accepts.
    Email,
}

impl TextKind {
    /// Validates a text.
    ///
    /// # Errors
    /// A message about what is wrong.
    pub fn parse(self, input: &str) -> Result<String, String> {
        match self {
            Self::Plain => record_text(input),
            Self::Email => email_address(input),
        }
    }
}

/// Values of some fields of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValues<R> {
    values: Vec<NewValue>,
    record: PhantomData<fn() -> R>,
}

impl<R> FieldValues<R> {
    /// Takes pairs of a field's name and its value.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = NewValue>) -> Self {
        Self { values: values.into_iter().collect(), record: PhantomData }
    }

    /// Returns the value of a field; `None` if it is not among these.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&String> {
        self.values.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }
}

/// Add a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create<R> {
    /// Its values.
    pub values: FieldValues<R>,
}

impl<R: Record> Create<R> {
    /// Adds a record with these values.
    #[must_use]
    pub fn new<const N: usize>(values: [NewValue; N]) -> Self {
        Self { values: FieldValues::new(values) }
    }
}

impl<R: Record + PartialEq> Command for Create<R> {
    type Answer = R;

    fn needs(&self, _: &mut Needs) {}

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(R::WRITE)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, R), Refusal> {
        let mut record = R::empty(facts.provisional_id().into());
        let given = set(&mut record, &self.values);
        let ReadOnlyFields { expressions, absent, .. } = R::read_only(facts);
        ensure_writable(&given, &[expressions], absent)?;
        Ok((vec![record.clone().created()], record))
    }
}

/// Change some fields of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<R: Record> {
    /// The record.
    pub id: R::Id,
    /// The new values.
    pub values: FieldValues<R>,
    /// Change it only if the record still has one of these versions.
    pub expected: Option<Vec<Version>>,
}

impl<R: Record + PartialEq> Command for Update<R> {
    type Answer = R;

    fn needs(&self, needs: &mut Needs) {
        R::needs_row(self.id, needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(R::WRITE)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, R), Refusal> {
        let before = R::find(self.id, facts)?;
        before.ensure_current(self.expected.as_deref(), facts)?;
        let mut record = before.clone();
        let changed = set(&mut record, &self.values);
        let ReadOnlyFields { generated, expressions, absent } = R::read_only(facts);
        ensure_writable(&changed, &[generated, expressions], absent)?;
        let updated = (!changed.is_empty()).then(|| record.clone().updated(changed));
        Ok((updated.into_iter().collect(), record.completed(facts)))
    }
}

/// Sets the fields; returns those whose values change.
fn set<R: Record>(record: &mut R, values: &FieldValues<R>) -> Vec<NewValue> {
    let mut changed = Vec::new();
    for field in R::FIELDS {
        let present = record.value_mut(field);
        if let Some(new) = values.get(field.name)
            && present.as_ref() != Some(new)
        {
            *present = Some(new.clone());
            changed.push((field.name, new.clone()));
        }
    }
    changed
}

/// Returns the details of an event about changed fields: their names, not their values.
pub(super) fn changed_names(changed: &[NewValue]) -> Value {
    let names: Vec<_> = changed.iter().map(|(field, _)| *field).collect();
    json!({ "changed": names })
}
