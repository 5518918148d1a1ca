//! The query of a list on a page: search, order and position.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::extract::{Parameters, from_text};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::lists::{Cursor, Direction, Search, Wanted};

/// The query parameters of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "S: Default + DeserializeOwned"))]
pub struct ListQuery<S> {
    /// The search as it was typed; empty for everything.
    pub q: String,
    /// The column to sort by.
    pub sort: S,
    /// Ascending or descending.
    pub order: Direction,
    /// The row after which the page starts.
    #[serde(deserialize_with = "from_text")]
    pub after: Option<Cursor>,
    /// The id of the row that was deleted just now.
    #[serde(deserialize_with = "from_text")]
    pub deleted: Option<i64>,
}

impl<S: Default + DeserializeOwned> Parameters for ListQuery<S> {
    const KNOWN: &'static [&'static str] = &["q", "sort", "order", "after", "deleted"];
}

impl<S: Copy + Default> ListQuery<S> {
    /// The rows that the query asks for.
    ///
    /// # Errors
    /// As [`parse_search`].
    pub fn wanted(&self) -> Result<Wanted<S>, Problem> {
        let (search, sort, direction) = (parse_search(&self.q)?, self.sort, self.order);
        Ok(Wanted { search, sort, direction, ..Wanted::default() })
    }
}

/// Parses a search; `None` if it is empty.
///
/// # Errors
/// `invalid-request` for a text that no name can contain.
pub fn parse_search(typed: &str) -> Result<Option<Search>, Problem> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    typed
        .parse()
        .map(Some)
        .map_err(|detail: String| invalid(vec![serde_json::json!({"parameter": "q", "detail": detail})]))
}
