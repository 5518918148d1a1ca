//! Keeps the index of a roll ready while its school is open, so that nobody waits for it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::cached::{Roll, Shared};
use crate::background::with_span;
use crate::db::DbError;
use crate::lists::Rolled;

/// How often the index follows the log while nobody searches. A search follows it too.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long to wait after a failed read.
const RETRY_DELAY: Duration = Duration::from_secs(10);

impl<R: Rolled> Roll<R> {
    /// Starts the task that keeps the index ready, once [`Roll::prepare`] was called or somebody has searched.
    #[must_use]
    pub fn keep(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(with_span(keep(Arc::downgrade(&self.0))))
    }

    /// Begins to read the index, for searches to come.
    pub fn prepare(&self) {
        self.0.wanted.notify_one();
    }

    /// Brings the index up to date, and reads it if there is none. While a large table is read again, searches go on.
    async fn tend(&self) -> Result<(), DbError> {
        let is_due = {
            let mut cached = self.0.cached.lock().await;
            self.updated(&mut cached).await?.is_due(self.0.small)
        };
        if is_due { self.renew().await } else { Ok(()) }
    }
}

async fn keep<R: Rolled>(shared: Weak<Shared<R>>) {
    let Some(wanted) = shared.upgrade().map(|shared| Arc::clone(&shared.wanted)) else { return };
    wanted.notified().await;
    let mut was_read = true;
    while let Some(shared) = shared.upgrade() {
        let tended = Roll(shared).tend().await;
        if let Err(error) = &tended
            && was_read
        {
            tracing::warn!(%error, list = R::LIST, "a list for searches could not be read; trying again");
        }
        was_read = tended.is_ok();
        if was_read {
            #[expect(clippy::let_underscore_must_use, reason = "either is a reason to look")]
            let _ = tokio::time::timeout(INTERVAL, wanted.notified()).await;
        } else {
            // Not sooner because somebody searches: each search would begin to read the table.
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}
