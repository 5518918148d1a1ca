//! The holds and groups of a student, on the student's page.

use std::collections::BTreeSet;

use crate::count::to_i64;
use crate::db::DbError;
use crate::groups::store as groups;
use crate::holds::store as holds;
use crate::lists::{Limit, Page};
use crate::registrar::{Group, GroupName, Hold, Right, StudentId};
use crate::rules::store as rules;
use crate::state::App;

/// Why a student may not enroll, and the groups that decide when they may.
#[derive(Debug)]
pub(super) struct Standing {
    /// The student's holds.
    pub holds: Vec<Hold>,
    /// The student's groups.
    pub groups: Vec<Group>,
    /// The groups that the student could be added to.
    pub others: Vec<Group>,
    /// The most courses that the student may have, places on waitlists included; `None` for no limit.
    pub course_limit: Option<i64>,
}

impl Standing {
    /// The names of the student's groups.
    pub(super) fn group_names(&self) -> BTreeSet<GroupName> {
        self.groups.iter().map(|group| group.name.clone()).collect()
    }

    /// Why the rules give the student no further course, whatever the course; `courses` are those that they have, places on
    /// waitlists included.
    pub(super) fn bar(&self, courses: usize) -> Option<&'static str> {
        if !self.holds.is_empty() {
            return Some("On hold");
        }
        let is_at_limit = self.course_limit.is_some_and(|limit| limit <= to_i64(courses));
        is_at_limit.then_some("At the limit of courses")
    }

    /// Loads the holds and groups of a student; the other groups only for somebody who changes students.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load(app: &App, id: StudentId) -> Result<Self, DbError> {
        let all = Page::first(Limit::MAX);
        let holds = holds::holds_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let own = groups::groups_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let of_groups = own.iter().filter_map(|group| group.course_limit).min();
        let course_limit = of_groups.or(rules::find(&app.viewer).await?.course_limit);
        let mut others = Vec::new();
        if app.viewer.has(Right::WriteStudents) {
            others = groups::groups().read(&app.viewer, &all).await?.rows;
            others.retain(|group| !own.contains(group));
        }
        Ok(Self { holds, groups: own, others, course_limit })
    }
}
