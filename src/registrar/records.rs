//! Adds and changes records: students and courses.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::PhantomData;

use serde_json::{Value, json};

use super::answer::Answer;
use super::caller::{Caller, Right};
use super::command::Command;
use super::event::{Event, NewValue};
use super::facts::Facts;
use super::fields::ensure_writable;
use super::needs::Needs;
use super::read_only::ReadOnlyFields;
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
    /// The name of the field with the id of the outside world: the only field that may be empty, and unique.
    const EXTERNAL_ID: &'static str;

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

    /// Adds the records with this external id to what a change needs to read.
    fn needs_holders(external_id: String, needs: &mut Needs);

    /// The record with the lowest id among those with this external id; found tables may have several.
    fn holder(external_id: &str, facts: &Facts) -> Option<Self::Id>;

    /// The refusal for an external id that this record has.
    fn taken(holder: Self::Id) -> Refusal;

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
    /// An id of the outside world: any text that [`record_text`] accepts, or none. It is kept as written, and no two
    /// records have the same.
    ExternalId,
}

impl RecordField {
    /// Whether a record may be without a value.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.kind == TextKind::ExternalId
    }
}

impl TextKind {
    /// Validates a text.
    ///
    /// # Errors
    /// A message about what is wrong.
    pub fn parse(self, input: &str) -> Result<String, String> {
        match self {
            Self::Plain | Self::ExternalId => record_text(input),
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
    /// Takes pairs of a field's name and its value; `None` removes the value.
    #[must_use]
    pub fn new<V: Into<Option<String>>>(values: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, value.into()));
        Self { values: values.collect(), record: PhantomData }
    }

    /// Returns the value of a field; `None` if it is not among these.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Option<String>> {
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
    pub fn new<const N: usize>(values: [(&'static str, String); N]) -> Self {
        Self { values: FieldValues::new(values) }
    }
}

impl<R: Record + PartialEq> Command for Create<R> {
    type Answer = R;

    fn needs(&self, needs: &mut Needs) {
        needs_holders(&self.values, needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(R::WRITE)
    }

    fn decide(&self, _: &Caller, facts: &Facts) -> Result<(Vec<Event>, R), Refusal> {
        let mut record = R::empty(facts.provisional_id().into());
        let given = set(&mut record, &self.values);
        let ReadOnlyFields { expressions, absent, .. } = R::read_only(facts);
        ensure_writable(&given, &[expressions], absent)?;
        ensure_free::<R>(&given, facts)?;
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
        needs_holders(&self.values, needs);
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
        ensure_free::<R>(&changed, facts)?;
        let updated = (!changed.is_empty()).then(|| record.clone().updated(changed));
        Ok((updated.into_iter().collect(), record.completed(facts)))
    }
}

/// Adds the records that have the new external id, if there is one.
fn needs_holders<R: Record>(values: &FieldValues<R>, needs: &mut Needs) {
    if let Some(Some(external_id)) = values.get(R::EXTERNAL_ID) {
        R::needs_holders(external_id.clone(), needs);
    }
}

/// Refuses a new external id that a record has.
fn ensure_free<R: Record>(changed: &[NewValue], facts: &Facts) -> Result<(), Refusal> {
    let external_id = changed.iter().find(|(field, _)| *field == R::EXTERNAL_ID);
    let holder = external_id.and_then(|(_, value)| R::holder(value.as_deref()?, facts));
    holder.map_or(Ok(()), |holder| Err(R::taken(holder)))
}

/// Sets the fields; returns those whose values change.
fn set<R: Record>(record: &mut R, values: &FieldValues<R>) -> Vec<NewValue> {
    let mut changed = Vec::new();
    for field in R::FIELDS {
        let present = record.value_mut(field);
        if let Some(new) = values.get(field.name)
            && present != new
        {
            present.clone_from(new);
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
