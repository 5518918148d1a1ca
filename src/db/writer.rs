//! The writing side of a database: one connection, and its transactions.

use std::time::Duration;

use super::{Arg, CountBy, DbError, Location, Map, Reach, Write, WriteHealth, postgres, sqlite};
use crate::clock::Stamp;

/// The only connection of a process that writes, and the result of its last attempt to write.
#[derive(Debug)]
pub struct Writer(EngineWriter, WriteHealth);

#[derive(Debug)]
enum EngineWriter {
    Sqlite(Box<sqlite::Writer>),
    Postgres(Box<postgres::Writer>),
}

impl Writer {
    /// Opens it, creating a missing file. A server is connected to at the first [`Writer::begin`].
    ///
    /// # Errors
    /// When a file cannot be opened as a writable database.
    pub fn open(location: &Location) -> Result<Self, DbError> {
        Self::open_with_views(location, "")
    }

    /// As [`Writer::open`], with statements that every connection runs first and that create its temporary views.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_with_views(location: &Location, views: &str) -> Result<Self, DbError> {
        let engine = match location {
            Location::File(path) => {
                EngineWriter::Sqlite(Box::new(sqlite::Writer::open_with_views(path, views)?))
            }
            Location::Server(url) => {
                let address = url.address()?.with_views(views);
                EngineWriter::Postgres(Box::new(postgres::Writer::new(address, Reach::Key)))
            }
        };
        Ok(Self(engine, WriteHealth::default()))
    }

    /// As [`Writer::open`], for migrations: in a file, foreign keys are only checked at the end, a migration by
    /// another server is waited for, and no byte changes before the first commit, since the file may be refused.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_for_migration(location: &Location) -> Result<Self, DbError> {
        let engine = match location {
            Location::File(path) => EngineWriter::Sqlite(Box::new(sqlite::Writer::open_for_migration(path)?)),
            Location::Server(url) => {
                EngineWriter::Postgres(Box::new(postgres::Writer::new(url.address()?, Reach::Scan)))
            }
        };
        Ok(Self(engine, WriteHealth::default()))
    }

    /// The result of its last attempt to write.
    #[must_use]
    pub fn write_health(&self) -> WriteHealth {
        self.1.clone()
    }

    /// How long to leave the database to others between many commits. Another program that waits for the lock of a file
    /// checks it only now and then; a server gives it to those who wait, in turn.
    #[must_use]
    pub fn pause_for_others(&self) -> Duration {
        match &self.0 {
            EngineWriter::Sqlite(_) => Duration::from_millis(1),
            EngineWriter::Postgres(_) => Duration::ZERO,
        }
    }

    /// The maximum number of operations in one commit, which limits how long the last of them waits. To a distant server, a
    /// commit takes as many round trips however many they are.
    #[must_use]
    pub fn max_batch(&self) -> usize {
        match &self.0 {
            EngineWriter::Sqlite(_) => 512,
            EngineWriter::Postgres(_) => 2_048,
        }
    }

    /// Begins a transaction that may write. In a file, there is only one at a time.
    ///
    /// # Errors
    /// [`DbError::Busy`] if another program keeps writing, [`DbError::Unavailable`] if the server cannot be reached.
    pub async fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        let begun = match &mut self.0 {
            EngineWriter::Sqlite(writer) => writer.begin().map(EngineTx::Sqlite),
            EngineWriter::Postgres(writer) => writer.begin().await.map(EngineTx::Postgres),
        };
        self.1.record(begun).map(|begun| Tx(begun, &self.1))
    }

    /// A number that changes when another connection has written to the file. Always 0 for PostgreSQL, which has no
    /// such number.
    ///
    /// # Errors
    /// When the number cannot be read.
    pub fn data_version(&self) -> Result<i64, DbError> {
        match &self.0 {
            EngineWriter::Sqlite(writer) => writer.data_version(),
            EngineWriter::Postgres(_) => Ok(0),
        }
    }

    /// Closes it. For a file, moves the write-ahead log into the file unless another connection prevents it.
    pub fn close(self) {
        if let EngineWriter::Sqlite(writer) = self.0 {
            writer.close();
        }
    }
}

/// A transaction that writes. Dropping it without [`Tx::commit`] rolls it back.
#[derive(Debug)]
pub struct Tx<'a>(pub(super) EngineTx<'a>, &'a WriteHealth);

#[derive(Debug)]
pub(super) enum EngineTx<'a> {
    Sqlite(sqlite::Tx<'a>),
    Postgres(postgres::Tx<'a>),
}

impl Tx<'_> {
    /// The values of the placeholders in migrations, for this engine.
    pub(super) fn tokens(&self) -> &'static [(&'static str, &'static str)] {
        match self.0 {
            EngineTx::Sqlite(_) => sqlite::TOKENS,
            EngineTx::Postgres(_) => postgres::TOKENS,
        }
    }

    /// Whether there is a table with this name.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn has_table(&self, name: &str) -> Result<bool, DbError> {
        let sql = match self.0 {
            EngineTx::Sqlite(_) => sqlite::HAS_TABLE,
            EngineTx::Postgres(_) => postgres::HAS_TABLE,
        };
        Ok(!self.query(sql, &[name.into()], |row| row.int(0)).await?.is_empty())
    }

    /// Whether others can write to the same database during the transaction.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, EngineTx::Postgres(_))
    }

    /// Runs a `select` once for each set of parameters and returns the rows of each set, in any order. On a server this
    /// is one statement for all sets.
    ///
    /// # Errors
    /// When the statement fails; the transaction can then only be dropped.
    pub async fn query_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.query_many(sql, sets, map),
            EngineTx::Postgres(tx) => tx.query_many(sql, sets, map).await,
        })
    }

    /// Runs a statement that changes rows and returns them once for each set of parameters, in order.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn query_each<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.query_many(sql, sets, map),
            EngineTx::Postgres(tx) => tx.query_each(sql, sets, map).await,
        })
    }

    /// As [`Tx::query_many`], for a plain `select` from one table; locks the rows until the transaction ends.
    ///
    /// # Errors
    /// As [`Tx::query_many`]; also [`DbError::Busy`] if another program holds a row too long.
    pub async fn lock_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.1.record(match &self.0 {
            // The transaction has the file to itself.
            EngineTx::Sqlite(tx) => tx.query_many(sql, sets, map),
            EngineTx::Postgres(tx) => tx.query_many(&format!("{sql} for no key update"), sets, map).await,
        })
    }

    /// Counts the rows of each key, in the order of the keys. On a server this is one statement for all keys, which
    /// also a cluster runs that keeps all tables on one of its nodes.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn count_by(&self, count: &CountBy, keys: &[Arg]) -> Result<Vec<i64>, DbError> {
        self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => {
                let sets: Vec<_> = keys.iter().map(|key| vec![key.clone()]).collect();
                let counts = tx.query_many(&count.of_one(), &sets, |row| row.int(0))?;
                Ok(counts.into_iter().map(|counts| counts.into_iter().sum()).collect())
            }
            EngineTx::Postgres(tx) => tx.count_by(count, keys).await,
        })
    }

    /// Runs a read.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.query(sql, args, map),
            EngineTx::Postgres(tx) => tx.query(sql, args, map).await,
        })
    }

    /// Runs a statement once for each set of parameters, in order; each must change one row. On a server this is one
    /// round trip for all sets.
    ///
    /// # Errors
    /// When the statement fails, or [`DbError::Constraint`] if it did not change a row (because of a trigger, for
    /// example); the transaction can then only be dropped.
    pub async fn execute_many(&self, sql: &str, sets: &[Vec<Arg>]) -> Result<(), DbError> {
        one_row_each(&self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.execute_many(sql, sets),
            EngineTx::Postgres(tx) => tx.execute_many(sql, sets).await,
        })?)
    }

    /// Runs the statements in this order, and returns how many rows each [`Write::Delete`] deleted. On a server this is
    /// one round trip for all of them.
    ///
    /// # Errors
    /// As [`Tx::execute_many`].
    pub async fn write_in_order(&self, writes: &[Write<'_>]) -> Result<Vec<usize>, DbError> {
        let changed = self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.write_in_order(writes),
            EngineTx::Postgres(tx) => tx.write_in_order(writes).await,
        })?;
        let mut deleted = Vec::new();
        for (write, changed) in writes.iter().zip(&changed) {
            match write {
                Write::Insert(..) | Write::Change(..) => one_row_each(changed)?,
                Write::Delete(..) => deleted.push(changed.iter().sum()),
            }
        }
        Ok(deleted)
    }

    /// Runs a statement once for each set of parameters, in order; each may change any number of rows.
    ///
    /// # Errors
    /// When the statement fails; the transaction can then only be dropped.
    pub async fn change_many(&self, sql: &str, sets: &[Vec<Arg>]) -> Result<(), DbError> {
        self.1.record(match &self.0 {
            EngineTx::Sqlite(tx) => tx.execute_many(sql, sets),
            EngineTx::Postgres(tx) => tx.execute_many(sql, sets).await,
        })?;
        Ok(())
    }

    /// Whether [`Tx::data_version`] is meaningful on this engine.
    #[must_use]
    pub fn has_data_version(&self) -> bool {
        !self.is_shared()
    }

    /// A number that changes when another connection has written to the file. Always 0 for PostgreSQL, which has no
    /// such number.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub fn data_version(&self) -> Result<i64, DbError> {
        match &self.0 {
            EngineTx::Sqlite(tx) => {
                let version = tx.query("pragma data_version", &[], |row| row.int(0))?;
                Ok(version.into_iter().sum())
            }
            EngineTx::Postgres(_) => Ok(0),
        }
    }

    /// The database server's clock: RFC 3339 in UTC with milliseconds. `None` for a file.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn time(&self) -> Result<Option<Stamp>, DbError> {
        match self.0 {
            EngineTx::Sqlite(_) => Ok(None),
            EngineTx::Postgres(_) => Ok(self.query(postgres::TIME, &[], |row| row.stamp(0)).await?.pop()),
        }
    }

    /// Runs statements without parameters, for migrations.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        match &self.0 {
            EngineTx::Sqlite(tx) => tx.execute_batch(sql),
            EngineTx::Postgres(tx) => tx.execute_batch(sql).await,
        }
    }

    /// Commits. The changes are on stable storage when this returns.
    ///
    /// # Errors
    /// After [`DbError::Unknown`] and [`DbError::Unconfirmed`] the changes may have been made; after any other error
    /// they were not.
    pub async fn commit(self) -> Result<(), DbError> {
        self.1.record(match self.0 {
            EngineTx::Sqlite(tx) => tx.commit(),
            EngineTx::Postgres(tx) => tx.commit().await,
        })?;
        self.1.succeeded();
        Ok(())
    }
}

/// Refuses a write that did not change one row for each set.
fn one_row_each(changed: &[usize]) -> Result<(), DbError> {
    if changed.iter().all(|rows| *rows == 1) {
        Ok(())
    } else {
        Err(DbError::Constraint("the table did not change the row".to_owned()))
    }
}
