//! The connections that read. A few are shared: reads by key follow each other on them without waiting for answers. What
//! takes long has a connection to itself.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Pool, RecycleResult};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::Semaphore;

use super::error::said;
use super::{Address, Session};
use crate::db::{Arg, DbError, Map, Patience, Reach, Row, chunks};

/// Connections that reads by key share: no more than there are cores here, for the more reads share one the fewer times
/// are they sent.
const SHARED: usize = 3;
/// Reads by key under way at once; one more is refused at once.
const KEY_READS: usize = 4096;
/// Reads at once that go through a whole table, each on a connection of its own.
const SCANS: usize = 2;
/// Scans under way or waiting; one more is refused at once.
const WAITING_SCANS: usize = 128;
/// Long lists that are read at the same time, each on a connection of its own.
const STREAMS: usize = 8;
/// How long a read is tried again while the server is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a failure to connect answers for the others that want the same connection.
const RECONNECT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(in crate::db) struct Readers {
    address: Address,
    shared: Vec<Shared>,
    next: AtomicUsize,
    own: Pool<Sessions>,
    key_reads: Semaphore,
    waiting_scans: Semaphore,
    scans: Semaphore,
    streams: Arc<Semaphore>,
}

impl Readers {
    /// Connects nowhere yet.
    pub(in crate::db) fn start(address: Address) -> Result<Self, DbError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let own = Pool::builder(Sessions(address.clone()))
            .max_size(SCANS + STREAMS)
            .build()
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self {
            address,
            shared: (0..cores.min(SHARED)).map(|_| Shared::default()).collect(),
            next: AtomicUsize::new(0),
            own,
            key_reads: Semaphore::new(KEY_READS),
            waiting_scans: Semaphore::new(WAITING_SCANS),
            scans: Semaphore::new(SCANS),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn query<T>(
        &self,
        reach: Reach,
        sql: &str,
        args: &[Arg],
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let mut patience = Patience::lasting(PATIENCE);
        let waiting = if reach == Reach::Key { &self.key_reads } else { &self.waiting_scans };
        let _place = waiting.try_acquire().map_err(|_| DbError::Busy)?;
        loop {
            let read = match reach {
                Reach::Key => self.query_shared(sql, args, map).await,
                Reach::Scan => self.query_alone(sql, args, map).await,
            };
            match read {
                Err(error) => patience.after(error).await?,
                found => return found,
            }
        }
    }

    async fn query_shared<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.shared.len();
        let session = self.shared[turn].session(&self.address).await?;
        session.query(sql, args, map).await
    }

    async fn query_alone<T>(&self, sql: &str, args: &[Arg], map: Map<T>) -> Result<Vec<T>, DbError> {
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

/// A connection that many use at once.
#[derive(Debug, Default)]
struct Shared {
    session: Mutex<Option<Arc<Session>>>,
    failed: tokio::sync::Mutex<Option<(Instant, DbError)>>,
}

impl Shared {
    async fn session(&self, address: &Address) -> Result<Arc<Session>, DbError> {
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
        // One of those who wait connects for all of them.
        let mut failed = self.failed.lock().await;
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
        if let Some((when, error)) = failed.as_ref()
            && when.elapsed() < RECONNECT
        {
            return Err(error.clone());
        }
        match Session::begin(address, Reach::Key).await {
            Ok(session) => {
                let session = Arc::new(session);
                *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn open_session(&self) -> Option<Arc<Session>> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref().filter(|session| !session.is_closed()).cloned()
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
