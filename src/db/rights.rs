use super::{DbError, EngineTx, Row, Tx, postgres};

/// A right that the service's role needs: the table, and the privilege as in a `grant`.
pub type Need = (&'static str, &'static str);

/// The rights that the role lacks, such as `insert on events`. Tables that do not exist are skipped, and SQLite has
/// no roles.
///
/// # Errors
/// When the rights cannot be read.
pub async fn missing_rights(tx: &Tx<'_>, needs: &[Need]) -> Result<Vec<String>, DbError> {
    match tx.0 {
        EngineTx::Sqlite(_) => Ok(Vec::new()),
        EngineTx::Postgres(_) => {
            let needs: Vec<_> =
                needs.iter().map(|(table, right)| format!("('{table}', '{right}')")).collect();
            let sql = postgres::MISSING_RIGHTS.replace("{{needs}}", &needs.join(", "));
            tx.query(&sql, &[], |row: &Row<'_>| row.text(0)).await
        }
    }
}
