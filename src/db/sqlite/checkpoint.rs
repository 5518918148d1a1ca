//! Checkpoints beside the writer: pages go from the log into the file in small steps, on a thread of their own.
//!
//! Left to the commit that happens to make the log long enough, a checkpoint of tens of megabytes holds up everybody
//! who waits for that commit. Here the writer finds most of the work done, and only has the rest to do before the log
//! begins anew.
//!
//! How small the steps are goes by how much is written. A step flushes the file, and the commits of that moment wait for
//! the disk behind it: while there is little to do, steps are so small that nobody notices. While much is written a page
//! is likely to be written again soon, so that a large step does the work of many.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rusqlite::Connection;

use super::content::Content;
use crate::db::DbError;

/// How often the thread looks, while there is something to do.
const INTERVAL: Duration = Duration::from_millis(2);
/// Pages that are worth a step while little is written.
const SMALL_STEP: i64 = 30;
/// Pages a millisecond that are little: as many as two thousand commits a second write.
const LITTLE: i64 = 20;
/// Pages that are worth a step in any case.
const LARGE_STEP: i64 = 4_000;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Until it is dropped.
    written: Option<Sender<()>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it on a connection of its own. It leaves a file alone whose content is not what it should be.
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(super) fn start(
        path: &Path,
        connection: Connection,
        content: Option<Arc<Content>>,
    ) -> Result<Self, DbError> {
        // One word is enough, however much is written.
        let (written, heard) = bounded(1);
        let is_over = Arc::<AtomicBool>::default();
        let told = Arc::clone(&is_over);
        let path = path.display().to_string();
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || {
                while heard.recv().is_ok() {
                    if let Err(error) = work(&connection, content.as_deref(), &told) {
                        tracing::warn!(%error, path, "a checkpoint failed; the next commits will do its work");
                    }
                }
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self { written: Some(written), is_over, thread: Some(thread) })
    }

    /// Says that there is something to do.
    pub(super) fn wake(&self) {
        if let Some(written) = &self.written {
            #[expect(clippy::let_underscore_must_use, reason = "it knows already, or it ends")]
            let _ = written.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    /// Its connection is closed when this returns.
    fn drop(&mut self) {
        self.written = None;
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            #[expect(clippy::let_underscore_must_use, reason = "a panic in it has been reported already")]
            let _ = thread.join();
        }
    }
}

/// Steps, until less is left than is worth one.
fn work(connection: &Connection, content: Option<&Content>, is_over: &AtomicBool) -> Result<(), DbError> {
    let is_intact = || content.is_none_or(|content| content.check().is_ok());
    let mut last_step = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let left = waiting(connection, "noop")?;
        if left < SMALL_STEP {
            break;
        }
        let milliseconds = i64::try_from(last_step.elapsed().as_millis()).unwrap_or(i64::MAX);
        if left >= LARGE_STEP || left / LITTLE <= milliseconds {
            // The writer looks too, and refuses.
            if !is_intact() {
                break;
            }
            last_step = Instant::now();
            waiting(connection, "passive")?;
            // So that a change is noticed that comes before the next commit.
            is_intact();
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// Runs a checkpoint of this mode; the pages that are still to be done.
fn waiting(connection: &Connection, mode: &str) -> Result<i64, DbError> {
    let sql = format!("pragma wal_checkpoint({mode})");
    Ok(connection.query_row(&sql, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?)
}
