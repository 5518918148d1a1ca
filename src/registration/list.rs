//! The list of courses with free seats, with open registration, or with a waitlist. It is made from the board, which has
//! the seats of all courses in memory.

use super::{Board, LiveCourse, store};
use crate::db::DbError;
use crate::lists::{CourseFilter, ListPart, Page, SortKey, Wanted, is_wanted, select};
use crate::registrar::Course;
use crate::viewer::Viewer;

impl Board {
    /// A part of the list of the wanted courses that meet a filter now, with the counts also of those without limits if these
    /// are wanted. Changes of names by other programs may appear a
    /// minute later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list<S: SortKey + PartialEq>(
        &self,
        viewer: &Viewer,
        filter: CourseFilter,
        wanted: Wanted<S>,
        name: &str,
        with_counts: bool,
        page: &Page,
    ) -> Result<ListPart<Course>, DbError> {
        let chooser = if filter.open.is_some() { store::chooser(viewer).await? } else { None };
        let (all, now) = (self.present_courses(viewer).await?, self.now());
        let has = |live: &&LiveCourse| {
            live.meets(filter, &now, chooser.as_ref()) && is_wanted(&live.course, &wanted)
        };
        let rows = all.iter().filter(has).map(|live| {
            let course = if with_counts { live.course.clone() } else { live.listed() };
            (live.course.id.0, course)
        });
        let rows = rows.collect();
        let sorting = wanted.sorting(name);
        select(rows, wanted.search, sorting, page).await
    }
}
