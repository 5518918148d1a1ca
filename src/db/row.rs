use std::error::Error;

use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};

use super::DbError;
use crate::clock::Stamp;

/// Converts a row to a value. Runs on the reading thread, so that rows are not copied first.
pub type Map<T> = fn(&Row<'_>) -> Result<T, DbError>;

/// A row of a result, read by position (the first column is 0).
#[derive(Debug)]
pub struct Row<'a>(EngineRow<'a>);

#[derive(Debug)]
enum EngineRow<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    pub(super) fn from_sqlite(row: &'a rusqlite::Row<'a>) -> Self {
        Self(EngineRow::Sqlite(row))
    }

    pub(super) fn from_postgres(row: &'a tokio_postgres::Row) -> Self {
        Self(EngineRow::Postgres(row))
    }

    /// An integer that cannot be null.
    ///
    /// # Errors
    /// When the column holds anything else.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        match self.0 {
            EngineRow::Sqlite(row) => Ok(row.get(column)?),
            EngineRow::Postgres(row) => Ok(get::<Integer>(row, column)?.0),
        }
    }

    /// An integer, or `None` for a null.
    ///
    /// # Errors
    /// When the column holds anything else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.0 {
            EngineRow::Sqlite(row) => Ok(row.get(column)?),
            EngineRow::Postgres(row) => Ok(get::<Option<Integer>>(row, column)?.map(|integer| integer.0)),
        }
    }

    /// A text that cannot be null.
    ///
    /// # Errors
    /// When the column is null.
    pub fn text(&self, column: usize) -> Result<String, DbError> {
        self.opt_text(column)?.ok_or_else(|| DbError::Engine(format!("column {column} is null")))
    }

    /// A time that cannot be null.
    ///
    /// # Errors
    /// When the column is null.
    pub fn stamp(&self, column: usize) -> Result<Stamp, DbError> {
        self.text(column).map(Stamp::from_stored)
    }

    /// A time, or `None` for a null.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn opt_stamp(&self, column: usize) -> Result<Option<Stamp>, DbError> {
        Ok(self.opt_text(column)?.map(Stamp::from_stored))
    }

    /// A text, or `None` for a null. In an `SQLite` file a column may hold anything that another program wrote: a
    /// number is returned as its digits, and bytes that are not UTF-8 with replacement characters.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, DbError> {
        let row = match self.0 {
            EngineRow::Sqlite(row) => row,
            EngineRow::Postgres(row) => return get(row, column),
        };
        Ok(match row.get_ref(column)? {
            ValueRef::Null => None,
            ValueRef::Integer(value) => Some(value.to_string()),
            ValueRef::Real(value) => Some(value.to_string()),
            // Checking for valid UTF-8 first is several times faster than the lossy conversion.
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(
                str::from_utf8(bytes)
                    .map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned),
            ),
        })
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a tokio_postgres::Row, column: usize) -> Result<T, DbError> {
    row.try_get(column).map_err(|error| {
        let kind = row.columns().get(column).map_or(Type::UNKNOWN, |column| column.type_().clone());
        DbError::Engine(format!("column {column} of type {kind}: {error}"))
    })
}

/// An integer of any width from PostgreSQL.
struct Integer(i64);

impl<'a> FromSql<'a> for Integer {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT2 => i16::from_sql(kind, raw)?.into(),
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            _ => i64::from_sql(kind, raw)?,
        }))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8, Type::BOOL].contains(kind)
    }
}
