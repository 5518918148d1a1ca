//! Which courses of a list are wanted, by their seats and windows: the same for the list of the API and that of the pages.

use std::collections::BTreeSet;

use super::LiveCourse;
use crate::clock::Stamp;
use crate::lists::CourseFilter;
use crate::registrar::{CourseId, GroupName};

/// A student who looks for courses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chooser {
    /// The student's groups, for which courses can open at times of their own.
    pub groups: BTreeSet<GroupName>,
    /// The courses that the student takes or waits for.
    pub taken: BTreeSet<CourseId>,
    /// Whether the student enrolls in nothing at present.
    pub is_on_hold: bool,
}

impl Chooser {
    /// Whether the student could enroll in the course at `now`, or join its waitlist, perhaps in place of another course.
    #[must_use]
    pub fn can_enroll(&self, live: &LiveCourse, now: &Stamp) -> bool {
        !self.is_on_hold
            && !self.taken.contains(&live.course.id)
            && live.outlook_for(&self.groups, now).is_possible()
    }
}

impl LiveCourse {
    /// Whether the course meets a filter at `now`, for this student if there is one.
    #[must_use]
    pub fn meets(&self, filter: CourseFilter, now: &Stamp, chooser: Option<&Chooser>) -> bool {
        let is_open = || chooser.map_or_else(|| self.is_open(now), |chooser| chooser.can_enroll(self, now));
        let is_free = || self.free().is_none_or(|free| free > 0);
        filter.open.is_none_or(|wanted| wanted == is_open())
            && filter.free.is_none_or(|wanted| wanted == is_free())
            && filter.waiting.is_none_or(|wanted| wanted == (self.wanted_by().1 > 0))
    }
}
