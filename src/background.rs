//! Tasks that go on when the request that began them has been answered.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;

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
