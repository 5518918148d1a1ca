//! The instructors of a course, on its page.

use crate::db::DbError;
use crate::instructors::{Instructor, store};
use crate::lists::{Limit, Page};
use crate::registrar::{CourseId, Right};
use crate::state::App;

/// The instructors of a course, for somebody who assigns them.
#[derive(Debug)]
pub(super) struct InstructorsPanel {
    /// Those of the course.
    pub assigned: Vec<Instructor>,
    /// Those who could be assigned.
    pub candidates: Vec<Instructor>,
    /// Why the form was refused.
    pub refusal: Option<String>,
}

impl InstructorsPanel {
    /// Loads the panel; `None` for a caller who does not change courses.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(super) async fn load(
        app: &App,
        id: CourseId,
        refusal: Option<String>,
    ) -> Result<Option<Self>, DbError> {
        if !app.viewer.has(Right::WriteCourses) {
            return Ok(None);
        }
        let all = Page::first(Limit::MAX);
        let assigned = store::instructors_of(&app.viewer, id).read(&app.viewer, &all).await?.rows;
        let candidates = store::candidates_for(&app.viewer, id).await?;
        Ok(Some(Self { assigned, candidates, refusal }))
    }

    /// The name of an instructor, with the number of the account where several have the name.
    pub(super) fn label(&self, one: &Instructor) -> String {
        let mut all = self.assigned.iter().chain(&self.candidates);
        let is_shared = all.any(|other| other.name == one.name && other.account_id != one.account_id);
        if is_shared { format!("{} (account {})", one.name, one.account_id) } else { one.name.clone() }
    }
}
