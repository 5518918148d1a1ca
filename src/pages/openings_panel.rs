//! When a course opens for groups, on its page.

use super::kit::FormValues;
use crate::clock::Stamp;
use crate::db::DbError;
use crate::groups::store;
use crate::lists::{Limit, Page};
use crate::registrar::{Group, GroupName, Right, Seats};
use crate::state::App;

/// When a course opens for groups, for somebody who changes courses.
#[derive(Debug)]
pub(super) struct OpeningsPanel {
    /// The groups for which it opens at a time of their own, with that time.
    pub openings: Vec<(GroupName, Stamp)>,
    /// All groups.
    pub groups: Vec<Group>,
    /// What was typed, and what is wrong with it.
    pub values: FormValues,
}

impl OpeningsPanel {
    /// Loads the panel; `None` for a caller who does not change courses, and in a school without groups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn load(
        app: &App,
        seats: &Seats,
        values: Option<FormValues>,
    ) -> Result<Option<Self>, DbError> {
        if !app.viewer.has(Right::WriteCourses) {
            return Ok(None);
        }
        let groups = store::groups().read(&app.viewer, &Page::first(Limit::MAX)).await?.rows;
        let openings = seats.group_opens_at.clone().into_iter().collect();
        let values = values.unwrap_or_default();
        Ok((!groups.is_empty()).then_some(Self { openings, groups, values }))
    }
}
