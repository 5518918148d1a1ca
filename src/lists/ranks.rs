//! Lists that are sorted in memory: where each row stands, and a part of the rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::{Cursor, Direction, ListPart, Listing, Page, Search, Searchable};
use crate::count::to_i64;
use crate::db::{DbError, Reach};
use crate::text::collation::compare;
use crate::viewer::Viewer;

/// A sort key of a list.
pub trait SortKey: Copy + Debug {
    /// The position of the text to sort by in the texts of a record; `None` for the id.
    fn text(self) -> Option<usize>;
}

/// The rows of a list that are wanted, and their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted<S> {
    /// Rows that a search finds. One with exactly the typed id or external id comes first.
    pub search: Option<Search>,
    /// Rows with these ids, in ascending order, each once.
    pub ids: Option<Vec<i64>>,
    /// Rows with these ids. There may be as many ids as rows.
    pub among: Option<Arc<HashSet<i64>>>,
    /// Rows whose first text is exactly this.
    pub first_text: Option<String>,
    /// Rows whose second text is exactly this.
    pub second_text: Option<String>,
    /// Rows whose external id is exactly this.
    pub external_id: Option<String>,
    /// Whether a filter that the list itself does not know leaves out rows.
    pub is_filtered: bool,
    /// The sort key.
    pub sort: S,
    /// Ascending or descending.
    pub direction: Direction,
}

/// The order of a list that is sorted in memory.
#[derive(Clone, Debug)]
pub struct Sorting {
    /// The name of the list and its order, for its cursors.
    pub order: String,
    /// The text to sort by; `None` for positions.
    pub text: Option<usize>,
    /// Ascending or descending.
    pub direction: Direction,
}

/// Where a row stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank<'a> {
    /// Whether it is exactly what was typed: these rows come first in both directions.
    pub is_exact: bool,
    /// The text to sort by; empty if the list is sorted by positions.
    pub text: &'a str,
    /// The position, which breaks ties: the id, if there is no other.
    pub position: i64,
}

impl<S: SortKey + PartialEq> Wanted<S> {
    /// Whether all rows are wanted, in the order of their ids.
    #[must_use]
    pub fn is_everything_by_id(&self) -> bool {
        !self.has_conditions() && self.sort.text().is_none()
    }

    /// Whether only rows with an exact text, or with some ids, are wanted.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let texts = [&self.first_text, &self.second_text, &self.external_id];
        self.ids.is_some() || texts.iter().any(|text| text.is_some())
    }

    fn has_conditions(&self) -> bool {
        self.search.is_some() || self.is_exact() || self.among.is_some() || self.is_filtered
    }

    /// The order of these rows in the list with this name.
    #[must_use]
    pub fn sorting(&self, list: &str) -> Sorting {
        let (sort, direction, text) = (self.sort, self.direction, self.sort.text());
        // A cursor contains what its list is sorted by. Earlier versions sorted in another way.
        let collated = if text.is_some() { ".root" } else { "" };
        let found = if self.has_conditions() { ".found" } else { "" };
        Sorting { order: format!("{list}.{sort:?}.{direction:?}{collated}{found}"), text, direction }
    }
}

impl<'a> Rank<'a> {
    /// The rank of the row before which a cursor ends.
    #[must_use]
    pub fn of(cursor: &'a Cursor) -> Self {
        let text = cursor.text.as_deref().unwrap_or_default();
        let is_exact = text.starts_with(EXACT);
        Self { is_exact, text: text.get(1..).unwrap_or_default(), position: cursor.id }
    }

    /// The cursor behind this row.
    #[must_use]
    pub fn cursor(self, order: String, total: i64) -> Cursor {
        let text = format!("{}{}", if self.is_exact { EXACT } else { OTHER }, self.text);
        Cursor { order, text: Some(text), id: self.position, total: Some(total) }
    }

    /// Compares two places in a list.
    #[must_use]
    pub fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        other.is_exact.cmp(&self.is_exact).then_with(|| match direction {
            Direction::Asc => self.compare_ascending(other),
            Direction::Desc => other.compare_ascending(self),
        })
    }

    /// Compares without regard to exact matches.
    #[must_use]
    pub fn compare_ascending(&self, other: &Self) -> Ordering {
        compare(self.text, other.text).then_with(|| self.position.cmp(&other.position))
    }
}

impl<T: Searchable + Send + 'static> Listing<T> {
    /// The order of the wanted rows, for cursors.
    #[must_use]
    pub fn order_of<S: SortKey + PartialEq>(&self, wanted: &Wanted<S>) -> String {
        if wanted.is_everything_by_id() { self.order.clone() } else { wanted.sorting(&self.order).order }
    }

    /// Reads a part of the wanted rows. Unless all of them are wanted in the order of the list, the whole list is read and
    /// searched and sorted in memory.
    ///
    /// # Errors
    /// As [`Listing::read`].
    pub async fn read_wanted<S: SortKey + PartialEq>(
        self,
        viewer: &Viewer,
        wanted: Wanted<S>,
        page: &Page,
    ) -> Result<ListPart<T>, DbError> {
        if wanted.is_everything_by_id() {
            return self.read(viewer, page).await;
        }
        let sorting = wanted.sorting(&self.order);
        let rows =
            viewer.db().read(Reach::Range, self.rows, self.args_after(None, i64::MAX), self.map).await?;
        let by_id = sorting.text.is_some();
        let rows = rows.into_iter().map(|row| (if by_id { row.row.id() } else { row.id }, row.row));
        select(rows.collect(), wanted.search, sorting, page).await
    }
}

/// The first character of the text of a cursor, for rows that are exactly what was typed.
const EXACT: char = '0';
/// The same for all others.
const OTHER: char = '1';

/// A part of the rows that a search finds, sorted. Each row comes with its position.
///
/// # Errors
/// Only if sorting is interrupted.
pub async fn select<T: Searchable + Send + 'static>(
    rows: Vec<(i64, T)>,
    search: Option<Search>,
    sorting: Sorting,
    page: &Page,
) -> Result<ListPart<T>, DbError> {
    let (after, skip, max) = (page.after.clone(), page.skip, page.max_rows());
    run_blocking(move || part(rows, search.as_ref(), sorting, after.as_ref(), skip, max)).await
}

/// Runs work that takes milliseconds where it does not block other tasks.
///
/// # Errors
/// If it is interrupted.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DbError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DbError::Engine(error.to_string()))
}

fn part<T: Searchable>(
    rows: Vec<(i64, T)>,
    search: Option<&Search>,
    sorting: Sorting,
    after: Option<&Cursor>,
    skip: usize,
    max: usize,
) -> ListPart<T> {
    let Sorting { order, text, direction } = sorting;
    let pattern = search.map(Search::pattern);
    let mut found: Vec<(bool, i64, T)> = rows
        .into_iter()
        .filter_map(|(position, row)| {
            let is_exact = pattern.as_ref().map_or(Some(false), |pattern| pattern.find_in(&row))?;
            Some((is_exact, position, row))
        })
        .collect();
    let total = after.and_then(|after| after.total).unwrap_or_else(|| to_i64(found.len()));
    if let Some(after) = after {
        let place = Rank::of(after);
        found.retain(|row| rank(row, text).compare(&place, direction) == Ordering::Greater);
    }
    found.sort_by(|one, other| rank(one, text).compare(&rank(other, text), direction));
    found.drain(..skip.min(found.len()));
    let more = found.len() > max;
    found.truncate(max);
    let next = found.last().filter(|_| more).map(|last| rank(last, text).cursor(order, total));
    ListPart { total, next, rows: found.into_iter().map(|(_, _, row)| row).collect(), rest: None }
}

fn rank<T: Searchable>((is_exact, position, row): &(bool, i64, T), text: Option<usize>) -> Rank<'_> {
    let text = text.and_then(|text| row.texts()[text]).unwrap_or_default();
    Rank { is_exact: *is_exact, text, position: *position }
}
