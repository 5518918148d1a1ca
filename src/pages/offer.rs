//! What staff can do about a refusal by the rules.

use super::kit::FormValues;
use crate::registrar::Course;

/// A form with which staff enrolls the student in a course that would not take them by the rules.
pub(super) struct Offer {
    /// The course.
    pub(super) course: Course,
    /// The typed reason, and what is wrong with it.
    pub(super) values: FormValues,
    /// Whether the form is shown at once.
    pub(super) is_open: bool,
}

impl Offer {
    /// The form for this course, not yet opened.
    pub(super) fn new(course: Course) -> Self {
        Self { course, values: FormValues::default(), is_open: false }
    }
}
