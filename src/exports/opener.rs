//! What opens an exported file.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::files::writing::Form;

/// The kind of program that opens the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Opener {
    /// A spreadsheet: an apostrophe makes formulas harmless; an import removes it.
    #[default]
    Spreadsheet,
    /// A program: formulas stay as they are.
    Machine,
}

impl Opener {
    /// The form of texts for it.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Self::Spreadsheet => Form::Spreadsheet,
            Self::Machine => Form::Machine,
        }
    }
}
