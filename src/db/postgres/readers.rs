//! The connections that read. Reads by key share a few; every long read has a connection to itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Pool, RecycleResult};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, oneshot};

use super::error::map_error;
use super::reads_by_key::ReadsByKey;
use super::{Address, Session};
use crate::db::turns::Turn;
use crate::db::{Arg, Backoff, DbError, Map, Reach, Read, Row, chunks};
use crate::shares::QuotaGuard;

/// Scans of a whole table at a time, each on a connection of its own.
pub(in crate::db) const SCANS: usize = 2;
/// Scans under way or waiting; further ones are rejected at once.
const MAX_WAITING_SCANS: usize = 128;
/// Range reads at a time, such as counts, each on a connection of its own.
const MAX_RANGES: usize = 2;
/// Range reads under way or waiting; further ones are rejected at once.
const MAX_WAITING_RANGES: usize = 512;
/// Long lists that are read at the same time, each on a connection of its own.
pub(in crate::db) const STREAMS: usize = 8;
/// Further lists that the program itself reads, for searches.
const OWN_STREAMS: usize = 2;
/// How long a read is retried while the server is unavailable.
const RETRY_TIME: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(in crate::db) struct Readers {
    by_key: ReadsByKey,
    ranges: Arc<Dedicated>,
    scans: Arc<Dedicated>,
    streaming: Pool<Sessions>,
    streams: Arc<Semaphore>,
}

impl Readers {
    /// Does not connect yet.
    pub(in crate::db) fn start(address: Address) -> Result<Self, DbError> {
        Ok(Self {
            ranges: Arc::new(Dedicated::new(&address, Reach::Range, MAX_RANGES, MAX_WAITING_RANGES)?),
            scans: Arc::new(Dedicated::new(&address, Reach::Scan, SCANS, MAX_WAITING_SCANS)?),
            streaming: sessions(&address, Reach::Scan, STREAMS + OWN_STREAMS)?,
            by_key: ReadsByKey::new(address),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn run<T: Send + 'static>(&self, mut read: Read<T>) -> Result<Vec<T>, DbError> {
        check_args(&read.args)?;
        let readers = match read.reach {
            Reach::Key | Reach::Page => {
                let mut backoff = Backoff::new(RETRY_TIME);
                loop {
                    match self.by_key.query(read.reach, read.sql, read.args.clone(), read.map).await {
                        Err(error) => backoff.wait(error).await?,
                        found => return found,
                    }
                }
            }
            Reach::Range => Arc::clone(&self.ranges),
            Reach::Scan => Arc::clone(&self.scans),
        };
        let (mut answer, answered) = oneshot::channel();
        // In a task of its own: the server finishes the read even if the client disconnects, and the next read must
        // not wait behind it.
        tokio::spawn(async move {
            let found = async {
                let _place = readers.waiting.try_acquire().map_err(|_| DbError::Busy)?;
                let _turn = tokio::select! {
                    turn = readers.turns.acquire() => turn.map_err(|_| DbError::Busy)?,
                    // Skip a client that has disconnected.
                    () = answer.closed() => return Err(DbError::Busy),
                };
                read.turn.as_mut().map_or(Ok(()), Turn::begin)?;
                readers.query(read.sql, &read.args, read.map).await
            };
            let found = found.await;
            // End the turn before the client gets its answer.
            drop(read);
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(found);
        });
        answered.await.map_err(|_| DbError::Engine("a read stopped in the middle".to_owned()))?
    }

    pub(in crate::db) async fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
        place: Option<QuotaGuard>,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        check_args(&args)?;
        let permit = match &place {
            Some(_) => Some(Arc::clone(&self.streams).try_acquire_owned().map_err(|_| DbError::Busy)?),
            None => None,
        };
        let session = session(&self.streaming).await?;
        let (sender, stream) = chunks::channel();
        tokio::spawn(async move {
            if let Err(error) = read_chunks(&session, sql, &args, map, &sender).await {
                // The rest of the rows would still arrive on this connection, so it is closed.
                drop(Object::take(session));
                #[expect(
                    clippy::let_underscore_must_use,
                    reason = "a reader that is behind is cut off, which ends the list"
                )]
                let _ = sender.try_send(Err(error));
            }
            drop((permit, place));
        });
        Ok(stream)
    }
}

/// The arguments of a read, such as a list's cursor, may come unchecked from a request.
fn check_args(args: &[Arg]) -> Result<(), DbError> {
    if args.iter().any(Arg::has_nul) { Err(DbError::Nul) } else { Ok(()) }
}

/// Reads that each have a connection to themselves, a few at a time.
#[derive(Debug)]
struct Dedicated {
    sessions: Pool<Sessions>,
    waiting: Semaphore,
    turns: Semaphore,
}

impl Dedicated {
    fn new(address: &Address, reach: Reach, at_once: usize, waiting: usize) -> Result<Self, DbError> {
        Ok(Self {
            sessions: sessions(address, reach, at_once)?,
            waiting: Semaphore::new(waiting),
            turns: Semaphore::new(at_once),
        })
    }

    async fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        let mut backoff = Backoff::new(RETRY_TIME);
        loop {
            let read = async { session(&self.sessions).await?.query(sql, args, map).await };
            match read.await {
                Err(error) => backoff.wait(error).await?,
                found => return found,
            }
        }
    }
}

async fn read_chunks<T>(
    session: &Session,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
    sender: &chunks::ChunkSender<T>,
) -> Result<(), DbError> {
    let deadline = Instant::now() + chunks::MAX_DURATION;
    let statement = session.prepared(sql).await.map_err(map_error)?;
    let rows = session.rows(statement.as_ref(), sql, args).await.map_err(map_error)?;
    // The driver reports a broken connection if it is polled after the end.
    let mut rows = std::pin::pin!(rows.fuse());
    loop {
        let mut chunk = Vec::with_capacity(chunks::MAX_ROWS);
        while chunk.len() < chunks::MAX_ROWS
            && let Some(row) = rows.next().await
        {
            chunk.push(map(&Row::from_postgres(&row.map_err(map_error)?))?);
        }
        let is_last = chunk.is_empty();
        let time = chunks::MAX_STALL.min(deadline.saturating_duration_since(Instant::now()));
        if !chunks::send_within(sender, Ok(chunk), time).await {
            return Err(DbError::Engine("the reader of a list was too slow".to_owned()));
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Opens the connections that have one user at a time.
#[derive(Debug)]
struct Sessions(Address, Reach);

/// Does not connect yet.
fn sessions(address: &Address, reach: Reach, max_size: usize) -> Result<Pool<Sessions>, DbError> {
    let pool = Pool::builder(Sessions(address.clone(), reach)).max_size(max_size).build();
    pool.map_err(|error| DbError::Engine(error.to_string()))
}

async fn session(pool: &Pool<Sessions>) -> Result<Object<Sessions>, DbError> {
    pool.get().await.map_err(|error| match error {
        managed::PoolError::Backend(error) => error,
        error => DbError::Engine(error.to_string()),
    })
}

impl managed::Manager for Sessions {
    type Type = Session;
    type Error = DbError;

    async fn create(&self) -> Result<Session, DbError> {
        Session::connect(&self.0, self.1).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<DbError> {
        if session.is_closed() {
            return Err(managed::RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
