//! Keeps the index of a roll ready while its school is open, so that nobody waits for it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::cached::{Roll, Shared};
use super::index::Index;
use crate::background::with_span;
use crate::db::DbError;
use crate::lists::{Rolled, run_blocking};

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
        let (index, is_due) = {
            let mut cached = self.0.cached.lock().await;
            let cached = self.updated(&mut cached).await?;
            (Arc::clone(&cached.index), cached.is_due(self.0.small))
        };
        if !index.is_sorted(Index::BY_NAME) {
            run_blocking(move || {
                index.order(Some(Index::BY_NAME));
            })
            .await?;
        }
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
        let pause = if was_read { INTERVAL } else { RETRY_DELAY };
        #[expect(clippy::let_underscore_must_use, reason = "either is a reason to look")]
        let _ = tokio::time::timeout(pause, wanted.notified()).await;
    }
}
