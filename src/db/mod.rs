//! The database layer: a thin interface between hand-written SQL and the engine that runs it. It knows nothing about
//! students.
//!
//! Statements use the dialect that SQLite and PostgreSQL share: lower case, `$1` parameters numbered in order of
//! first appearance, `returning`, `on conflict do nothing`, row-value keysets. This layer adds two helpers:
//! `casefold(text)` (for searching and sorting: see [`casefold`]) and the collation `"C"` (by bytes).

mod args;
mod backoff;
mod casefold;
pub mod catalog;
mod chunks;
mod copies;
mod count_by;
mod counts;
mod error;
mod location;
pub mod migrate;
mod numbered;
mod numbering;
mod postgres;
mod reach;
mod read;
mod rights;
mod row;
mod server_state;
mod sqlite;
mod trace;
mod turns;
mod write;
mod write_health;
mod writer;

use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::oneshot;

pub use self::args::Arg;
pub use self::backoff::Backoff;
pub use self::casefold::casefold;
pub use self::copies::{Copying, HeldFile, tables_with_rows};
pub use self::count_by::CountBy;
use self::counts::Counts;
pub use self::error::DbError;
pub use self::location::{BadLocation, Location};
pub use self::numbered::NumberedTable;
pub use self::reach::Reach;
use self::read::Read;
pub use self::read::Rows;
pub use self::rights::{Need, missing_rights};
pub use self::row::{Map, Row};
pub use self::server_state::{ServerState, Standbys};
pub use self::turns::Turn;
use self::turns::Turns;
pub use self::write::{Insert, Write};
pub use self::write_health::WriteHealth;
use self::writer::EngineTx;
pub use self::writer::{Tx, Writer};
use crate::clock::Stamp;
use crate::shares::{Client, QuotaGuard};

/// The reading side of a database. Cheap to clone; reads never wait for writes.
#[derive(Clone, Debug)]
pub struct Db {
    readers: Readers,
    counts: Arc<Counts>,
    turns: Arc<Turns>,
    /// The client on whose behalf it reads; `None` for the program itself.
    client: Option<Client>,
}

#[derive(Clone, Debug)]
enum Readers {
    Sqlite(Arc<sqlite::Readers>),
    Postgres(Arc<postgres::Readers>),
}

impl Db {
    /// Starts the readers of a database, which must exist and be migrated.
    ///
    /// # Errors
    /// When it cannot be opened as a database.
    pub fn open(location: &Location) -> Result<Self, DbError> {
        Self::open_with_views(location, "")
    }

    /// As [`Db::open`], with statements that every connection runs first and that create its temporary views.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_with_views(location: &Location, views: &str) -> Result<Self, DbError> {
        let (readers, turns) = match location {
            Location::File(path) => (
                Readers::Sqlite(Arc::new(sqlite::Readers::start(path, views)?)),
                Turns::new(sqlite::SCANNERS, sqlite::STREAMS),
            ),
            Location::Server(url) => (
                Readers::Postgres(Arc::new(postgres::Readers::start(url.address()?.with_views(views))?)),
                Turns::new(postgres::SCANS, postgres::STREAMS),
            ),
        };
        Ok(Self { readers, counts: Arc::default(), turns: Arc::new(turns), client: None })
    }

    /// As [`Db::open`], with names and what they stand for in every statement, where a standby can have no views. A file
    /// has views all the same.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_with_definitions(
        location: &Location,
        definitions: &[(&'static str, String)],
    ) -> Result<Self, DbError> {
        let Location::Server(url) = location else {
            let view = |(name, select): &(&str, String)| format!("create temporary view {name} as {select};");
            return Self::open_with_views(
                location,
                &definitions.iter().map(view).collect::<Vec<_>>().concat(),
            );
        };
        let address = url.address()?.with_definitions(definitions);
        let readers = Readers::Postgres(Arc::new(postgres::Readers::start(address)?));
        let turns = Arc::new(Turns::new(postgres::SCANS, postgres::STREAMS));
        Ok(Self { readers, counts: Arc::default(), turns, client: None })
    }

    /// The same database, with long reads counted against this client's share.
    #[must_use]
    pub fn for_client(&self, client: Option<Client>) -> Self {
        Self { client, ..self.clone() }
    }

    /// Runs a read by key and returns all rows, in any order.
    ///
    /// # Errors
    /// [`DbError::Busy`] if too many reads are queued; others when the statement fails.
    pub async fn query<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        self.read(Reach::Key, sql, args, map).await
    }

    /// Runs a read of this reach and returns all rows.
    ///
    /// # Errors
    /// As [`Db::query`]; also [`DbError::OverShare`] if the client has too many scans already, and [`DbError::Busy`] if
    /// a client's scan could not begin within five seconds.
    pub async fn read<T: Send + 'static>(
        &self,
        reach: Reach,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let turn = match reach {
            Reach::Key | Reach::Page => None,
            Reach::Range => Some(self.turns.range(self.client)?),
            Reach::Scan => Some(self.turns.scan(self.client)?),
        };
        self.run(Read { reach, sql, args: args.into(), map, turn }).await
    }

    /// A turn to search what is in memory. Searches wait for each other, so that any number of them leaves cores for
    /// other requests.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn turn_to_search(&self) -> Result<Turn, DbError> {
        self.turns.search(self.client).await
    }

    async fn run<T: Send + 'static>(&self, read: Read<T>) -> Result<Vec<T>, DbError> {
        match &self.readers {
            Readers::Sqlite(readers) => readers.run(read).await,
            Readers::Postgres(readers) => readers.run(read).await,
        }
    }

    /// Runs a read by key and returns the first row, if any.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn query_opt<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: impl Into<Vec<Arg>>,
        map: Map<T>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.query(sql, args, map).await?.into_iter().next())
    }

    /// Runs a counting statement, which reads one integer, by key or over a range of an index. Clients that ask for
    /// the same range count before it begins share its result, and one such count runs at a time, so counts never
    /// hold up other reads.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn count(&self, reach: Reach, sql: &'static str, args: Vec<Arg>) -> Result<i64, DbError> {
        let count = move |db: Self, args| async move {
            Ok(db.read(reach, sql, args, |row| row.int(0)).await?.into_iter().sum())
        };
        if matches!(reach, Reach::Key | Reach::Page) {
            return count(self.clone(), args).await;
        }
        let (key, db) = ((sql, args), self.clone());
        let (answer, answered) = oneshot::channel();
        if let Some(place) = self.counts.join(&key, self.client, answer)? {
            // In a task of its own: the client that asked first may disconnect while others still wait.
            tokio::spawn(async move {
                db.counts.run(&key, count(db.clone(), key.1.clone())).await;
                drop(place);
            });
        }
        answered.await.map_err(|_| DbError::Engine("a count stopped in the middle".to_owned()))?
    }

    /// The values of the placeholders in migrations, for this engine.
    fn tokens(&self) -> &'static [(&'static str, &'static str)] {
        match self.readers {
            Readers::Sqlite(_) => sqlite::TOKENS,
            Readers::Postgres(_) => postgres::TOKENS,
        }
    }

    /// Whether there is a table with this name.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn has_table(&self, name: &str) -> Result<bool, DbError> {
        let sql = match &self.readers {
            Readers::Sqlite(_) => sqlite::HAS_TABLE,
            Readers::Postgres(_) => postgres::HAS_TABLE,
        };
        Ok(!self.query(sql, [name.into()], |row| row.int(0)).await?.is_empty())
    }

    /// As [`Tx::time`].
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn time(&self) -> Result<Option<Stamp>, DbError> {
        match self.readers {
            Readers::Sqlite(_) => Ok(None),
            Readers::Postgres(_) => self.query_opt(postgres::TIME, [], |row| row.stamp(0)).await,
        }
    }

    /// Problems that the engine finds in its own storage, one per line; reads the whole file. Always empty for
    /// PostgreSQL, which checks its storage itself.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn integrity(&self) -> Result<Vec<String>, DbError> {
        match &self.readers {
            Readers::Sqlite(_) => {
                let lines = self.read(Reach::Scan, "pragma integrity_check", [], |row| row.text(0)).await?;
                Ok(lines.into_iter().filter(|line| line != "ok").collect())
            }
            Readers::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Runs a read of any length in constant memory, on a connection of its own, and streams its rows.
    ///
    /// The stream ends with an error, never silently, if the consumer takes nothing for 30 seconds or needs more than
    /// ten minutes in all.
    ///
    /// # Errors
    /// [`DbError::Busy`] if too many lists are being read already, [`DbError::OverShare`] if too many of them are
    /// this client's.
    pub async fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Rows<T>, DbError> {
        let place = self.turns.stream(self.client)?;
        self.stream_at(Some(place), sql, args, map).await
    }

    /// [`Db::stream`] for the program itself, whatever clients are reading.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stream_for_program<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Rows<T>, DbError> {
        self.stream_at(None, sql, args, map).await
    }

    async fn stream_at<T: Send + 'static>(
        &self,
        place: Option<QuotaGuard>,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Rows<T>, DbError> {
        Ok(match &self.readers {
            Readers::Sqlite(readers) => Box::pin(readers.stream(sql, args, map, place)?),
            Readers::Postgres(readers) => Box::pin(readers.stream(sql, args, map, place).await?),
        })
    }

    /// Streams a list that is read in parts. The same limits apply as to [`Db::stream`].
    ///
    /// # Errors
    /// As [`Db::stream`].
    pub fn stream_parts<T: Send + 'static>(
        &self,
        parts: impl Stream<Item = Result<Vec<T>, DbError>> + Send + 'static,
    ) -> Result<Rows<T>, DbError> {
        let place = self.turns.stream(self.client)?;
        let (sender, stream) = chunks::channel();
        tokio::spawn(async move {
            chunks::send_all(&sender, parts).await;
            drop(place);
        });
        Ok(Box::pin(stream))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, LazyLock};

    use futures_util::FutureExt as _;

    use super::*;

    static BARRIER: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

    #[tokio::test]
    async fn a_client_that_abandons_its_scans_does_not_block_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = Location::File(folder.path().join("a.db"));
        Writer::open(&file).unwrap().close();
        let db = Db::open(&file).unwrap();
        let [ana, ben] = [1, 2].map(|last| Client::new([10, 0, 0, last].into(), 50));
        let (for_ana, for_ben) = (db.for_client(Some(ana)), db.for_client(Some(ben)));
        let scan = async |db: &Db| db.read(Reach::Scan, "select 1", [], |row| row.int(0)).await;
        let mut slow = Box::pin(for_ana.read(Reach::Scan, "select 1", [], |row| {
            BARRIER.wait();
            row.int(0)
        }));
        assert!((&mut slow).now_or_never().is_none());
        for _ in 0..200 {
            let _gone = Box::pin(scan(&for_ana)).now_or_never();
        }
        assert_eq!(scan(&for_ana).await, Err(DbError::OverShare));
        let mut found = Box::pin(scan(&for_ben));
        assert!((&mut found).now_or_never().is_none());
        tokio::task::spawn_blocking(|| BARRIER.wait()).await.unwrap();
        assert_eq!((slow.await, found.await), (Ok(vec![1]), Ok(vec![1])));
    }
}
