//! The live view of registration: how full each course is, and how fast students enroll.

mod board;
mod filter;
mod order;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};

pub use self::board::{Board, Rates};
pub use self::filter::{Chooser, CourseFilter};
use crate::clock::Stamp;
use crate::registrar::{Course, GroupName, SeatCount, Seats, opening_for};

/// A course with its current seats and its registration window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCourse {
    /// The course; its `seats` are always there, also without limits.
    pub course: Course,
    /// Places on the waitlist.
    pub waitlist_capacity: i64,
    /// When registration opens; `None` if it was always open.
    pub opens_at: Option<Stamp>,
    /// When registration closes; `None` if it stays open.
    pub closes_at: Option<Stamp>,
    /// The waitlist moves up until this time, in place of `closes_at`.
    pub waitlist_closes_at: Option<Stamp>,
    /// When registration opens for groups, in place of `opens_at`.
    pub group_opens_at: BTreeMap<GroupName, Stamp>,
}

/// What would happen to a student who enrolls in a course, according to its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The student gets a seat.
    Seat,
    /// All seats are taken, and the student joins so many others on the waitlist.
    Waitlist(i64),
    /// All seats are taken, and all places on the waitlist.
    Full,
    /// Registration opens at this time.
    OpensAt(Stamp),
    /// Registration has been closed since this time.
    ClosedAt(Stamp),
}

impl Outlook {
    /// Whether the student gets a seat or a place on the waitlist.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        matches!(self, Self::Seat | Self::Waitlist(_))
    }
}

impl LiveCourse {
    /// A course with these seats, which are current, and its window.
    #[must_use]
    pub fn new(course: Course, seats: &Seats) -> Self {
        Self {
            course: Course { seats: Some(seats.count()), ..course },
            waitlist_capacity: seats.waitlist_capacity,
            opens_at: seats.opens_at.clone(),
            closes_at: seats.closes_at.clone(),
            waitlist_closes_at: seats.waitlist_closes_at.clone(),
            group_opens_at: seats.group_opens_at.clone(),
        }
    }

    /// What would happen to a student without groups who enrolls at `now`.
    #[must_use]
    pub fn outlook(&self, now: &Stamp) -> Outlook {
        self.outlook_for(&BTreeSet::new(), now)
    }

    /// What would happen to a student in these groups who enrolls at `now`.
    #[must_use]
    pub fn outlook_for(&self, groups: &BTreeSet<GroupName>, now: &Stamp) -> Outlook {
        if let Some(closes_at) = self.closes_at.as_ref().filter(|closes_at| *closes_at <= now) {
            return Outlook::ClosedAt(closes_at.clone());
        }
        let opens_at =
            opening_for(self.opens_at.as_ref(), &self.group_opens_at, |group| groups.contains(group));
        if let Some(opens_at) = opens_at.filter(|opens_at| *opens_at > now) {
            return Outlook::OpensAt(opens_at.clone());
        }
        let Some(seats) = self.course.seats.as_ref().filter(|seats| seats.is_full()) else {
            return Outlook::Seat;
        };
        let moves_up = self.waitlist_closes_at.as_ref().is_none_or(|end| now < end);
        let has_place = moves_up && seats.waitlisted < self.waitlist_capacity;
        if has_place { Outlook::Waitlist(seats.waitlisted) } else { Outlook::Full }
    }

    /// Whether registration is open at `now`.
    #[must_use]
    pub fn is_open(&self, now: &Stamp) -> bool {
        !matches!(self.outlook(now), Outlook::OpensAt(_) | Outlook::ClosedAt(_))
    }

    /// The number of free seats; `None` without a limit.
    #[must_use]
    pub fn free(&self) -> Option<i64> {
        let seats = self.course.seats.as_ref()?;
        seats.capacity.map(|capacity| (capacity - seats.enrolled).max(0))
    }

    /// How many students have a seat, and how many wait for one.
    #[must_use]
    pub fn wanted_by(&self) -> (i64, i64) {
        let seats = self.course.seats.as_ref();
        seats.map_or((0, 0), |SeatCount { enrolled, waitlisted, .. }| (*enrolled, *waitlisted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::CourseId;

    #[test]
    fn the_window_is_looked_at_before_the_seats() {
        let at = |hour: u8| Stamp::from_stored(format!("2026-09-01T{hour:02}:00:00.000Z"));
        let with_waitlist_until = |enrolled, waitlisted, [opens_at, closes_at, waitlist]: [Option<u8>; 3]| {
            let seats = Some(SeatCount { capacity: Some(2), enrolled, waitlisted });
            let course = Course { id: CourseId(1), name: None, level: None, code: None, seats };
            let (opens_at, closes_at) = (opens_at.map(at), closes_at.map(at));
            let waitlist_closes_at = waitlist.map(at);
            LiveCourse {
                course,
                waitlist_capacity: 3,
                opens_at,
                closes_at,
                waitlist_closes_at,
                group_opens_at: BTreeMap::new(),
            }
            .outlook(&at(12))
        };
        let course = |enrolled, waitlisted, opens_at, closes_at| {
            with_waitlist_until(enrolled, waitlisted, [opens_at, closes_at, None])
        };
        assert_eq!(with_waitlist_until(2, 1, [None, None, Some(13)]), Outlook::Waitlist(1));
        assert_eq!(with_waitlist_until(2, 1, [None, None, Some(12)]), Outlook::Full);
        assert_eq!(with_waitlist_until(1, 1, [None, None, Some(12)]), Outlook::Seat);
        assert_eq!(course(1, 0, None, None), Outlook::Seat);
        assert_eq!(course(2, 0, None, None), Outlook::Waitlist(0));
        assert_eq!(course(2, 1, Some(12), Some(13)), Outlook::Waitlist(1));
        assert_eq!(course(3, 3, None, None), Outlook::Full);
        assert_eq!(course(2, 3, Some(13), None), Outlook::OpensAt(at(13)));
        assert_eq!(course(0, 0, None, Some(12)), Outlook::ClosedAt(at(12)));
    }
}
