//! Which courses of a list are wanted, by their seats and windows: the same for the list of the API and that of the pages.

use std::collections::BTreeSet;

use super::LiveCourse;
use crate::clock::Stamp;
use crate::registrar::{CourseId, GroupName};

/// Conditions on the present state of courses. Each is met by the courses for which it is true, by those for which it
/// is false, or, where it is `None`, by all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CourseFilter {
    /// Registration is open; for a student: they could enroll now, or join the waitlist.
    pub open: Option<bool>,
    /// There are free seats, or no limit.
    pub free: Option<bool>,
    /// Students wait for a seat.
    pub waiting: Option<bool>,
}

/// A student who looks for courses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chooser {
    /// The student's groups, for which courses can open at times of their own.
    pub groups: BTreeSet<GroupName>,
    /// The courses that the student takes or waits for.
    pub taken: BTreeSet<CourseId>,
}

impl Chooser {
    /// Whether the student could enroll in the course at `now`, or join its waitlist.
    #[must_use]
    pub fn can_enroll(&self, live: &LiveCourse, now: &Stamp) -> bool {
        !self.taken.contains(&live.course.id) && live.outlook_for(&self.groups, now).is_possible()
    }
}

impl CourseFilter {
    /// Whether all courses meet it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a course meets it at `now`, for this student if there is one.
    #[must_use]
    pub fn has(&self, live: &LiveCourse, now: &Stamp, chooser: Option<&Chooser>) -> bool {
        let is_open = || chooser.map_or_else(|| live.is_open(now), |chooser| chooser.can_enroll(live, now));
        let is_free = || live.free().is_none_or(|free| free > 0);
        self.open.is_none_or(|wanted| wanted == is_open())
            && self.free.is_none_or(|wanted| wanted == is_free())
            && self.waiting.is_none_or(|wanted| wanted == (live.wanted_by().1 > 0))
    }
}
