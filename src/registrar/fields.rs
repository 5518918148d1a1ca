//! Changing the fields of a record: only those that differ, only of the version that the caller saw.

use std::hash::Hash;

use super::event::NewValue;
use super::record::Version;
use super::refusal::Refusal;

/// Refuses a change to another version of the record than the caller saw.
pub(super) fn unless_stale(record: &impl Hash, expected: Option<&[Version]>) -> Result<(), Refusal> {
    let present = Version::of(record);
    match expected {
        Some(versions) if !versions.contains(&present) => Err(Refusal::Stale(present)),
        _ => Ok(()),
    }
}

/// Refuses a change to a column that the table computes.
pub(super) fn unless_read_only(changed: &[NewValue], read_only: &[String]) -> Result<(), Refusal> {
    match changed.iter().find(|(field, _)| read_only.iter().any(|one| one == field)) {
        Some((field, _)) => Err(Refusal::ReadOnlyField((*field).to_owned())),
        None => Ok(()),
    }
}

/// Sets a field, and notes it where that is a change.
pub(super) fn change(
    field: &'static str,
    present: &mut Option<String>,
    new: Option<&String>,
    changed: &mut Vec<NewValue>,
) {
    if let Some(new) = new
        && present.as_ref() != Some(new)
    {
        *present = Some(new.clone());
        changed.push((field, new.clone()));
    }
}

/// Refuses to delete somebody who has enrollments, unless they are to be dropped.
pub(super) fn unless_in_use(drop: bool, enrolled: usize, waitlisted: usize) -> Result<(), Refusal> {
    if drop || enrolled + waitlisted == 0 {
        Ok(())
    } else {
        Err(Refusal::HasEnrollments { enrolled, waitlisted })
    }
}
