//! The threads that read, each with its own connection and prepared statements, and the lists that are read at leisure.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use futures_util::Stream;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::{open_reader, prepare, query};
use crate::db::{Arg, DbError, Map, Reach, Row, chunks};

/// Threads for reads by key, which take microseconds, so that a few serve everybody.
const KEY_READERS: usize = 3;
/// Reads by key that may wait; one more is refused at once.
const WAITING_KEY_READS: usize = 4096;
/// Threads for reads that go through a whole table, so that however many search, nobody else waits behind them.
const SCANNERS: usize = 1;
/// Scans that may wait; one more is refused at once.
const WAITING_SCANS: usize = 128;
/// Long lists that are read at the same time, each on a connection of its own.
const STREAMS: usize = 32;
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read.
#[derive(Debug)]
pub(in crate::db) struct Readers {
    keys: Lane,
    scans: Lane,
    path: PathBuf,
    streams: Arc<Semaphore>,
}

impl Readers {
    pub(in crate::db) fn start(path: &Path) -> Result<Self, DbError> {
        Ok(Self {
            keys: Lane::start(path, "reader", KEY_READERS, WAITING_KEY_READS)?,
            scans: Lane::start(path, "scanner", SCANNERS, WAITING_SCANS)?,
            path: path.to_owned(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn query<T: Send + 'static>(
        &self,
        reach: Reach,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A client that went away no longer wants its answer.
            if !answer.is_closed() {
                let _ = answer.send(query(connection, sql, &args, map));
            }
        });
        let lane = if reach == Reach::Key { &self.keys } else { &self.scans };
        lane.take(job)?;
        answered.await.map_err(|_| DbError::Engine("a reader stopped in the middle of a read".to_owned()))?
    }

    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(in crate::db) fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| DbError::Busy)?;
        let connection = open_reader(&self.path)?;
        let (rows, taken) = chunks::channel();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("stream".to_owned())
            .spawn(move || {
                let began = Instant::now();
                let give = |chunk| {
                    let left = chunks::LONGEST.saturating_sub(began.elapsed());
                    runtime.block_on(chunks::give_within(&rows, chunk, chunks::STALL.min(left)))
                };
                if let Err(error) = read_chunks(&connection, sql, &args, map, &give) {
                    give(Err(error));
                }
                drop(permit);
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(taken)
    }
}

/// Threads that share one queue.
#[derive(Debug)]
struct Lane {
    /// Until it is dropped.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Lane {
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    fn start(path: &Path, name: &str, threads: usize, waiting: usize) -> Result<Self, DbError> {
        let (jobs, queue) = crossbeam_channel::bounded::<Job>(waiting);
        let mut lane = Self { jobs: Some(jobs), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (connection, queue) = (open_reader(path)?, queue.clone());
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || serve_reads(&connection, &queue))
                .map_err(|error| DbError::Engine(error.to_string()))?;
            lane.threads.push(thread);
        }
        Ok(lane)
    }

    fn take(&self, job: Job) -> Result<(), DbError> {
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(DbError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                Err(DbError::Engine("the readers have stopped".to_owned()))
            }
        }
    }
}

impl Drop for Lane {
    /// Its connections are closed when this returns.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A panic in it has been told already.
            let _ = thread.join();
        }
    }
}

fn serve_reads(connection: &Connection, waiting: &Receiver<Job>) {
    for job in waiting {
        job(connection);
    }
}

fn read_chunks<T>(
    connection: &Connection,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
    give: &dyn Fn(Result<Vec<T>, DbError>) -> bool,
) -> Result<(), DbError> {
    let mut statement = prepare(connection, sql, args)?;
    let mut rows = statement.raw_query();
    let mut chunk = Vec::with_capacity(chunks::ROWS);
    while let Some(row) = rows.next()? {
        chunk.push(map(&Row::sqlite(row))?);
        if chunk.len() == chunks::ROWS
            && !give(Ok(std::mem::replace(&mut chunk, Vec::with_capacity(chunks::ROWS))))
        {
            return Ok(());
        }
    }
    if chunk.is_empty() || give(Ok(chunk)) {
        give(Ok(Vec::new()));
    }
    Ok(())
}
