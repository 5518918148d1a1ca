//! Waiting for a database at the start.

use std::time::{Duration, Instant};

use crate::adoption::{MigrateError, MigrateErrorReason};
use crate::db::{DbError, Location};
use crate::registrar::Refusal;

/// How long the start waits for a database that is away, or that another program holds: about as long as a server takes to
/// start or a standby to take over.
const MOST: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);
/// An attempt that takes longer than this is mentioned.
const SILENT: Duration = Duration::from_secs(3);

/// Tries until the database is there and no other program holds it, and says in the log output that it waits.
///
/// # Errors
/// The last one, if it is still so after a minute; at once for what waiting cannot change.
pub(super) async fn when_available<T>(
    database: &Location,
    attempt: impl AsyncFn() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let until = Instant::now() + MOST;
    let mut has_said = false;
    loop {
        // In a task of its own: an attempt may block the thread while it waits for a lock.
        let says = (!has_said).then(|| tokio::spawn(say_that_it_takes_long(database.to_string())));
        let done = attempt().await;
        if let Some(says) = says {
            has_said = says.is_finished();
            says.abort();
        }
        match done {
            Err(error) if may_pass(&error) && Instant::now() + PAUSE < until => {
                if !has_said {
                    tracing::warn!("waiting for the database, at most {} s: {error:#}", MOST.as_secs());
                    has_said = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn say_that_it_takes_long(database: String) {
    tokio::time::sleep(SILENT).await;
    tracing::warn!("waiting for {database}: another program may hold it, or its migration takes long");
}

/// Whether the database may be available in a moment.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let error = match cause.downcast_ref() {
            Some(MigrateError { reason: MigrateErrorReason::Db(error), .. }) => Some(error),
            _ => match cause.downcast_ref() {
                Some(Refusal::Engine(error)) => Some(error),
                _ => cause.downcast_ref::<DbError>(),
            },
        };
        error.is_some_and(|error| error.is_transient() || matches!(error, DbError::Busy))
    })
}
