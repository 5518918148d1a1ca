//! The threads that read, each with its own connection and prepared statements, and the lists that are read at leisure.

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

/// Threads for reads by key, which take microseconds, so that a few serve everybody; no more than there are cores, which
/// would only get in each other's way.
const KEY_READERS: usize = 3;
/// Memory for the pages that reads by key meet, of all their threads together.
const KEY_CACHE: usize = 64 * 1024 * 1024;
/// Reads by key that share a snapshot at most.
const GATHERED: usize = 32;
/// Reads by key that may wait; one more is refused at once.
const WAITING_KEY_READS: usize = 4096;
/// Threads for reads of a range of an index, such as counts: milliseconds, which searches must not make seconds.
const RANGE_READERS: usize = 1;
/// Memory for the pages that reads of a range meet; most of them are met again by the next count of the same list.
const RANGE_CACHE: usize = 16 * 1024 * 1024;
/// Reads of a range that may wait; one more is refused at once.
const WAITING_RANGES: usize = 512;
/// Threads for reads that go through a whole table, so that however many search, nobody else waits behind them.
pub(in crate::db) const SCANNERS: usize = 1;
/// Memory for the pages that a scan meets, of which it meets most once.
const SCAN_CACHE: usize = 4 * 1024 * 1024;
/// Scans that may wait; one more is refused at once.
const WAITING_SCANS: usize = 128;
/// Long lists that are read at the same time, each on a connection of its own.
pub(in crate::db) const STREAMS: usize = 32;
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read.
#[derive(Debug)]
pub(in crate::db) struct Readers {
    keys: Lane,
    ranges: Lane,
    scans: Lane,
    path: PathBuf,
    streams: Arc<Semaphore>,
}

impl Readers {
    pub(in crate::db) fn start(path: &Path) -> Result<Self, DbError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let key_readers = cores.min(KEY_READERS);
        Ok(Self {
            keys: Lane::start(path, "reader", key_readers, WAITING_KEY_READS, KEY_CACHE / key_readers)?,
            ranges: Lane::start(path, "range-reader", RANGE_READERS, WAITING_RANGES, RANGE_CACHE)?,
            scans: Lane::start(path, "scanner", SCANNERS, WAITING_SCANS, SCAN_CACHE)?,
            path: path.to_owned(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        })
    }

    pub(in crate::db) async fn run<T: Send + 'static>(
        &self,
        mut read: Read<T>,
    ) -> Result<(Vec<T>, Option<i64>), DbError> {
        let lane = match read.reach {
            Reach::Key => &self.keys,
            Reach::Range => &self.ranges,
            Reach::Scan => &self.scans,
        };
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A client that went away no longer wants its answer.
            if answer.is_closed() {
                return;
            }
            let found = rows_and_total(connection, &mut read);
            // Its turn is over before the client hears of it.
            drop(read);
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(found);
        });
        lane.take(job)?;
        answered.await.map_err(|_| DbError::Engine("a reader stopped in the middle of a read".to_owned()))?
    }

    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(in crate::db) fn stream<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
        map: Map<T>,
        place: QuotaGuard,
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
                drop((permit, place));
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(taken)
    }
}

fn rows_and_total<T>(connection: &Connection, read: &mut Read<T>) -> Result<(Vec<T>, Option<i64>), DbError> {
    read.turn.as_mut().map_or(Ok(()), Turn::begin)?;
    let rows = query(connection, read.sql, &read.args, read.map)?;
    let total = read.total.take().filter(|total| total.is_needed(rows.len()));
    let total = total.map(|total| query(connection, total.sql, &total.args, |row| row.int(0))).transpose()?;
    Ok((rows, total.map(|counted| counted.into_iter().sum())))
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
    fn start(path: &Path, name: &str, threads: usize, waiting: usize, cache: usize) -> Result<Self, DbError> {
        let (jobs, queue) = crossbeam_channel::bounded::<Job>(waiting);
        let mut lane = Self { jobs: Some(jobs), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (connection, queue) = (open_reader(path)?, queue.clone());
            // A negative size is in KiB.
            let kibibytes = to_i64(cache / 1024);
            connection.pragma_update(None, "cache_size", -kibibytes)?;
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
            #[expect(clippy::let_underscore_must_use, reason = "a panic in it has been reported already")]
            let _ = thread.join();
        }
    }
}

/// What has gathered shares a snapshot. It is taken after the last of it was asked for, so that everybody sees what was
/// answered before.
fn serve_reads(connection: &Connection, waiting: &Receiver<Job>) {
    let mut gathered = Vec::with_capacity(GATHERED);
    while let Ok(job) = waiting.recv() {
        gathered.push(job);
        gathered.extend(waiting.try_iter().take(GATHERED - 1));
        // Where it cannot be shared each takes its own.
        let is_shared = gathered.len() > 1 && run(connection, "begin");
        for job in gathered.drain(..) {
            job(connection);
        }
        if is_shared && !run(connection, "commit") && !connection.is_autocommit() {
            run(connection, "rollback");
        }
    }
}

/// Whether a statement without parameters was carried out.
fn run(connection: &Connection, sql: &str) -> bool {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).is_ok()
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

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, LazyLock};

    use super::*;

    static HELD_UP: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

    #[tokio::test]
    async fn a_long_count_holds_up_no_read_by_key_and_no_search() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        super::super::Writer::open(&path).unwrap().close();
        let readers = Readers::start(&path).unwrap();
        let slowly: Map<i64> = |row| {
            HELD_UP.wait();
            row.int(0)
        };
        let read = |reach, map| {
            readers.run(Read { reach, sql: "select 1", args: Vec::new(), map, total: None, turn: None })
        };
        let count = read(Reach::Range, slowly);
        let others = async {
            for reach in [Reach::Key, Reach::Scan] {
                assert_eq!(read(reach, |row| row.int(0)).await, Ok((vec![1], None)));
            }
            tokio::task::spawn_blocking(|| HELD_UP.wait()).await.unwrap();
        };
        let (count, ()) = tokio::join!(count, others);
        assert_eq!(count, Ok((vec![1], None)));
    }
}
