//! How an import reads its files, and what it does with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::files::reading::Options;
use crate::registrar::Override;

/// The settings of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// How the files are read where they do not say it themselves.
    #[serde(flatten)]
    pub reading: Options,
    /// What happens to records that the files do not mention.
    #[serde(default)]
    pub mode: Mode,
    /// Why students of the files get seats in courses that are full, that others wait for, or whose registration is not
    /// open. Null: by the rules, they wait or are refused.
    #[serde(default)]
    #[schema(required)]
    pub r#override: Option<Override>,
}

impl Settings {
    /// Why students get seats beyond the limits of courses.
    #[must_use]
    pub fn override_reason(&self) -> Option<&str> {
        self.r#override.as_ref().map(Override::reason)
    }
}

/// What happens to records that the files do not mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They stay.
    #[default]
    Add,
    /// They vanish: the files are the whole truth for each kind (students, courses, enrollments) that they have rows of.
    Full,
}
