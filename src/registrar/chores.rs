//! Writes that are no change of registration and have no event: who is signed in, for example. They take turns with the
//! batches on the one connection that writes, and many share a commit.

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::chore::Chore;
use super::commit::BatchWriter;
use super::refusal::Refusal;
use crate::db::DbError;

/// Chores that may wait.
const MAX_CHORES: usize = 256;

/// Chores that are done together, and where to send how many rows each of them changed.
#[derive(Debug)]
pub(super) struct QueuedChores {
    pub(super) chores: Vec<Chore>,
    pub(super) done: oneshot::Sender<Result<Vec<usize>, DbError>>,
}

/// Where chores are handed in. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Chores(mpsc::Sender<QueuedChores>);

impl Chores {
    pub(super) fn new() -> (Self, mpsc::Receiver<QueuedChores>) {
        let (sender, receiver) = mpsc::channel(MAX_CHORES);
        (Self(sender), receiver)
    }

    /// Has them done in one transaction; returns how many rows each changed.
    pub(super) async fn run(&self, chores: Vec<Chore>) -> Result<Vec<usize>, Refusal> {
        let (done, result) = oneshot::channel();
        self.0.try_send(QueuedChores { chores, done }).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Overloaded,
            TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        Ok(result.await.map_err(|_| Refusal::Stopping)??)
    }
}

/// Does these chores and those that wait, in one transaction; if that fails, each by itself.
pub(super) async fn run(
    first: QueuedChores,
    queue: &mut mpsc::Receiver<QueuedChores>,
    batch_writer: &mut BatchWriter,
) {
    let mut all = vec![first];
    all.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(MAX_CHORES));
    let together: Vec<_> = all.iter().flat_map(|queued| &queued.chores).cloned().collect();
    let mut changed = match batch_writer.write_chores(&together).await {
        Ok(changed) => Some(changed.into_iter()),
        Err(_) if all.len() > 1 => None,
        Err(error) => {
            for queued in all {
                answer(queued.done, Err(error.clone()));
            }
            return;
        }
    };
    for queued in all {
        let result = match &mut changed {
            Some(changed) => Ok(changed.take(queued.chores.len()).collect()),
            None => batch_writer.write_chores(&queued.chores).await,
        };
        answer(queued.done, result);
    }
}

#[expect(clippy::let_underscore_must_use, reason = "the caller may have stopped waiting")]
fn answer(done: oneshot::Sender<Result<Vec<usize>, DbError>>, result: Result<Vec<usize>, DbError>) {
    let _ = done.send(result);
}
