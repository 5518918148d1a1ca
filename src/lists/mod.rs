//! Lists: complete without a limit, a page with it; nothing is truncated silently.

mod cursor;

use std::str::FromStr;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde::Deserialize;
use utoipa::ToSchema;

pub use self::cursor::{Cursor, PLAIN};
use crate::count::to_i64;
use crate::db::{Arg, Db, DbError, Map, Reach, Total};

/// Rows of a complete list that are read before the rest is streamed.
const FIRST_ROWS: i64 = 500;

/// How many rows a page has: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(i64);

impl Limit {
    /// As many as the list has room for on a page that people read.
    pub const TO_READ: Self = Self(50);
    /// As many as a page has at most.
    pub const MOST: Self = Self(10_000);
    /// A few to choose from.
    pub const TO_CHOOSE: Self = Self(8);
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = digits.then(|| text.parse().ok()).flatten().filter(|limit| (1..=10_000).contains(limit));
        limit.map(Self).ok_or("must be a whole number from 1 to 10000")
    }
}

/// Which part of a list is wanted.
#[derive(Debug)]
pub struct Page {
    /// Rows at most; all of them when `None`.
    pub limit: Option<Limit>,
    /// After which row.
    pub after: Option<Cursor>,
}

/// That a cursor is of another list or order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCursor;

/// A part of a list.
pub struct ListPart<T> {
    /// Rows that match, before paging.
    pub total: i64,
    /// After which row the next page begins, while there is more.
    pub next: Option<Cursor>,
    /// The first rows; all of them, unless `rest` has more.
    pub rows: Vec<T>,
    /// What comes after the first rows, as it is read.
    pub rest: Option<BoxStream<'static, Result<Vec<T>, DbError>>>,
}

/// The parameters of a statement that reads on after a row.
pub type ArgsAfter = Box<dyn Fn(Option<&Cursor>) -> Vec<Arg> + Send + Sync>;

/// A row, and where it stands in its list. The statement itself tells the text, so that a cursor means exactly what the
/// engine sorts by.
#[derive(Debug)]
pub struct Listed<T> {
    /// The row.
    pub row: T,
    /// What the list is sorted by, where that is not the id.
    pub text: Option<String>,
    /// The last key of the order.
    pub id: i64,
}

/// A list as a room's store defines it.
pub struct Listing<T> {
    /// Which order it is in, for its cursors.
    pub order: String,
    /// Counts the rows, one integer.
    pub count: &'static str,
    /// The parameters of `count`.
    pub count_args: Vec<Arg>,
    /// Reads the rows after a cursor; its last parameter is how many.
    pub rows: &'static str,
    /// The parameters of `rows` but the last, for reading after a cursor.
    pub args: ArgsAfter,
    /// How a row is read.
    pub map: Map<Listed<T>>,
    /// How much of a table it takes to read a page.
    pub reach: Reach,
    /// How much of a table it takes to count the rows: hardly ever less than a range.
    pub count_reach: Reach,
}

/// A list that can be searched and sorted.
pub struct Sorted<'a, T> {
    /// Counts the rows; `$1` is the pattern, if one is searched for.
    pub count: &'static str,
    /// Reads the rows; `$1` is the pattern, then the key of the row before, then how many.
    pub rows: &'static str,
    /// How a row is read.
    pub map: Map<Listed<T>>,
    /// What is searched for.
    pub search: Option<&'a Search>,
    /// Which order it is in, for its cursors.
    pub order: String,
    /// Which way.
    pub direction: Direction,
    /// Whether it is sorted by a text, or by the id alone.
    pub by_text: bool,
    /// How much of a table it takes to read a page in the order of the id, where nothing is searched for.
    pub reach: Reach,
}

impl<T: 'static> Sorted<'_, T> {
    /// As a listing.
    #[must_use]
    pub fn listing(self) -> Listing<T> {
        let Self { count, rows, map, search, order, direction, by_text, reach } = self;
        let pattern = search.map(Search::pattern);
        let count_args = pattern.iter().map(|pattern| pattern.as_str().into()).collect();
        let before_all = if direction == Direction::Asc { 0 } else { i64::MAX };
        let args = move |after: Option<&Cursor>| {
            let mut args = vec![pattern.clone().into()];
            if by_text {
                args.push(after.map(|after| after.text.clone().unwrap_or_default()).into());
            }
            args.push(after.map_or(before_all, |after| after.id).into());
            args
        };
        let reach = if by_text || search.is_some() { Reach::Scan } else { reach };
        let count_reach = if search.is_some() { Reach::Scan } else { Reach::Range };
        Listing { order, count, count_args, rows, args: Box::new(args), map, reach, count_reach }
    }
}

impl<T: Send + 'static> Listing<T> {
    /// Reads the part of the list that is wanted.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn read(self, db: &Db, page: &Page) -> Result<ListPart<T>, DbError> {
        let wanted = page.limit.map_or(FIRST_ROWS, |limit| limit.0);
        let args = self.args_after(page.after.as_ref(), wanted + 1);
        let counted_before = page.after.as_ref().and_then(|after| after.total);
        let (mut rows, counted) = if self.count_reach == Reach::Scan && counted_before.is_none() {
            let unless_within = page.after.is_none().then(|| usize::try_from(wanted).unwrap_or(usize::MAX));
            let total = Total { sql: self.count, args: self.count_args.clone(), unless_within };
            db.search(self.rows, args, self.map, total).await?
        } else {
            (db.read(self.reach_for(wanted), self.rows, args, self.map).await?, counted_before)
        };
        let more = to_i64(rows.len()) > wanted;
        if more {
            rows.pop();
        }
        let total = match (counted, i64::try_from(rows.len())) {
            (Some(counted), _) => counted,
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
                (None, Some(rest.map(|chunk| chunk.map(without_places)).boxed()))
            }
            (None, _) => (None, None),
        };
        Ok(ListPart { total, next, rows: without_places(rows), rest })
    }

    /// Rows by key are microseconds, thousands of them are not: whoever reads single rows must not wait behind a few clients
    /// that read the largest pages.
    fn reach_for(&self, rows: i64) -> Reach {
        if self.reach == Reach::Key && rows > FIRST_ROWS { Reach::Range } else { self.reach }
    }

    fn args_after(&self, after: Option<&Cursor>, rows: i64) -> Vec<Arg> {
        let mut args = (self.args)(after);
        args.push(rows.into());
        args
    }
}

/// A list of which nobody has many rows: it is read whole, and sorted and cut here. For a few rows an engine takes as long
/// to set up its sorting as to find them.
pub struct ShortListing<T> {
    /// Which order it is in, for its cursors.
    pub order: String,
    /// Reads all rows, in any order.
    pub rows: &'static str,
    /// The parameters of `rows`.
    pub args: Vec<Arg>,
    /// How a row is read; its place is its id.
    pub map: Map<Listed<T>>,
}

impl<T: Send + 'static> ShortListing<T> {
    /// Reads the part of the list that is wanted.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn read(self, db: &Db, page: &Page) -> Result<ListPart<T>, DbError> {
        let mut rows = db.query(self.rows, self.args, self.map).await?;
        let total = to_i64(rows.len());
        rows.sort_unstable_by_key(|row| row.id);
        if let Some(after) = &page.after {
            rows.retain(|row| row.id > after.id);
        }
        let more = rows.len() > page.most();
        rows.truncate(page.most());
        let last = rows.last().filter(|_| more);
        let next = last.map(|last| Cursor { order: self.order, text: None, id: last.id, total: None });
        Ok(ListPart { total, next, rows: without_places(rows), rest: None })
    }
}

fn without_places<T>(listed: Vec<Listed<T>>) -> Vec<T> {
    listed.into_iter().map(|listed| listed.row).collect()
}

impl Page {
    /// The first of a list.
    #[must_use]
    pub fn first(limit: Limit) -> Self {
        Self { limit: Some(limit), after: None }
    }

    /// The part that a query asks for, of a list in `order`.
    ///
    /// # Errors
    /// Where the cursor is of another order.
    pub fn of(limit: Option<Limit>, after: Option<Cursor>, order: &str) -> Result<Self, WrongCursor> {
        if after.as_ref().is_some_and(|after| after.order != order) {
            return Err(WrongCursor);
        }
        Ok(Self { limit, after })
    }

    /// Rows at most, however many a list without a limit has.
    #[must_use]
    pub fn most(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| usize::try_from(limit.0).unwrap_or(usize::MAX))
    }
}

/// Which way a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The smallest first.
    #[default]
    Asc,
    /// The largest first.
    Desc,
}

/// A text that is searched for: 1 to 255 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

impl FromStr for Search {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        crate::registrar::search_text(text).map(|text| Self(text.to_owned()))
    }
}

impl Search {
    /// The text in lower case, as names and addresses are compared with it.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// A pattern for `folded!(column) like $n escape '~'` that finds the text anywhere in the column. A backslash would mean
    /// something else on a server with `standard_conforming_strings=off`.
    #[must_use]
    pub fn pattern(&self) -> String {
        let escaped = self.folded().replace('~', "~~").replace('%', "~%").replace('_', "~_");
        format!("%{escaped}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_pages_are_not_read_among_the_reads_by_key() {
        let listing = |reach| Listing::<()> {
            order: String::new(),
            count: "",
            count_args: Vec::new(),
            rows: "",
            args: Box::new(|_| Vec::new()),
            map: |_| Ok(Listed { row: (), text: None, id: 0 }),
            reach,
            count_reach: Reach::Range,
        };
        let rows = [Limit::TO_READ.0, FIRST_ROWS, FIRST_ROWS + 1, Limit::MOST.0];
        let by_key = rows.map(|rows| listing(Reach::Key).reach_for(rows));
        assert_eq!(by_key, [Reach::Key, Reach::Key, Reach::Range, Reach::Range]);
        assert_eq!(rows.map(|rows| listing(Reach::Scan).reach_for(rows)), [Reach::Scan; 4]);
    }
}
