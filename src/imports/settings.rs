//! How an import reads its files, and what it does with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::files::reading::Options;

/// The settings of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// How the files are read where they do not say it themselves.
    #[serde(flatten)]
    pub reading: Options,
    /// What happens to records that the files do not mention.
    #[serde(default)]
    pub mode: Mode,
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
