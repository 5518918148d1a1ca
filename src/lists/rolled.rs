//! Records that are all kept in memory, for searches.

use std::fmt::Debug;

use super::{Direction, Listing, Searchable, SortKey, Wanted};
use crate::db::{Db, DbError, Row, Rows};
use crate::viewer::Viewer;

/// A kind of record that has a roll.
pub trait Rolled: Searchable + Debug + Send + Sync + 'static {
    /// The name of the list, for its cursors.
    const LIST: &'static str;

    /// How the list can be sorted.
    type Sort: SortKey + Default + PartialEq + Send + Sync;

    /// Whether the viewer sees all records.
    fn sees_all(viewer: &Viewer) -> bool;

    /// The records that the viewer sees, in the order of their ids.
    fn by_id(viewer: &Viewer, direction: Direction) -> Listing<Self>
    where
        Self: Sized;

    /// All records with the exact texts that are wanted, or more, in any order.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn with(db: &Db, wanted: &Wanted<Self::Sort>) -> impl Future<Output = Result<Vec<Self>, DbError>> + Send
    where
        Self: Sized;

    /// The texts of all records, from one consistent snapshot, in any order.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn all(db: &Db) -> impl Future<Output = Result<Rows<Texts>, DbError>> + Send;

    /// Up to `max` events after the event `seq` that have added, changed or removed a record: the `seq` of each, and the id
    /// of its record, in any order.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn changed_since(
        db: &Db,
        seq: i64,
        max: i64,
    ) -> impl Future<Output = Result<Vec<(i64, i64)>, DbError>> + Send;

    /// The first `max` records with larger ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn newer_than(db: &Db, id: i64, max: i64) -> impl Future<Output = Result<Vec<Self>, DbError>> + Send
    where
        Self: Sized;

    /// The records with these ids, in any order; missing ones are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn find_many(db: &Db, ids: &[i64]) -> impl Future<Output = Result<Vec<Self>, DbError>> + Send
    where
        Self: Sized;
}

/// What the roll knows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The id.
    pub id: i64,
    /// The texts, as in [`Searchable::texts`].
    pub texts: [Option<String>; 3],
}

impl Texts {
    /// Reads the texts of all records. The statement has a row for each record: its id and its texts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn all(db: &Db, sql: &'static str) -> Result<Rows<Self>, DbError> {
        let map = |row: &Row<'_>| {
            Ok(Self { id: row.int(0)?, texts: [row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?] })
        };
        db.stream_for_program(sql, Vec::new(), map).await
    }
}

impl Searchable for Texts {
    fn id(&self) -> i64 {
        self.id
    }

    fn texts(&self) -> [Option<&str>; 3] {
        let [one, second, external_id] = &self.texts;
        [one.as_deref(), second.as_deref(), external_id.as_deref()]
    }
}
