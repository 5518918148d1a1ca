//! The order of the board.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LiveCourse;
use crate::registrar::CourseId;

/// The courses of the board, those with the fewest free seats first.
pub(super) fn in_order(courses: &BTreeMap<CourseId, LiveCourse>) -> Arc<[LiveCourse]> {
    let mut courses: Vec<_> = courses.values().cloned().collect();
    courses.sort_by_cached_key(|live| {
        (sort_key(live), live.course.name.as_deref().map(natural_key), live.course.id)
    });
    courses.into()
}

/// A key that sorts numbers in names by value: `Rush 2` before `Rush 10`.
#[must_use]
pub fn natural_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 16);
    let mut rest = name;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        key.push_str(before);
        key.extend(std::iter::repeat_n('0', 20_usize.saturating_sub(end)));
        key.push_str(&digits[..end]);
        rest = &digits[end..];
    }
    key.push_str(rest);
    key
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

#[cfg(test)]
mod tests {
    use super::natural_key;

    #[test]
    fn numbers_in_names_sort_by_value() {
        let mut names = ["Rush 10", "Rush", "Rush 2", "Rush 2b"];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(names, ["Rush", "Rush 2", "Rush 2b", "Rush 10"]);
    }
}
