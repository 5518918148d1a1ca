//! Whether the Registrar can write. Its own thread tries, between two batches, so that the attempt never competes with one.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::Registrar;
use super::commit::Books;
use crate::db::{DbError, Pulse};

/// How long the outcome of an attempt is reused: at most one write a second, however many clients ask.
const FRESH: Duration = Duration::from_secs(1);
/// How long an answer may take: less than the usual timeout of a health check.
const PATIENCE: Duration = Duration::from_secs(3);
/// By how much the log may be ahead of the clock.
const MAX_LEAD: Duration = Duration::from_mins(1);
/// Questions that may wait for the same attempt.
const WAITING: usize = 256;

/// Why nothing can be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unready {
    /// No more commands are accepted.
    #[error("the server is stopping")]
    Stopping,
    /// A batch or an attempt has been waiting for seconds.
    #[error("a change has been waiting for the database for seconds")]
    HeldUp,
    /// The log is ahead of the clock by more than a minute.
    #[error("the log is {} s ahead of the clock, which is wrong now or was when the last entry was written", .0.as_secs())]
    Ahead(Duration),
    /// The last attempt failed.
    #[error("{0}")]
    Failed(DbError),
}

/// A question whether it can write: where the answer goes.
pub(super) type Asking = oneshot::Sender<Result<(), DbError>>;

/// The queue of questions to the thread.
pub(super) fn channel() -> (mpsc::Sender<Asking>, mpsc::Receiver<Asking>) {
    mpsc::channel(WAITING)
}

impl Registrar {
    /// Whether the last attempt to write succeeded. When that was more than a moment ago, a new one is made.
    ///
    /// # Errors
    /// Why nothing can be written.
    pub async fn can_write(&self) -> Result<(), Unready> {
        self.last_attempt().await?;
        let lead = self.lead.get();
        if lead > MAX_LEAD { Err(Unready::Ahead(lead)) } else { Ok(()) }
    }

    async fn last_attempt(&self) -> Result<(), Unready> {
        if !self.is_open() {
            return Err(Unready::Stopping);
        }
        if let Some(outcome) = self.pulse.within(FRESH) {
            return outcome.map_err(Unready::Failed);
        }
        let (answer, answered) = oneshot::channel();
        self.asking.try_send(answer).map_err(|error| match error {
            TrySendError::Full(_) => Unready::HeldUp,
            TrySendError::Closed(_) => Unready::Stopping,
        })?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome.map_err(Unready::Failed),
            Ok(Err(_)) => Err(Unready::Stopping),
            Err(_) => Err(Unready::HeldUp),
        }
    }
}

/// Answers the first question and all that wait with it, by one attempt at most.
pub(super) async fn answer(
    first: Asking,
    asking: &mut mpsc::Receiver<Asking>,
    books: &mut Books,
    pulse: &Pulse,
) {
    let mut waiting = vec![first];
    waiting.extend(std::iter::from_fn(|| asking.try_recv().ok()));
    // A client that has left needs no answer.
    waiting.retain(|answer| !answer.is_closed());
    if waiting.is_empty() {
        return;
    }
    let outcome = match pulse.within(FRESH) {
        Some(outcome) => outcome,
        None => books.try_to_write().await,
    };
    pulse.log();
    for answer in waiting {
        #[expect(clippy::let_underscore_must_use, reason = "a client that has left needs no answer")]
        let _ = answer.send(outcome.clone());
    }
}
