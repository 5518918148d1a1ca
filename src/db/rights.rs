use super::{DbError, In, Row, Tx, postgres};

/// A right that the service's role needs: the table, and the word of the `grant`.
pub type Need = (&'static str, &'static str);

/// Which of these rights the role does not have, as `insert on events`. A file knows no roles, and a table that is not
/// there no rights.
///
/// # Errors
/// What the engine said.
pub async fn missing_rights(tx: &Tx<'_>, needs: &[Need]) -> Result<Vec<String>, DbError> {
    match tx.0 {
        In::Sqlite(_) => Ok(Vec::new()),
        In::Postgres(_) => {
            let needs: Vec<_> =
                needs.iter().map(|(table, right)| format!("('{table}', '{right}')")).collect();
            let sql = postgres::MISSING_RIGHTS.replace("{{needs}}", &needs.join(", "));
            tx.query(&sql, &[], |row: &Row<'_>| row.text(0)).await
        }
    }
}
