//! The holds and groups of a student, on the student's page.

use std::collections::BTreeSet;

use crate::db::DbError;
use crate::groups::store as groups;
use crate::holds::store as holds;
use crate::lists::{Limit, Page};
use crate::registrar::{Group, GroupName, Hold, Right, StudentId};
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
}

impl Standing {
    /// The names of the student's groups.
    pub(super) fn group_names(&self) -> BTreeSet<GroupName> {
        self.groups.iter().map(|group| group.name.clone()).collect()
    }

    /// Loads the holds and groups of a student; the other groups only for somebody who changes students.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load(app: &App, id: StudentId) -> Result<Self, DbError> {
        let all = Page::first(Limit::MAX);
        let holds = holds::holds_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let own = groups::groups_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let mut others = Vec::new();
        if app.viewer.has(Right::WriteStudents) {
            others = groups::groups().read(&app.viewer, &all).await?.rows;
            others.retain(|group| !own.contains(group));
        }
        Ok(Self { holds, groups: own, others })
    }
}
