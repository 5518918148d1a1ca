//! The order of the board.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LiveCourse;
use crate::registrar::CourseId;
use crate::text::collation;

/// The courses of the board, those with the fewest free seats first.
pub(super) fn in_order(courses: &BTreeMap<CourseId, LiveCourse>) -> Arc<[LiveCourse]> {
    let mut courses: Vec<_> = courses.values().cloned().collect();
    courses.sort_by_cached_key(|live| {
        (sort_key(live), live.course.name.as_deref().map(collation::key), live.course.id)
    });
    courses.into()
}

/// Sorts courses with the fewest free seats first, then those without a limit, the largest first.
fn sort_key(live: &LiveCourse) -> (bool, i64) {
    let seats = live.course.seats.as_ref();
    match seats.and_then(|seats| seats.capacity.map(|capacity| capacity - seats.enrolled - seats.waitlisted))
    {
        Some(free) => (false, free),
        None => (true, seats.map_or(0, |seats| -seats.enrolled)),
    }
}
