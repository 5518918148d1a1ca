//! The connections that read. A few are shared by reads by key; what takes long has a connection to itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Pool, RecycleResult};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::Semaphore;

use super::error::said;
use super::reads_by_key::ReadsByKey;
use super::{Address, Session};
use crate::db::{Arg, DbError, Map, Patience, Reach, Row, chunks};

/// Reads at once that go through a whole table, each on a connection of its own.
const SCANS: usize = 2;
/// Scans under way or waiting; one more is refused at once.
const WAITING_SCANS: usize = 128;
/// Long lists that are read at the same time, each on a connection of its own.
pub(in crate::db) const STREAMS: usize = 8;
/// How long a read is tried again while the server is away.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(in crate::db) struct Readers {
    by_key: ReadsByKey,
    own: Pool<Sessions>,
    waiting_scans: Semaphore,
    scans: Semaphore,
    streams: Arc<Semaphore>,
}

impl Readers {
    /// Connects nowhere yet.
    pub(in crate::db) fn start(address: Address) -> Result<Self, DbError> {
        let own = Pool::builder(Sessions(address.clone()))
            .max_size(SCANS + STREAMS)
            .build()
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self {
            by_key: ReadsByKey::of(address),
            own,
            waiting_scans: Semaphore::new(WAITING_SCANS),
            scans: Semaphore::new(SCANS),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn query<T>(
        &self,
        reach: Reach,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let mut patience = Patience::lasting(PATIENCE);
        loop {
            let read = match reach {
                Reach::Key => self.by_key.query(sql, args.clone(), map).await,
                Reach::Scan => self.query_alone(sql, &args, map).await,
            };
            match read {
                Err(error) => patience.after(error).await?,
                found => return found,
            }
        }
    }

    async fn query_alone<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        let _place = self.waiting_scans.try_acquire().map_err(|_| DbError::Busy)?;
        let _turn = self.scans.acquire().await.map_err(|_| DbError::Busy)?;
        self.own().await?.query(sql, args, map).await
    }

    async fn own(&self) -> Result<Object<Sessions>, DbError> {
        self.own.get().await.map_err(|error| match error {
            managed::PoolError::Backend(error) => error,
            error => DbError::Engine(error.to_string()),
        })
    }

    pub(in crate::db) async fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| DbError::Busy)?;
        let session = self.own().await?;
        let (give, taken) = chunks::channel();
        tokio::spawn(async move {
            if let Err(error) = read_chunks(&session, sql, &args, map, &give).await {
                // The rest of the rows is still to come on this connection: it ends with it.
                drop(Object::take(session));
                let _ = give.try_send(Err(error));
            }
            drop(permit);
        });
        Ok(taken)
    }
}

async fn read_chunks<T>(
    session: &Session,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
    give: &chunks::Giver<T>,
) -> Result<(), DbError> {
    let until = Instant::now() + chunks::LONGEST;
    let statement = session.prepared(sql).await.map_err(said)?;
    let rows = session.rows(statement.as_ref(), sql, args).await.map_err(said)?;
    // Asked once more after its end, the driver would take the end for a broken connection.
    let mut rows = std::pin::pin!(rows.fuse());
    loop {
        let mut chunk = Vec::with_capacity(chunks::ROWS);
        while chunk.len() < chunks::ROWS
            && let Some(row) = rows.next().await
        {
            chunk.push(map(&Row::postgres(&row.map_err(said)?))?);
        }
        let is_last = chunk.is_empty();
        let time = chunks::STALL.min(until.saturating_duration_since(Instant::now()));
        if !chunks::give_within(give, Ok(chunk), time).await {
            return Err(DbError::Engine("a list was taken too slowly".to_owned()));
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Makes the connections that have one user at a time.
#[derive(Debug)]
struct Sessions(Address);

impl managed::Manager for Sessions {
    type Type = Session;
    type Error = DbError;

    async fn create(&self) -> Result<Session, DbError> {
        Session::begin(&self.0, Reach::Scan).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<DbError> {
        if session.is_closed() {
            return Err(managed::RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
