//! Lists: complete without a limit, in pages with one; nothing is truncated silently.

mod cursor;
mod filter;
mod ranks;
mod records;
mod rolled;
mod search;

use std::str::FromStr;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde::Deserialize;
use utoipa::ToSchema;

pub use self::cursor::{Cursor, PLAIN_ORDER};
pub use self::filter::CourseFilter;
pub use self::ranks::{Rank, SortKey, Sorting, Wanted, run_blocking, select};
pub use self::records::{ListedTable, RecordList, is_wanted};
pub use self::rolled::{Rolled, Texts};
pub use self::search::{Pattern, Search, Searchable};
use crate::count::to_i64;
use crate::db::{Arg, DbError, Map, Reach};
use crate::viewer::Viewer;

/// Rows of a complete list that are read before the rest is streamed; also the largest page that counts as a short
/// read.
const FIRST_ROWS: i64 = 500;

/// The number of rows on a page: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(minimum = 1, maximum = 10_000)]
pub struct Limit(i64);

impl Limit {
    /// For a list on a page for people.
    pub const PAGE: Self = Self(50);
    /// For a roster on a page for people: most courses are shown whole.
    pub const ROSTER: Self = Self(100);
    /// The maximum.
    pub const MAX: Self = Self(10_000);
    /// For suggestions while somebody types.
    pub const SUGGESTIONS: Self = Self(8);
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = digits.then(|| text.parse().ok()).flatten().filter(|limit| (1..=10_000).contains(limit));
        limit.map(Self).ok_or("must be a whole number from 1 to 10,000")
    }
}

/// The part of a list to read.
#[derive(Debug)]
pub struct Page {
    /// The maximum number of rows; `None` for all.
    pub limit: Option<Limit>,
    /// The row before the first one to read.
    pub after: Option<Cursor>,
    /// Rows to pass over, of a list that is sorted in memory; 0 of every other list.
    pub skip: usize,
}

/// The error for a cursor of another list or order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCursor;

/// The error for a window without rows, or with more than 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongWindow;

/// A part of a list that was read.
pub struct ListPart<T> {
    /// The number of rows that match, on all pages.
    pub total: i64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// The first rows; all of them if `rest` is `None`.
    pub rows: Vec<T>,
    /// The further rows, while they are read.
    pub rest: Option<BoxStream<'static, Result<Vec<T>, DbError>>>,
}

/// Makes the parameters of a statement that reads the rows after a cursor.
pub type ArgsAfter = Box<dyn Fn(Option<&Cursor>) -> Vec<Arg> + Send + Sync>;

/// A row with its position in the list. The sort key comes from the statement itself, so that a cursor compares
/// exactly as the database sorts.
#[derive(Debug)]
pub struct ListRow<T> {
    /// The row.
    pub row: T,
    /// The sort key; `None` if the list is sorted by id alone.
    pub text: Option<String>,
    /// The id, which breaks ties.
    pub id: i64,
}

/// A list that is read with statements that page and sort.
pub struct Listing<T> {
    /// The name of the list and its order, for its cursors.
    pub order: String,
    /// The statement that counts the rows.
    pub count: &'static str,
    /// The parameters of `count`.
    pub count_args: Vec<Arg>,
    /// The statement that reads rows after a cursor; its last parameter is the number of rows.
    pub rows: &'static str,
    /// Makes the parameters of `rows`, without the last one.
    pub args: ArgsAfter,
    /// Reads a row.
    pub map: Map<ListRow<T>>,
    /// How much of a table has to be read for a page.
    pub reach: Reach,
    /// How much of a table has to be read to count the rows.
    pub count_reach: Reach,
}

impl<T: Send + 'static> Listing<T> {
    /// Reads a part of the list.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(self, viewer: &Viewer, page: &Page) -> Result<ListPart<T>, DbError> {
        let db = viewer.db();
        let max = page.limit.map_or(FIRST_ROWS, |limit| limit.0);
        let args = self.args_after(page.after.as_ref(), max + 1);
        let known_total = page.after.as_ref().and_then(|after| after.total);
        let mut rows = db.read(self.reach_for(max), self.rows, args, self.map).await?;
        let more = to_i64(rows.len()) > max;
        if more {
            rows.pop();
        }
        let total = match (known_total, i64::try_from(rows.len())) {
            (Some(known), _) => known,
            (None, Ok(all)) if !more && page.after.is_none() => all,
            _ => db.count(self.count_reach, self.count, self.count_args.clone()).await?,
        };
        let last = rows.last().filter(|_| more).map(|last| {
            let order = self.order.clone();
            Cursor { order, text: last.text.clone(), id: last.id, total: Some(total) }
        });
        let (next, rest) = match (last, page.limit) {
            (Some(last), Some(_)) => (Some(last), None),
            (Some(last), None) => {
                let rest = db.stream(self.rows, self.args_after(Some(&last), i64::MAX), self.map).await?;
                (None, Some(rest.map(|chunk| chunk.map(into_rows)).boxed()))
            }
            (None, _) => (None, None),
        };
        Ok(ListPart { total, next, rows: into_rows(rows), rest })
    }

    /// Reading a few rows by key takes microseconds, thousands of rows take longer. Long pages are therefore read as
    /// ranges, so that they do not delay reads of single rows.
    fn reach_for(&self, rows: i64) -> Reach {
        if self.reach == Reach::Page && rows > FIRST_ROWS { Reach::Range } else { self.reach }
    }

    fn args_after(&self, after: Option<&Cursor>, rows: i64) -> Vec<Arg> {
        let mut args = (self.args)(after);
        args.push(rows.into());
        args
    }
}

/// A list that is always short: it is read completely, and sorted and cut here. For a few rows, a database takes as
/// long to prepare a sort as to find the rows.
pub struct ShortListing<T> {
    /// The name of the list, for its cursors.
    pub order: String,
    /// The statement that reads all rows, in any order.
    pub rows: &'static str,
    /// The parameters of `rows`.
    pub args: Vec<Arg>,
    /// Reads a row; the list is sorted by its `id`.
    pub map: Map<ListRow<T>>,
}

impl<T: Send + 'static> ShortListing<T> {
    /// Reads a part of the list.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(self, viewer: &Viewer, page: &Page) -> Result<ListPart<T>, DbError> {
        let mut rows = viewer.db().query(self.rows, self.args, self.map).await?;
        let total = to_i64(rows.len());
        rows.sort_unstable_by_key(|row| row.id);
        if let Some(after) = &page.after {
            rows.retain(|row| row.id > after.id);
        }
        let more = rows.len() > page.max_rows();
        rows.truncate(page.max_rows());
        let last = rows.last().filter(|_| more);
        let next = last.map(|last| Cursor { order: self.order, text: None, id: last.id, total: None });
        Ok(ListPart { total, next, rows: into_rows(rows), rest: None })
    }
}

fn into_rows<T>(rows: Vec<ListRow<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.row).collect()
}

impl Page {
    /// The first page of a list.
    #[must_use]
    pub fn first(limit: Limit) -> Self {
        Self { limit: Some(limit), after: None, skip: 0 }
    }

    /// The page with `limit` rows after a cursor, of a list in `order`.
    ///
    /// # Errors
    /// If the cursor is of another list or order.
    pub fn new(limit: Option<Limit>, after: Option<Cursor>, order: &str) -> Result<Self, WrongCursor> {
        if after.as_ref().is_some_and(|after| after.order != order) {
            return Err(WrongCursor);
        }
        Ok(Self { limit, after, skip: 0 })
    }

    /// All rows.
    #[must_use]
    pub fn all() -> Self {
        Self { limit: None, after: None, skip: 0 }
    }

    /// The rows from the place `from`, which begins at 0, up to the place `to`, which is not among them. Only for lists of
    /// records, which can be sorted in memory.
    ///
    /// # Errors
    /// If that is no row, or more than a page may have.
    pub fn window(from: usize, to: usize) -> Result<Self, WrongWindow> {
        let rows = to.checked_sub(from).and_then(|rows| i64::try_from(rows).ok());
        let limit = rows.filter(|rows| (1..=Limit::MAX.0).contains(rows)).map(Limit).ok_or(WrongWindow)?;
        Ok(Self { limit: Some(limit), after: None, skip: from })
    }

    /// The maximum number of rows; `usize::MAX` without a limit.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| usize::try_from(limit.0).unwrap_or(usize::MAX))
    }
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Ascending.
    #[default]
    Asc,
    /// Descending.
    Desc,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pages_are_read_as_ranges() {
        let listing = |reach| Listing::<()> {
            order: String::new(),
            count: "",
            count_args: Vec::new(),
            rows: "",
            args: Box::new(|_| Vec::new()),
            map: |_| Ok(ListRow { row: (), text: None, id: 0 }),
            reach,
            count_reach: Reach::Range,
        };
        let rows = [Limit::PAGE.0, FIRST_ROWS, FIRST_ROWS + 1, Limit::MAX.0];
        let by_key = rows.map(|rows| listing(Reach::Page).reach_for(rows));
        assert_eq!(by_key, [Reach::Page, Reach::Page, Reach::Range, Reach::Range]);
        assert_eq!(rows.map(|rows| listing(Reach::Scan).reach_for(rows)), [Reach::Scan; 4]);
    }
}
