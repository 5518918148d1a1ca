//! What a student who has signed in takes and waits for, and what that means for the courses.

use std::collections::BTreeSet;

use crate::clock::Stamp;
use crate::count::to_i64;
use crate::db::DbError;
use crate::enrollments::{OwnEnrollment, store as enrollments};
use crate::groups::store as groups;
use crate::holds::store as holds;
use crate::http::problem::Problem;
use crate::lists::{Limit, Page};
use crate::registrar::{CourseId, GroupName, Hold, Limits, StudentId};
use crate::registration::{Chooser, LiveCourse, Outlook};
use crate::rules::store as rules;
use crate::seats::{OwnWait, store as seats};
use crate::state::App;

/// The student who reads a page.
#[derive(Debug)]
pub(in crate::pages) struct Me {
    /// The student.
    pub id: StudentId,
    /// The courses that the student takes, in order of enrollment.
    pub held: Vec<OwnEnrollment>,
    /// The places on waitlists, in the order in which the student joined.
    pub waits: Vec<OwnWait>,
    /// The student's groups, for which courses can open at times of their own.
    pub groups: BTreeSet<GroupName>,
    /// Why the student does not enroll at present.
    pub holds: Vec<Hold>,
    /// The most courses that the student may have, places in line included; `None` for no limit.
    pub course_limit: Option<i64>,
    /// The time of all that is shown.
    pub now: Stamp,
}

/// What a course is to a student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Standing {
    /// The student takes it.
    Enrolled,
    /// The student has this place on its waitlist.
    Waiting(i64),
    /// Neither: what would happen to the student now.
    Open(Outlook),
    /// Neither, and the student may have no further course: what would happen to others now.
    Barred(Outlook),
}

/// Whether a student may drop a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Dropping {
    /// Yes, until this time if there is one.
    Until(Option<Stamp>),
    /// Not before this time.
    From(Stamp),
    /// Not since this time.
    Since(Stamp),
}

impl Dropping {
    /// What the limits of a course say at `now` about a student in these groups.
    #[must_use]
    fn new(limits: &Limits, groups: &BTreeSet<GroupName>, now: &Stamp) -> Self {
        let end = limits.drop_until.as_ref().or(limits.closes_at.as_ref());
        if let Some(end) = end.filter(|end| *end <= now) {
            return Self::Since(end.clone());
        }
        let opens_at = limits.opening_for(|group| groups.contains(group));
        match opens_at.filter(|opens_at| *opens_at > now) {
            Some(opens_at) => Self::From(opens_at.clone()),
            None => Self::Until(end.cloned()),
        }
    }

    /// Whether the student may drop it now.
    #[must_use]
    pub(in crate::pages) fn is_possible(&self) -> bool {
        matches!(self, Self::Until(_))
    }
}

impl Me {
    /// The student who the caller is; `None` for everybody else.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(in crate::pages) async fn load(app: &App) -> Result<Option<Self>, DbError> {
        let Some(id) = app.viewer.own_student().map(StudentId) else { return Ok(None) };
        let all = Page::first(Limit::MAX);
        let groups = groups::groups_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let of_groups = groups.iter().filter_map(|group| group.course_limit).min();
        let course_limit = of_groups.or(rules::find(&app.viewer).await?.course_limit);
        Ok(Some(Self {
            id,
            // Before the enrollments: a student who moves up in between then has both, and not nothing.
            waits: seats::own_waits(&app.viewer).await?,
            held: enrollments::own_enrollments(&app.viewer).await?,
            course_limit,
            groups: groups.into_iter().map(|group| group.name).collect(),
            holds: holds::holds_of(&app.viewer, id).read(&app.viewer, &all).await?.rows,
            now: app.clock.stamp(),
        }))
    }

    /// The same for a page that is for students only.
    ///
    /// # Errors
    /// 403 for everybody else, or when the database cannot be read.
    pub(super) async fn require(app: &App) -> Result<Self, Problem> {
        Self::load(app).await?.ok_or_else(no_student)
    }

    /// The enrollment in a course.
    pub(in crate::pages) fn enrollment(&self, id: CourseId) -> Option<&OwnEnrollment> {
        self.held.iter().find(|held| held.course.id == id)
    }

    /// The place on the waitlist of a course.
    pub(in crate::pages) fn wait(&self, id: CourseId) -> Option<&OwnWait> {
        self.waits.iter().find(|wait| wait.course.id == id)
    }

    /// Whether this student may drop a course with these limits now.
    pub(in crate::pages) fn dropping(&self, limits: &Limits) -> Dropping {
        Dropping::new(limits, &self.groups, &self.now)
    }

    /// What would happen to this student who enrolls now.
    pub(in crate::pages) fn outlook(&self, live: &LiveCourse) -> Outlook {
        live.outlook_for(&self.groups, &self.now)
    }

    /// The most courses that the student may have, if they have as many, or more.
    pub(in crate::pages) fn full_limit(&self) -> Option<i64> {
        self.course_limit.filter(|limit| *limit <= self.courses())
    }

    /// The number of the student's courses, places in line included.
    pub(super) fn courses(&self) -> i64 {
        to_i64(self.held.len() + self.waits.len())
    }

    /// What the course is to this student.
    pub(in crate::pages) fn standing(&self, live: &LiveCourse) -> Standing {
        let id = live.course.id;
        if self.enrollment(id).is_some() {
            return Standing::Enrolled;
        }
        if let Some(wait) = self.wait(id) {
            return Standing::Waiting(wait.position);
        }
        let outlook = self.outlook(live);
        let is_barred = !self.holds.is_empty() || self.full_limit().is_some();
        if is_barred && outlook.is_possible() { Standing::Barred(outlook) } else { Standing::Open(outlook) }
    }

    /// What the limits of the course say about this student now; `None` for a course that they take or wait for.
    pub(super) fn own_outlook(&self, live: &LiveCourse) -> Option<Outlook> {
        match self.standing(live) {
            Standing::Open(outlook) | Standing::Barred(outlook) => Some(outlook),
            Standing::Enrolled | Standing::Waiting(_) => None,
        }
    }

    /// This student, as far as it matters to which courses are open to them.
    pub(in crate::pages) fn chooser(&self) -> Chooser {
        let taken = self.held.iter().map(|held| held.course.id);
        let taken = taken.chain(self.waits.iter().map(|wait| wait.course.id)).collect();
        Chooser { groups: self.groups.clone(), taken, is_on_hold: !self.holds.is_empty() }
    }

    /// Whether this student could get a seat now, perhaps in place of another course.
    pub(in crate::pages) fn can_get_seat(&self, live: &LiveCourse) -> bool {
        self.holds.is_empty() && self.own_outlook(live) == Some(Outlook::Seat)
    }
}

/// The id of the student who the caller is.
///
/// # Errors
/// 403 for everybody else.
pub(super) fn own_id(app: &App) -> Result<StudentId, Problem> {
    app.viewer.own_student().map(StudentId).ok_or_else(no_student)
}

fn no_student() -> Problem {
    Problem::forbidden("This page is for students: your account does not belong to one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_drop_from_the_opening_until_the_deadline_or_the_end_of_registration() {
        let at = |hour: u8| Stamp::from_stored(format!("2026-09-01T{hour:02}:00:00.000Z"));
        let dropping = |[opens_at, closes_at, drop_until]: [Option<u8>; 3]| {
            let [opens_at, closes_at, drop_until] =
                [opens_at, closes_at, drop_until].map(|time| time.map(at));
            let limits = Limits { opens_at, closes_at, drop_until, ..Limits::default() };
            Dropping::new(&limits, &BTreeSet::new(), &at(12))
        };
        assert_eq!(dropping([None, None, None]), Dropping::Until(None));
        assert_eq!(dropping([Some(12), Some(13), None]), Dropping::Until(Some(at(13))));
        assert_eq!(dropping([None, Some(11), Some(14)]), Dropping::Until(Some(at(14))));
        assert_eq!(dropping([None, Some(14), Some(12)]), Dropping::Since(at(12)));
        assert_eq!(dropping([None, Some(12), None]), Dropping::Since(at(12)));
        assert_eq!(dropping([Some(13), Some(14), None]), Dropping::From(at(13)));
    }
}
