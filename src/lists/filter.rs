//! Conditions on the courses of a list.

/// Conditions on the present seats and windows of courses. Each is met by the courses for which it is true, by those for
/// which it is false, or, where it is `None`, by all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CourseFilter {
    /// Registration is open; for a student: they could enroll now, or join the waitlist.
    pub open: Option<bool>,
    /// There are free seats, or no limit.
    pub free: Option<bool>,
    /// Students wait for a seat.
    pub waiting: Option<bool>,
}

impl CourseFilter {
    /// Whether all courses meet it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
