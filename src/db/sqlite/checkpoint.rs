//! Checkpoints beside the writer: pages go from the log into the file in small steps, on a thread of their own.
//!
//! Left to the commit that happens to make the log long enough, a checkpoint of tens of megabytes holds up everybody
//! who waits for that commit. Here the writer finds most of the work done, and only has the rest to do before the log
//! begins anew.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use rusqlite::Connection;

use super::DbError;

/// How often the thread looks.
const INTERVAL: Duration = Duration::from_millis(50);
/// Pages that are worth a step.
const STEP_PAGES: i64 = 1_000;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Until it is dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it on a connection of its own.
    #[expect(clippy::disallowed_methods, reason = "threads live here")]
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, DbError> {
        let (alive, gone) = bounded::<()>(0);
        let path = path.display().to_string();
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || {
                while gone.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if let Err(error) = step(&connection) {
                        tracing::warn!(%error, path, "a checkpoint failed; the next commits will do its work");
                    }
                }
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    /// Its connection is closed when this returns.
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told already.
            let _ = thread.join();
        }
    }
}

fn step(connection: &Connection) -> Result<(), DbError> {
    if waiting(connection, "noop")? >= STEP_PAGES {
        waiting(connection, "passive")?;
    }
    Ok(())
}

/// Runs a checkpoint of this mode; the pages that are still to be done.
fn waiting(connection: &Connection, mode: &str) -> Result<i64, DbError> {
    let sql = format!("pragma wal_checkpoint({mode})");
    Ok(connection.query_row(&sql, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?)
}
