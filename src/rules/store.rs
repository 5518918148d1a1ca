//! Reads the rules of the whole school.

use crate::db::DbError;
use crate::registrar::Rules;
use crate::viewer::Viewer;

/// The rules of the whole school.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(viewer: &Viewer) -> Result<Rules, DbError> {
    let sql = "select course_limit from matricula_rules where id = 1";
    let found = viewer.db().query_opt(sql, [], |row| Ok(Rules { course_limit: row.opt_int(0)? })).await?;
    found.ok_or_else(|| {
        DbError::Engine("the table matricula_rules has lost its row: run `matricula check`".to_owned())
    })
}
