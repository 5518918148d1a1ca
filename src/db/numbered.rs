//! Tables that number their rows.

use serde::{Deserialize, Serialize};

use super::catalog::quoted;

/// A table that numbers its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedTable {
    /// Its name for the engine's catalog.
    pub catalog_name: String,
    /// Its name in statements, with its schema if a view has the same name.
    pub qualified: String,
    /// The name of its key.
    pub id: String,
}

impl NumberedTable {
    /// The name of its key, as a statement writes it.
    #[must_use]
    pub fn quoted_id(&self) -> String {
        if self.id == "id" { self.id.clone() } else { quoted(&self.id) }
    }
}
