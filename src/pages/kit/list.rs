//! Lists on pages: what is searched for, the order, the place.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::extract::{Parameters, from_text};
use crate::http::invalid::invalid;
use crate::http::problem::Problem;
use crate::lists::{Cursor, Direction, Search};

/// Which part of a list, in what order.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "S: Default + DeserializeOwned"))]
pub struct ListQuery<S> {
    /// What is searched for, as it was typed: nothing is everything.
    pub q: String,
    /// What the list is sorted by.
    pub sort: S,
    /// Which way.
    pub order: Direction,
    /// After which row.
    #[serde(deserialize_with = "from_text")]
    pub after: Option<Cursor>,
}

impl<S: Default + DeserializeOwned> Parameters for ListQuery<S> {
    const KNOWN: &'static [&'static str] = &["q", "sort", "order", "after"];
}

/// What is searched for, if anything is.
///
/// # Errors
/// `invalid-request` for what no name can have in it.
pub fn searched(typed: &str) -> Result<Option<Search>, Problem> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    typed
        .parse()
        .map(Some)
        .map_err(|detail: String| invalid(vec![serde_json::json!({"parameter": "q", "detail": detail})]))
}
