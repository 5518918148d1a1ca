//! Records that are all kept in memory, for searches.

use std::fmt::Debug;

use super::{Direction, Listing, Searchable, SortKey, Wanted};
use crate::db::{Db, DbError, Reach};
use crate::registrar::{CourseId, EventKind, StudentId, no_log_head};
use crate::viewer::Viewer;

/// A kind of record that has a roll.
pub trait Rolled: Searchable + Debug + Send + Sync + 'static {
    /// The name of the list, for its cursors.
    const LIST: &'static str;

    /// How the list can be sorted.
    type Sort: SortKey + Default + PartialEq + Send + Sync;

    /// The id of the record that an event has added, changed or removed.
    fn changed_by(kind: EventKind, student: Option<StudentId>, course: Option<CourseId>) -> Option<i64>;

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

    /// The texts of all records, and the `seq` of the last event, both from one consistent snapshot.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn all(db: &Db) -> impl Future<Output = Result<(i64, Vec<Texts>), DbError>> + Send;

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
    /// Reads the texts of all records, and the `seq` of the last event. The statement has a row for each record: its id,
    /// its texts and the `seq`; without records, one whose id is null.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn all(db: &Db, sql: &'static str) -> Result<(i64, Vec<Self>), DbError> {
        let rows = db.read(Reach::Scan, sql, [], |row| {
            let texts = [row.opt_text(1)?, row.opt_text(2)?, row.opt_text(3)?];
            Ok((row.int(4)?, row.opt_int(0)?.map(|id| Self { id, texts })))
        });
        let rows = rows.await?;
        let seq = rows.first().map(|(seq, _)| *seq).ok_or_else(no_log_head)?;
        Ok((seq, rows.into_iter().filter_map(|(_, record)| record).collect()))
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
