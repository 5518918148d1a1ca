//! Values of changes in the database.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::DbError;

/// A value as JSON.
#[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all maps have strings as keys")]
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a part of a change serializes to JSON")
}

/// A value from JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, DbError> {
    serde_json::from_str(text)
        .map_err(|error| DbError::Engine(format!("a change of seats cannot be read: {error}")))
}
