//! Checks and helpers for changing the fields of a record.

use std::hash::Hash;

use super::event::NewValue;
use super::record::Version;
use super::refusal::Refusal;

/// Refuses the change if the record has none of the versions that the caller expects.
pub(super) fn ensure_current(record: &impl Hash, expected: Option<&[Version]>) -> Result<(), Refusal> {
    let present = Version::from_record(record);
    match expected {
        Some(versions) if !versions.contains(&present) => Err(Refusal::Stale(present)),
        _ => Ok(()),
    }
}

/// Refuses a change to a field that the database computes or does not have.
pub(super) fn ensure_writable(
    changed: &[NewValue],
    computed: &[&Vec<String>],
    absent: &[String],
) -> Result<(), Refusal> {
    for (field, _) in changed {
        if absent.iter().any(|one| one == field) {
            return Err(Refusal::AbsentField((*field).to_owned()));
        }
        if computed.iter().copied().flatten().any(|one| one == field) {
            return Err(Refusal::ReadOnlyField((*field).to_owned()));
        }
    }
    Ok(())
}

/// Refuses to delete a record that has enrollments or waitlist places, unless they are to be dropped, and there are no more
/// than `max_dropped`.
pub(super) fn ensure_unused(
    drop: bool,
    max_dropped: Option<usize>,
    enrolled: usize,
    waitlisted: usize,
) -> Result<(), Refusal> {
    let count = enrolled + waitlisted;
    if count == 0 || (drop && max_dropped.is_none_or(|max| count <= max)) {
        Ok(())
    } else {
        Err(Refusal::HasEnrollments { enrolled, waitlisted })
    }
}
