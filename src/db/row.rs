use rusqlite::types::ValueRef;

use super::DbError;

/// One row of an answer, read by position (the first column is 0).
#[derive(Debug)]
pub struct Row<'a>(pub(super) &'a rusqlite::Row<'a>);

impl Row<'_> {
    /// An integer that is always there.
    ///
    /// # Errors
    /// When the column holds anything else.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        Ok(self.0.get(column)?)
    }

    /// An integer, or `None` for a null.
    ///
    /// # Errors
    /// When the column holds anything else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        Ok(self.0.get(column)?)
    }

    /// A text that is always there.
    ///
    /// # Errors
    /// When the column is null.
    pub fn text(&self, column: usize) -> Result<String, DbError> {
        self.opt_text(column)?.ok_or_else(|| DbError::Engine(format!("column {column} is null")))
    }

    /// A text, or `None` for a null. Found tables hold what other programs wrote: a number reads as its digits, bytes
    /// that are no UTF-8 with replacement characters.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, DbError> {
        Ok(match self.0.get_ref(column)? {
            ValueRef::Null => None,
            ValueRef::Integer(value) => Some(value.to_string()),
            ValueRef::Real(value) => Some(value.to_string()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
        })
    }
}
