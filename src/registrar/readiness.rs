//! Whether the Registrar can write. Its own thread tries, between two batches, so that the attempt never competes with one.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::commit::Books;
use super::lead::Lead;
use crate::db::{DbError, WriteHealth};

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

/// Asks the Registrar's thread whether it can write. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Readiness {
    write_health: WriteHealth,
    lead: Lead,
    asking: mpsc::Sender<Question>,
}

/// Where the answer to a question goes.
type Question = oneshot::Sender<Result<(), DbError>>;

/// The questions that the thread has to answer.
#[derive(Debug)]
pub(super) struct Questions(mpsc::Receiver<Question>);

impl Readiness {
    pub(super) fn new(write_health: WriteHealth, lead: Lead) -> (Self, Questions) {
        let (asking, questions) = mpsc::channel(WAITING);
        (Self { write_health, lead, asking }, Questions(questions))
    }

    pub(super) async fn can_write(&self) -> Result<(), Unready> {
        self.last_attempt().await?;
        let lead = self.lead.get();
        if lead > MAX_LEAD { Err(Unready::Ahead(lead)) } else { Ok(()) }
    }

    async fn last_attempt(&self) -> Result<(), Unready> {
        if let Some(outcome) = self.write_health.within(FRESH) {
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

impl Questions {
    /// The next question.
    pub(super) async fn next(&mut self) -> Option<Question> {
        self.0.recv().await
    }

    /// Answers all that wait, if any do.
    pub(super) async fn answer_waiting(&mut self, books: &mut Books) {
        if let Ok(first) = self.0.try_recv() {
            self.answer(first, books).await;
        }
    }

    /// Answers the first question and all that wait with it, by one attempt at most.
    pub(super) async fn answer(&mut self, first: Question, books: &mut Books) {
        let mut waiting = vec![first];
        waiting.extend(std::iter::from_fn(|| self.0.try_recv().ok()));
        // A client that has left needs no answer.
        waiting.retain(|answer| !answer.is_closed());
        if waiting.is_empty() {
            return;
        }
        let write_health = books.write_health();
        let outcome = match write_health.within(FRESH) {
            Some(outcome) => outcome,
            None => books.try_to_write().await,
        };
        write_health.log();
        for answer in waiting {
            #[expect(clippy::let_underscore_must_use, reason = "a client that has left needs no answer")]
            let _ = answer.send(outcome.clone());
        }
    }
}
