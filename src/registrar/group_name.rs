//! The names of groups of students.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::text::MAX_GROUP_NAME;
use crate::text::group_text;

/// The maximum number of groups for which one course opens at times of their own.
pub const MAX_GROUP_OPENINGS: usize = 32;

/// The name of a group, by which it is known: exactly as it is written, at most [`MAX_GROUP_NAME`] characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100)]
pub struct GroupName(String);

impl GroupName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name as the database has it.
    #[must_use]
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }
}

impl FromStr for GroupName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        group_text(text).map(Self)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
