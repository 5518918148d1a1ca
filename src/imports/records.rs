//! Decides about the students and courses of the files.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::doubles::{ensure_new_course, ensure_new_student};
use super::fields::RecordFields;
use super::known::Known;
use super::parties::{no_such_student, shared_address, shared_id};
use super::steps::{FieldChange, Obstacle, RecordStep};
use crate::files::reading::{CourseRow, Found, Origin, PersonRow, Reading, Reference, Standing, Wanted};
use crate::priority::pause_if_due;
use crate::registrar::{Course, FieldValues, Record, Student, Version};
use crate::text::is_same;

/// The step of each person.
pub(super) fn students(reading: &Reading, known: &Known, fields: &RecordFields) -> Vec<RecordStep<Student>> {
    let wanted: HashSet<Reference> = reading
        .enrollments
        .iter()
        .filter(|row| row.wanted == Wanted::Enrolled)
        .map(|row| match reading.person(row.student) {
            // An address may name a student whose row has a number.
            Found::Person(person) => person.reference,
            Found::Nobody | Found::Several => row.student,
        })
        .collect();
    let step = |row: &PersonRow| {
        pause_if_due();
        let found = known.students(reading.students.get(row.reference));
        if found.len() > 1 {
            let is_numbered = row.number.is_some();
            return RecordStep::Refused(if is_numbered { shared_id("students") } else { shared_address() });
        }
        let name = Some(&*row.name).filter(|name| !name.is_empty());
        let values = [("name", name), ("email", row.email.as_deref()), ("number", row.number.as_deref())];
        // A student who takes no part is added only for an enrollment.
        let is_wanted = row.standing == Standing::Active || wanted.contains(&row.reference);
        let step = record(found.first(), &values, row.standing, is_wanted, fields);
        match (&step, ensure_new_student(row, known, fields)) {
            (RecordStep::Add(_), _) if row.name.is_empty() => {
                RecordStep::Refused(no_such_student(reading.students.get(row.reference)))
            }
            (RecordStep::Add(_), Err(obstacle)) => RecordStep::Refused(obstacle),
            _ => step,
        }
    };
    let mut steps: Vec<_> = reading.people.iter().map(step).collect();
    refuse_second_rows(&mut steps, reading, |row| reading.people[row].origin);
    steps
}

/// The step of each course.
pub(super) fn courses(reading: &Reading, known: &Known, fields: &RecordFields) -> Vec<RecordStep<Course>> {
    let step = |row: &CourseRow| {
        let found = known.courses(&row.code);
        if found.len() > 1 {
            return RecordStep::Refused(shared_id("courses"));
        }
        let values =
            [("name", Some(&*row.name)), ("level", row.level.as_deref()), ("code", Some(&*row.code))];
        let is_wanted = row.standing == Standing::Active;
        let step = record(found.first(), &values, row.standing, is_wanted, fields);
        match (&step, ensure_new_course(row, known, fields)) {
            (RecordStep::Add(_), Err(obstacle)) => RecordStep::Refused(obstacle),
            _ => step,
        }
    };
    let mut steps: Vec<_> = reading.courses.iter().map(step).collect();
    refuse_second_rows(&mut steps, reading, |row| reading.courses[row].origin);
    steps
}

/// Decides about a record of the files. Fields without a value stay as they are.
fn record<R: Record>(
    present: Option<&R>,
    values: &[(&'static str, Option<&str>)],
    standing: Standing,
    is_wanted: bool,
    fields: &RecordFields,
) -> RecordStep<R> {
    let values = values.iter().filter(|(field, _)| fields.holds(field));
    match (present, standing) {
        (None, Standing::Deleted) => RecordStep::LeftOut,
        (None, _) if !is_wanted => RecordStep::LeftOut,
        (None, _) => {
            let values = values
                .filter_map(|(field, value)| Some((*field, value.or(fields.default_of(field))?.to_owned())));
            RecordStep::Add(FieldValues::new(values))
        }
        (Some(present), Standing::Deleted) => {
            RecordStep::Remove { id: present.id(), version: Version::from_record(present) }
        }
        (Some(present), _) => {
            let changes: Vec<_> =
                values.filter_map(|(field, value)| change(present, field, (*value)?)).collect();
            if changes.is_empty() {
                RecordStep::Same(present.id())
            } else {
                RecordStep::Change { id: present.id(), version: Version::from_record(present), changes }
            }
        }
    }
}

/// Refuses the second row about a record, if two rows name it in different ways (by its id and by its address).
fn refuse_second_rows<R: Record>(
    steps: &mut [RecordStep<R>],
    reading: &Reading,
    origin: impl Fn(usize) -> Origin,
) where
    R::Id: Hash + Eq,
{
    let mut firsts: HashMap<R::Id, usize> = HashMap::new();
    for (row, step) in steps.iter_mut().enumerate() {
        let Some(id) = step.id() else { continue };
        let first = *firsts.entry(id).or_insert(row);
        if first != row {
            let first = origin(first);
            let detail =
                format!("Line {} is about the same record, which it names in another way.", first.line);
            let detail = reading.with_other_file(detail, origin(row).file, Some(first));
            *step = RecordStep::Refused(Obstacle::new("same-record", detail));
        }
    }
}

fn change<R: Record>(present: &R, field: &'static str, new: &str) -> Option<FieldChange> {
    let described = R::FIELDS.iter().find(|known| known.name == field)?;
    let old = present.value(described);
    let is_same = old.is_some_and(|old| is_same(old, new));
    (!is_same).then(|| FieldChange { field, old: old.cloned(), new: new.to_owned() })
}
