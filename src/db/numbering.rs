//! Inserts rows whose ids the table assigns.

use serde::{Deserialize, Serialize};

use super::catalog::quoted;
use super::{Arg, DbError, EngineTx, Tx, postgres, sqlite};

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

impl Tx<'_> {
    /// Inserts rows with these columns into a table that numbers its rows. Returns their ids in order, each above
    /// `above` and above every id in the table.
    ///
    /// # Errors
    /// As [`Tx::execute_many`]; [`DbError::Constraint`] also if the table does not assign ids.
    pub async fn insert_numbered(
        &self,
        table: &NumberedTable,
        columns: &[&str],
        rows: &[Vec<Arg>],
        above: i64,
    ) -> Result<Vec<i64>, DbError> {
        match &self.0 {
            EngineTx::Sqlite(_) => sqlite::insert_numbered(self, table, columns, rows, above).await,
            EngineTx::Postgres(_) => postgres::insert_numbered(self, table, columns, rows, above).await,
        }
    }
}
