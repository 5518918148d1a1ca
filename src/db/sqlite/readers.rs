//! The threads that read, each with its own connection and prepared statements, and streams of long lists.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use futures_util::Stream;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::connection::{open_reader, prepare, query};
use crate::count::to_i64;
use crate::db::turns::Turn;
use crate::db::{Arg, DbError, Map, Reach, Read, Row, chunks};
use crate::shares::QuotaGuard;

/// Threads for reads by key, which take microseconds, so that a few are enough for everybody. Never more than there
/// are cores.
const KEY_READERS: usize = 3;
/// Page cache in bytes for reads by key, divided among their threads.
const KEY_CACHE: usize = 64 * 1024 * 1024;
/// How many reads by key share a snapshot at most.
const MAX_BATCH: usize = 32;
/// Reads by key that may wait; further ones are rejected at once.
const MAX_WAITING_KEY_READS: usize = 4096;
/// Threads for reads of a range of an index, such as counts. They take milliseconds and must not wait for searches,
/// which take longer.
const RANGE_READERS: usize = 1;
/// Page cache in bytes for range reads; the next count of the same list reads most of the same pages.
const RANGE_CACHE: usize = 16 * 1024 * 1024;
/// Range reads that may wait; further ones are rejected at once.
const MAX_WAITING_RANGES: usize = 512;
/// Threads for scans of a whole table. A single one, so that any number of searches leaves the other threads free.
pub(in crate::db) const SCANNERS: usize = 1;
/// Page cache in bytes for scans; small, since a scan reads most pages once.
const SCAN_CACHE: usize = 4 * 1024 * 1024;
/// Scans that may wait; further ones are rejected at once.
const MAX_WAITING_SCANS: usize = 128;
/// Long lists that are read at the same time, each on a connection of its own.
pub(in crate::db) const STREAMS: usize = 32;
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read.
#[derive(Debug)]
pub(in crate::db) struct Readers {
    keys: ReaderPool,
    ranges: ReaderPool,
    scans: ReaderPool,
    path: PathBuf,
    views: String,
    streams: Arc<Semaphore>,
}

impl Readers {
    pub(in crate::db) fn start(path: &Path, views: &str) -> Result<Self, DbError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let key_readers = cores.min(KEY_READERS);
        Ok(Self {
            keys: ReaderPool::start(
                path,
                views,
                "reader",
                key_readers,
                MAX_WAITING_KEY_READS,
                KEY_CACHE / key_readers,
            )?,
            ranges: ReaderPool::start(
                path,
                views,
                "range-reader",
                RANGE_READERS,
                MAX_WAITING_RANGES,
                RANGE_CACHE,
            )?,
            scans: ReaderPool::start(path, views, "scanner", SCANNERS, MAX_WAITING_SCANS, SCAN_CACHE)?,
            path: path.to_owned(),
            views: views.to_owned(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn run<T: Send + 'static>(&self, mut read: Read<T>) -> Result<Vec<T>, DbError> {
        let pool = match read.reach {
            Reach::Key | Reach::Page => &self.keys,
            Reach::Range => &self.ranges,
            Reach::Scan => &self.scans,
        };
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Skip a client that has disconnected.
            if answer.is_closed() {
                return;
            }
            let begun = read.turn.as_mut().map_or(Ok(()), Turn::begin);
            let found = begun.and_then(|()| query(connection, read.sql, &read.args, read.map));
            // End the turn before the client gets its answer.
            drop(read);
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(found);
        });
        pool.submit(job)?;
        answered.await.map_err(|_| DbError::Engine("a reader stopped in the middle of a read".to_owned()))?
    }

    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(in crate::db) fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
        place: Option<QuotaGuard>,
    ) -> Result<impl Stream<Item = Result<Vec<T>, DbError>> + Send + use<T>, DbError> {
        let permit = match &place {
            Some(_) => Some(Arc::clone(&self.streams).try_acquire_owned().map_err(|_| DbError::Busy)?),
            None => None,
        };
        let connection = open_reader(&self.path, &self.views)?;
        let (sender, stream) = chunks::channel();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("stream".to_owned())
            .spawn(move || {
                let began = Instant::now();
                let send = |chunk| {
                    let left = chunks::MAX_DURATION.saturating_sub(began.elapsed());
                    runtime.block_on(chunks::send_within(&sender, chunk, chunks::MAX_STALL.min(left)))
                };
                if let Err(error) = read_chunks(&connection, sql, &args, map, &send) {
                    send(Err(error));
                }
                drop((permit, place));
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(stream)
    }
}

/// Threads that share a queue.
#[derive(Debug)]
struct ReaderPool {
    /// `None` only while it is being dropped.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl ReaderPool {
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    fn start(
        path: &Path,
        views: &str,
        name: &str,
        threads: usize,
        waiting: usize,
        cache: usize,
    ) -> Result<Self, DbError> {
        let (jobs, queue) = crossbeam_channel::bounded::<Job>(waiting);
        let mut pool = Self { jobs: Some(jobs), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (connection, queue) = (open_reader(path, views)?, queue.clone());
            // A negative size is in KiB.
            let kibibytes = to_i64(cache / 1024);
            connection.pragma_update(None, "cache_size", -kibibytes)?;
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || serve_reads(&connection, &queue))
                .map_err(|error| DbError::Engine(error.to_string()))?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    fn submit(&self, job: Job) -> Result<(), DbError> {
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(DbError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                Err(DbError::Engine("the readers have stopped".to_owned()))
            }
        }
    }
}

impl Drop for ReaderPool {
    /// Waits until the threads have closed their connections.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            #[expect(clippy::let_underscore_must_use, reason = "a panic in it has been reported already")]
            let _ = thread.join();
        }
    }
}

/// Runs waiting reads in batches that share a snapshot. It is taken after the last of them was requested, so that
/// everyone sees what was confirmed before.
fn serve_reads(connection: &Connection, waiting: &Receiver<Job>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while let Ok(job) = waiting.recv() {
        batch.push(job);
        batch.extend(waiting.try_iter().take(MAX_BATCH - 1));
        // If the snapshot cannot be shared, each read takes its own.
        let is_shared = batch.len() > 1 && run(connection, "begin");
        for job in batch.drain(..) {
            job(connection);
        }
        if is_shared && !run(connection, "commit") && !connection.is_autocommit() {
            run(connection, "rollback");
        }
    }
}

/// Runs a statement without parameters; returns whether it succeeded.
fn run(connection: &Connection, sql: &str) -> bool {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).is_ok()
}

fn read_chunks<T>(
    connection: &Connection,
    sql: &str,
    args: &[Arg],
    map: Map<T>,
    send: &dyn Fn(Result<Vec<T>, DbError>) -> bool,
) -> Result<(), DbError> {
    let mut statement = prepare(connection, sql, args)?;
    let mut rows = statement.raw_query();
    let mut chunk = Vec::with_capacity(chunks::MAX_ROWS);
    while let Some(row) = rows.next()? {
        chunk.push(map(&Row::from_sqlite(row))?);
        if chunk.len() == chunks::MAX_ROWS
            && !send(Ok(std::mem::replace(&mut chunk, Vec::with_capacity(chunks::MAX_ROWS))))
        {
            return Ok(());
        }
    }
    if chunk.is_empty() || send(Ok(chunk)) {
        send(Ok(Vec::new()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, LazyLock};

    use super::*;

    static BARRIER: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

    #[tokio::test]
    async fn a_long_count_does_not_block_reads_by_key_or_searches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        super::super::Writer::open(&path).unwrap().close();
        let readers = Readers::start(&path, "").unwrap();
        let slow: Map<i64> = |row| {
            BARRIER.wait();
            row.int(0)
        };
        let read =
            |reach, map| readers.run(Read { reach, sql: "select 1", args: Vec::new(), map, turn: None });
        let count = read(Reach::Range, slow);
        let others = async {
            for reach in [Reach::Key, Reach::Scan] {
                assert_eq!(read(reach, |row| row.int(0)).await, Ok(vec![1]));
            }
            tokio::task::spawn_blocking(|| BARRIER.wait()).await.unwrap();
        };
        let (count, ()) = tokio::join!(count, others);
        assert_eq!(count, Ok(vec![1]));
    }
}
