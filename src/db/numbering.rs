//! Inserts rows whose ids the table assigns.

use super::numbered::NumberedTable;
use super::{Arg, DbError, EngineTx, Tx, postgres, sqlite};

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
