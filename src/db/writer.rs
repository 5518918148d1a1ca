//! The writing side of a database: one connection, and its transactions.

use super::{Arg, DbError, Location, Map, Pulse, Reach, postgres, sqlite};

/// The one connection of a process that writes, and how its last attempt ended.
#[derive(Debug)]
pub struct Writer(Writing, Pulse);

#[derive(Debug)]
enum Writing {
    Sqlite(Box<sqlite::Writer>),
    Postgres(Box<postgres::Writer>),
}

impl Writer {
    /// Opens it, making a file if there is none. A server is connected to at the first [`Writer::begin`].
    ///
    /// # Errors
    /// When a file cannot be opened as a database that can be written.
    pub fn open(location: &Location) -> Result<Self, DbError> {
        let writing = match location {
            Location::File(path) => Writing::Sqlite(Box::new(sqlite::Writer::open(path)?)),
            Location::Server(url) => {
                Writing::Postgres(Box::new(postgres::Writer::new(url.address()?, Reach::Key)))
            }
        };
        Ok(Self(writing, Pulse::default()))
    }

    /// As [`Writer::open`], for migrations: in a file, foreign keys are checked at their end only, another server's
    /// migration is waited for, and no byte changes before the first commit: the file may be one that is refused.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_for_migration(location: &Location) -> Result<Self, DbError> {
        let writing = match location {
            Location::File(path) => Writing::Sqlite(Box::new(sqlite::Writer::open_for_migration(path)?)),
            Location::Server(url) => {
                Writing::Postgres(Box::new(postgres::Writer::new(url.address()?, Reach::Scan)))
            }
        };
        Ok(Self(writing, Pulse::default()))
    }

    /// How its last attempt to write ended.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.1.clone()
    }

    /// Begins a transaction that may write. In a file, no other writer is in one at the same time.
    ///
    /// # Errors
    /// [`DbError::Busy`] when another program keeps writing, [`DbError::Away`] when the server cannot be reached.
    pub async fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        let begun = match &mut self.0 {
            Writing::Sqlite(writer) => writer.begin().map(In::Sqlite),
            Writing::Postgres(writer) => writer.begin().await.map(In::Postgres),
        };
        self.1.heard(begun).map(|begun| Tx(begun, &self.1))
    }

    /// A number that is another one once somebody else has written to the database, as far as the engine tells: a file does,
    /// a server does not.
    ///
    /// # Errors
    /// What the engine said.
    pub fn writes_of_others(&self) -> Result<i64, DbError> {
        match &self.0 {
            Writing::Sqlite(writer) => writer.data_version(),
            Writing::Postgres(_) => Ok(0),
        }
    }

    /// Ends it. A file then holds everything, as far as nobody else is in the way.
    pub fn close(self) {
        if let Writing::Sqlite(writer) = self.0 {
            writer.close();
        }
    }
}

/// A transaction that writes. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx<'a>(pub(super) In<'a>, &'a Pulse);

#[derive(Debug)]
pub(super) enum In<'a> {
    Sqlite(sqlite::Tx<'a>),
    Postgres(postgres::Tx<'a>),
}

impl Tx<'_> {
    /// What migrations have tokens for, on this engine.
    pub(super) fn tokens(&self) -> &'static [(&'static str, &'static str)] {
        match self.0 {
            In::Sqlite(_) => sqlite::TOKENS,
            In::Postgres(_) => postgres::TOKENS,
        }
    }

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn has_table(&self, name: &str) -> Result<bool, DbError> {
        let sql = match self.0 {
            In::Sqlite(_) => sqlite::HAS_TABLE,
            In::Postgres(_) => postgres::HAS_TABLE,
        };
        Ok(!self.query(sql, &[name.into()], |row| row.int(0)).await?.is_empty())
    }

    /// Whether others may write to the same database during the transaction.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, In::Postgres(_))
    }

    /// Reads once for each set of parameters; the answers in their order, each with all its rows. On a server it is one
    /// round trip, however many sets.
    ///
    /// # Errors
    /// What the engine said; the transaction can then only be dropped.
    pub async fn query_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.1.heard(match &self.0 {
            In::Sqlite(tx) => tx.query_many(sql, sets, map),
            In::Postgres(tx) => tx.query_many(sql, sets, map).await,
        })
    }

    /// As [`Tx::query_many`], of a plain `select` from one table; the rows stay as they are read until the transaction ends.
    ///
    /// # Errors
    /// As [`Tx::query_many`]; also [`DbError::Busy`] when another program keeps a row for too long.
    pub async fn lock_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.1.heard(match &self.0 {
            // The transaction has the file for itself.
            In::Sqlite(tx) => tx.query_many(sql, sets, map),
            In::Postgres(tx) => tx.query_many(&format!("{sql} for no key update"), sets, map).await,
        })
    }

    /// Reads once.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        self.1.heard(match &self.0 {
            In::Sqlite(tx) => tx.query(sql, args, map),
            In::Postgres(tx) => tx.query(sql, args, map).await,
        })
    }

    /// Runs a statement once for each set of parameters, in order; each changes one row. On a server it is one round
    /// trip, however many sets.
    ///
    /// # Errors
    /// What the engine said, or that a row was left as it was (by a trigger of the table, say); the transaction can then
    /// only be dropped.
    pub async fn execute_many(&self, sql: &str, sets: &[Vec<Arg>]) -> Result<(), DbError> {
        let changed = self.1.heard(match &self.0 {
            In::Sqlite(tx) => tx.execute_many(sql, sets),
            In::Postgres(tx) => tx.execute_many(sql, sets).await,
        })?;
        if changed.iter().all(|rows| *rows == 1) {
            Ok(())
        } else {
            Err(DbError::Constraint("the table kept the row as it was".to_owned()))
        }
    }

    /// Whether [`Tx::writes_of_others`] tells anything.
    #[must_use]
    pub fn tells_of_others(&self) -> bool {
        !self.is_shared()
    }

    /// A number that is another one once somebody else has written to the database, as far as the engine tells: a file
    /// does, a server does not.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub fn writes_of_others(&self) -> Result<i64, DbError> {
        match &self.0 {
            In::Sqlite(tx) => {
                let told = tx.query("pragma data_version", &[], |row| row.int(0))?;
                Ok(told.into_iter().sum())
            }
            In::Postgres(_) => Ok(0),
        }
    }

    /// What a database server's clock says, RFC 3339 in UTC with milliseconds. A file has none.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn time(&self) -> Result<Option<String>, DbError> {
        match self.0 {
            In::Sqlite(_) => Ok(None),
            In::Postgres(_) => Ok(self.query(postgres::TIME, &[], |row| row.text(0)).await?.pop()),
        }
    }

    /// Runs one or more statements that take no parameters, for migrations.
    ///
    /// # Errors
    /// As [`Tx::query_many`].
    pub async fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        match &self.0 {
            In::Sqlite(tx) => tx.execute_batch(sql),
            In::Postgres(tx) => tx.execute_batch(sql).await,
        }
    }

    /// Makes it durable: on stable storage when this returns.
    ///
    /// # Errors
    /// [`DbError::Unknown`] and [`DbError::Unconfirmed`] say what they mean; after any other, nothing was kept.
    pub async fn commit(self) -> Result<(), DbError> {
        self.1.heard(match self.0 {
            In::Sqlite(tx) => tx.commit(),
            In::Postgres(tx) => tx.commit().await,
        })?;
        self.1.succeeded();
        Ok(())
    }
}
