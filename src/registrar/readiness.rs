//! Whether the Registrar can write. Its own thread makes the test write, between batches, so that the two never
//! compete.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::commit::BatchWriter;
use super::lead::Lead;
use crate::db::{DbError, WriteHealth};

/// How long the result of an attempt is reused: at most one test write a second, however many clients ask.
const RESULT_TTL: Duration = Duration::from_secs(1);
/// Maximum time to wait for a result: less than the usual timeout of a health check.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time by which the log may be ahead of the clock.
const MAX_LEAD: Duration = Duration::from_mins(1);
/// Maximum number of probes that wait for the same attempt.
const MAX_PROBES: usize = 256;

/// Why nothing can be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unready {
    /// No more commands are accepted.
    #[error("the server is stopping")]
    Stopping,
    /// A batch or a test write has been waiting for seconds.
    #[error("a change has been waiting for the database for seconds")]
    Blocked,
    /// The log is ahead of the clock by more than a minute.
    #[error("the log is {} ahead of the clock, which is wrong now or was wrong when the last entry was written", duration(*.0))]
    Ahead(Duration),
    /// The last attempt failed.
    #[error("{0}")]
    Failed(DbError),
}

/// The duration in the largest unit that makes at least two of it.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Asks the Registrar's thread whether it can write. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Readiness {
    write_health: WriteHealth,
    lead: Lead,
    probes: mpsc::Sender<Probe>,
}

/// Where to send the result of the probe.
type Probe = oneshot::Sender<Result<(), DbError>>;

/// The receiving end: probes that the thread has to answer.
#[derive(Debug)]
pub(super) struct Probes(mpsc::Receiver<Probe>);

impl Readiness {
    pub(super) fn new(write_health: WriteHealth, lead: Lead) -> (Self, Probes) {
        let (sender, receiver) = mpsc::channel(MAX_PROBES);
        (Self { write_health, lead, probes: sender }, Probes(receiver))
    }

    pub(super) async fn can_write(&self) -> Result<(), Unready> {
        self.last_attempt().await?;
        let lead = self.lead.get();
        if lead > MAX_LEAD { Err(Unready::Ahead(lead)) } else { Ok(()) }
    }

    async fn last_attempt(&self) -> Result<(), Unready> {
        if let Some(outcome) = self.write_health.within(RESULT_TTL) {
            return outcome.map_err(Unready::Failed);
        }
        let (answer, answered) = oneshot::channel();
        self.probes.try_send(answer).map_err(|error| match error {
            TrySendError::Full(_) => Unready::Blocked,
            TrySendError::Closed(_) => Unready::Stopping,
        })?;
        match tokio::time::timeout(PROBE_TIMEOUT, answered).await {
            Ok(Ok(outcome)) => outcome.map_err(Unready::Failed),
            Ok(Err(_)) => Err(Unready::Stopping),
            Err(_) => Err(Unready::Blocked),
        }
    }
}

impl Probes {
    /// Waits for the next probe; `None` when no more can come.
    pub(super) async fn next(&mut self) -> Option<Probe> {
        self.0.recv().await
    }

    /// Answers all waiting probes, if there are any.
    pub(super) async fn answer_waiting(&mut self, batch_writer: &mut BatchWriter) {
        if let Ok(first) = self.0.try_recv() {
            self.answer(first, batch_writer).await;
        }
    }

    /// Answers the first probe and all others that are waiting, with at most one attempt.
    pub(super) async fn answer(&mut self, first: Probe, batch_writer: &mut BatchWriter) {
        let mut waiting = vec![first];
        waiting.extend(std::iter::from_fn(|| self.0.try_recv().ok()));
        // Skip clients that have disconnected.
        waiting.retain(|answer| !answer.is_closed());
        if waiting.is_empty() {
            return;
        }
        let write_health = batch_writer.write_health();
        let outcome = match write_health.within(RESULT_TTL) {
            Some(outcome) => outcome,
            None => batch_writer.test_write().await,
        };
        write_health.log();
        for answer in waiting {
            #[expect(clippy::let_underscore_must_use, reason = "the client may have disconnected")]
            let _ = answer.send(outcome.clone());
        }
    }
}
