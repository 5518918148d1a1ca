//! Checkpoints next to the writer: a thread of its own moves pages from the write-ahead log into the file in small
//! steps.
//!
//! Otherwise the commit that happens to make the log long enough also runs a checkpoint of tens of megabytes, and
//! everyone who waits for that commit waits for the checkpoint. With this thread, little is left to do when the log
//! starts over.
//!
//! The size of the steps depends on how much is written. A step flushes the file, which delays the commits of that
//! moment: while little is written, steps are too small to notice. While much is written, the same pages are likely
//! to be written again soon, so one large step saves many small ones, as long as its flush delays nobody noticeably.
//!
//! `SQLite` flushes the file only after a step during which nobody committed. While much is written that is rare, and
//! the one flush for many steps then takes a tenth of a second and more. So each step ends with a flush here.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rusqlite::Connection;

use super::content::FileContent;
use crate::db::DbError;

/// How often the thread checks for work while there is some.
const INTERVAL: Duration = Duration::from_millis(2);
/// Pages that justify a step while little is written.
const SMALL_STEP: i64 = 30;
/// Pages per millisecond since the last step that count as little: what two thousand commits a second write.
const LOW_RATE: i64 = 20;
/// Pages that justify a step in any case: as many as take [`STEP_TIME`], but not fewer or more than these.
const LARGE_STEPS: RangeInclusive<i64> = 500..=4_000;
/// How long a large step should take with its flush.
const STEP_TIME: Duration = Duration::from_millis(8);

/// The checkpointing thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// `None` only while it is being dropped.
    wake: Option<Sender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own. It does not touch a file whose content was changed by others.
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(super) fn start(
        path: &Path,
        connection: Connection,
        content: Option<Arc<FileContent>>,
    ) -> Result<Self, DbError> {
        // One wake-up is enough, however much is written.
        let (wake, woken) = bounded(1);
        let stop = Arc::<AtomicBool>::default();
        let stop_thread = Arc::clone(&stop);
        let path = path.display().to_string();
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    if let Err(error) = run(&connection, content.as_deref(), &stop_thread) {
                        tracing::warn!(%error, path, "a checkpoint failed; the next commits will do its work");
                    }
                }
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self { wake: Some(wake), stop, thread: Some(thread) })
    }

    /// Wakes the thread after a commit.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            #[expect(clippy::let_underscore_must_use, reason = "it knows already, or it ends")]
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    /// Waits until the thread has closed its connection.
    fn drop(&mut self) {
        self.wake = None;
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            #[expect(clippy::let_underscore_must_use, reason = "a panic in it has been reported already")]
            let _ = thread.join();
        }
    }
}

/// Runs steps until too little is left for another one.
fn run(connection: &Connection, content: Option<&FileContent>, stop: &AtomicBool) -> Result<(), DbError> {
    let is_intact = || content.is_none_or(|content| content.check().is_ok());
    let mut last_step = Instant::now();
    let mut large_step = *LARGE_STEPS.end();
    while !stop.load(Ordering::Relaxed) {
        let (left, moved_before) = checkpoint(connection, "noop")?;
        if left < SMALL_STEP {
            break;
        }
        let milliseconds = i64::try_from(last_step.elapsed().as_millis()).unwrap_or(i64::MAX);
        if left >= large_step || left / LOW_RATE <= milliseconds {
            // The writer checks too, and reports the error.
            if !is_intact() {
                break;
            }
            last_step = Instant::now();
            let (_, moved) = checkpoint(connection, "passive")?;
            if moved <= moved_before {
                // A reader holds the log: the next commit tries again.
                break;
            }
            // Remembers the file after this step, so that a change before the next commit is noticed.
            is_intact();
            if let Some(content) = content {
                content.flush().map_err(|error| DbError::Engine(error.to_string()))?;
            }
            large_step = pages_within(STEP_TIME, left, last_step.elapsed());
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// How many pages take `time`, if `pages` took `took`; within [`LARGE_STEPS`].
fn pages_within(time: Duration, pages: i64, took: Duration) -> i64 {
    let microseconds = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX).max(1);
    let fit = pages.saturating_mul(microseconds(time)) / microseconds(took);
    fit.clamp(*LARGE_STEPS.start(), *LARGE_STEPS.end())
}

/// Runs a checkpoint in this mode; returns how many pages of the log are not in the file yet, and how many are.
fn checkpoint(connection: &Connection, mode: &str) -> Result<(i64, i64), DbError> {
    let sql = format!("pragma wal_checkpoint({mode})");
    Ok(connection.query_row(&sql, [], |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((pages - moved, moved))
    })?)
}
