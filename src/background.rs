//! Tasks that go on when the request that began them has been answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Work of a task of its own, whose log output says which school it is for, as that of the caller does.
pub fn with_span<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    work.in_current_span()
}

/// Counts work that should not be interrupted. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct WorkCount(Arc<AtomicUsize>);

impl WorkCount {
    /// Counts a piece of work until what it returns is dropped.
    #[must_use]
    pub fn begin(&self) -> Work {
        self.0.fetch_add(1, Ordering::SeqCst);
        Work(Arc::clone(&self.0))
    }

    /// Whether there is any work.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// A piece of work that is counted.
#[derive(Debug)]
pub struct Work(Arc<AtomicUsize>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The tasks of one service.
#[derive(Debug, Default)]
pub struct BackgroundTasks(Mutex<Vec<JoinHandle<()>>>);

impl BackgroundTasks {
    /// Keeps a task until it ends, or until [`BackgroundTasks::stop`].
    pub fn keep(&self, task: JoinHandle<()>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Stops all tasks where they are, and waits until they have stopped.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            #[expect(clippy::let_underscore_must_use, reason = "it was aborted")]
            let _ = task.await;
        }
    }
}
