//! Counts for many keys.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use tokio_postgres::types::ToSql;

use super::error::map_error;
use super::{Session, pack};
use crate::db::count_by::Keys;
use crate::db::{Arg, CountBy, DbError, Row};

/// The count of a key that a grouped statement does not return.
const NO_ROWS: i64 = 0;

impl Session {
    /// Counts the rows of each key, in the order of the keys: with one grouped statement, or with one for each of a few
    /// keys. Either takes one round trip.
    pub(super) async fn count_by(&self, count: &CountBy, keys: &[Arg]) -> Result<Vec<i64>, DbError> {
        let packed =
            Keys::new(keys).filter(|_| keys.len() >= pack::MIN_SETS && !self.connection.behind_pooler);
        match packed {
            Some(Keys::Integers(integers)) => {
                let sql = count.of_many("int8[]");
                let counts = self.counts(&sql, &integers, |row| row.int(0)).await?;
                Ok(integers.iter().map(|key| counts.get(key).copied().unwrap_or(NO_ROWS)).collect())
            }
            Some(Keys::Texts(texts)) => {
                let sql = count.of_many("text[]");
                let counts = self.counts(&sql, &texts, |row| row.text(0)).await?;
                Ok(texts.iter().map(|key| counts.get(*key).copied().unwrap_or(NO_ROWS)).collect())
            }
            None => {
                let sets: Vec<_> = keys.iter().map(|key| vec![key.clone()]).collect();
                let counts = self.query_each(&count.of_one(), &sets, |row| row.int(0)).await?;
                Ok(counts.into_iter().map(|counts| counts.into_iter().sum()).collect())
            }
        }
    }

    async fn counts<K: std::hash::Hash + Eq>(
        &self,
        sql: &str,
        keys: &(dyn ToSql + Sync),
        key: impl Fn(&Row<'_>) -> Result<K, DbError>,
    ) -> Result<HashMap<K, i64>, DbError> {
        let statement = self.prepared(sql).await.map_err(map_error)?;
        let Some(statement) = statement else {
            return Err(DbError::Engine("a pooler prepares no statement".to_owned()));
        };
        let rows = self.client().query_raw(&statement, [keys]).await.map_err(map_error)?;
        let rows: Vec<_> = rows.map_err(map_error).try_collect().await?;
        let counted = rows.iter().map(|row| {
            let row = Row::from_postgres(row);
            Ok((key(&row)?, row.int(1)?))
        });
        counted.collect()
    }
}
