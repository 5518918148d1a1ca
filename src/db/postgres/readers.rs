//! The connections that read. A few are shared by reads by key; what takes long has a connection to itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Pool, RecycleResult};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, oneshot};

use super::error::said;
use super::reads_by_key::ReadsByKey;
use super::{Address, Session};
use crate::db::turns::Turn;
use crate::db::{Arg, DbError, Map, Patience, Reach, Read, Row, chunks};
use crate::shares::QuotaGuard;

/// Reads at once that go through a whole table, each on a connection of its own.
pub(in crate::db) const SCANS: usize = 2;
/// Scans under way or waiting; one more is refused at once.
const WAITING_SCANS: usize = 128;
/// Reads at once of a range of an index, such as counts, each on a connection of its own.
const RANGES: usize = 2;
/// Reads of a range under way or waiting; one more is refused at once.
const WAITING_RANGES: usize = 512;
/// Long lists that are read at the same time, each on a connection of its own.
pub(in crate::db) const STREAMS: usize = 8;
/// How long a read is tried again while the server is away.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(in crate::db) struct Readers {
    by_key: ReadsByKey,
    ranges: Arc<Alone>,
    scans: Arc<Alone>,
    own: Pool<Sessions>,
    streams: Arc<Semaphore>,
}

impl Readers {
    /// Connects nowhere yet.
    pub(in crate::db) fn start(address: Address) -> Result<Self, DbError> {
        Ok(Self {
            ranges: Arc::new(Alone::new(&address, Reach::Range, RANGES, WAITING_RANGES)?),
            scans: Arc::new(Alone::new(&address, Reach::Scan, SCANS, WAITING_SCANS)?),
            own: sessions(&address, Reach::Scan, STREAMS)?,
            by_key: ReadsByKey::of(address),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn run<T: Send + 'static>(
        &self,
        mut read: Read<T>,
    ) -> Result<(Vec<T>, Option<i64>), DbError> {
        can_be_sent(&read.args)?;
        let alone = match read.reach {
            Reach::Key => {
                let mut patience = Patience::lasting(PATIENCE);
                loop {
                    match self.by_key.query(read.sql, read.args.clone(), read.map).await {
                        Err(error) => patience.after(error).await?,
                        found => return Ok((found?, None)),
                    }
                }
            }
            Reach::Range => Arc::clone(&self.ranges),
            Reach::Scan => Arc::clone(&self.scans),
        };
        let (mut answer, answered) = oneshot::channel();
        // On its own: the server reads on when the client has gone, and the next on this connection would wait behind it.
        tokio::spawn(async move {
            let found = async {
                let _place = alone.waiting.try_acquire().map_err(|_| DbError::Busy)?;
                let _turn = tokio::select! {
                    turn = alone.turns.acquire() => turn.map_err(|_| DbError::Busy)?,
                    // A client that went away no longer wants its answer.
                    () = answer.closed() => return Err(DbError::Busy),
                };
                alone.rows_and_total(&mut read).await
            };
            let found = found.await;
            // Its turn is over before the client hears of it.
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
        place: QuotaGuard,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        can_be_sent(&args)?;
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| DbError::Busy)?;
        let session = session(&self.own).await?;
        let (give, taken) = chunks::channel();
        tokio::spawn(async move {
            if let Err(error) = read_chunks(&session, sql, &args, map, &give).await {
                // The rest of the rows is still to come on this connection: it ends with it.
                drop(Object::take(session));
                #[expect(
                    clippy::let_underscore_must_use,
                    reason = "a reader that is behind is cut off, which ends the list"
                )]
                let _ = give.try_send(Err(error));
            }
            drop((permit, place));
        });
        Ok(taken)
    }
}

/// Arguments of a read may come unchecked from a request: from the cursor of a list.
fn can_be_sent(args: &[Arg]) -> Result<(), DbError> {
    if args.iter().any(Arg::has_nul) { Err(DbError::Nul) } else { Ok(()) }
}

/// Reads that each have a connection to themselves, a few at a time.
#[derive(Debug)]
struct Alone {
    sessions: Pool<Sessions>,
    waiting: Semaphore,
    turns: Semaphore,
}

impl Alone {
    fn new(address: &Address, reach: Reach, at_once: usize, waiting: usize) -> Result<Self, DbError> {
        Ok(Self {
            sessions: sessions(address, reach, at_once)?,
            waiting: Semaphore::new(waiting),
            turns: Semaphore::new(at_once),
        })
    }

    async fn rows_and_total<T>(&self, read: &mut Read<T>) -> Result<(Vec<T>, Option<i64>), DbError> {
        read.turn.as_mut().map_or(Ok(()), Turn::begin)?;
        let rows = self.query(read.sql, &read.args, read.map).await?;
        let Some(total) = read.total.as_ref().filter(|total| total.is_needed(rows.len())) else {
            return Ok((rows, None));
        };
        let counted = self.query(total.sql, &total.args, |row| row.int(0)).await?;
        Ok((rows, Some(counted.into_iter().sum())))
    }

    async fn query<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        let mut patience = Patience::lasting(PATIENCE);
        loop {
            let read = async { session(&self.sessions).await?.query(sql, args, map).await };
            match read.await {
                Err(error) => patience.after(error).await?,
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
struct Sessions(Address, Reach);

/// Connects nowhere yet.
fn sessions(address: &Address, reach: Reach, most: usize) -> Result<Pool<Sessions>, DbError> {
    let pool = Pool::builder(Sessions(address.clone(), reach)).max_size(most).build();
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
        Session::begin(&self.0, self.1).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<DbError> {
        if session.is_closed() {
            return Err(managed::RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
