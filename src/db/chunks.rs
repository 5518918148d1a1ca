//! Sends a long list from a connection to its consumer in chunks of rows.

use std::future::ready;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::stream::once;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::DbError;

/// Rows per chunk.
pub(super) const MAX_ROWS: usize = 500;
/// How long a consumer may pause: while a list is being read, the engine cannot clean up old row versions.
pub(super) const MAX_STALL: Duration = Duration::from_secs(30);
/// How long a list may take in all, for the same reason: ten minutes allow a million rows at 200 KB a second.
pub(super) const MAX_DURATION: Duration = Duration::from_mins(10);

type Chunk<T> = Result<Vec<T>, DbError>;

/// The sending end of a list.
pub(super) type ChunkSender<T> = mpsc::Sender<Chunk<T>>;

/// Both ends of a list. An empty chunk marks the end.
pub(super) fn channel<T: Send + 'static>() -> (ChunkSender<T>, impl Stream<Item = Chunk<T>> + Send + use<T>) {
    let (sender, receiver) = mpsc::channel(2);
    (sender, futures_util::stream::unfold(Some(receiver), next))
}

/// Sends a chunk; returns `false` if the consumer did not take it in time.
pub(super) async fn send_within<T>(sender: &ChunkSender<T>, chunk: Chunk<T>, time: Duration) -> bool {
    matches!(tokio::time::timeout(time, sender.send(chunk)).await, Ok(Ok(())))
}

/// Sends parts of a list and the mark of its end, as long as the consumer takes them in time.
pub(super) async fn send_all<T>(sender: &ChunkSender<T>, parts: impl Stream<Item = Chunk<T>>) {
    let deadline = Instant::now() + MAX_DURATION;
    // An empty part is not the end.
    let parts = parts.filter(|part| ready(!part.as_ref().is_ok_and(Vec::is_empty)));
    let mut parts = pin!(parts.chain(once(ready(Ok(Vec::new())))));
    while let Some(part) = parts.next().await {
        let time = MAX_STALL.min(deadline.saturating_duration_since(Instant::now()));
        if !send_within(sender, part, time).await {
            return;
        }
    }
}

/// The next chunk; `None` after the last one and after an error.
async fn next<T>(
    receiver: Option<mpsc::Receiver<Chunk<T>>>,
) -> Option<(Chunk<T>, Option<mpsc::Receiver<Chunk<T>>>)> {
    let mut chunks = receiver?;
    match chunks.recv().await {
        // A channel that closes without an empty chunk was cut off.
        Some(Ok(chunk)) if chunk.is_empty() => None,
        Some(Ok(chunk)) => Some((Ok(chunk), Some(chunks))),
        Some(Err(error)) => Some((Err(error), None)),
        None => Some((Err(DbError::Engine("a list was cut off: its reader stopped".to_owned())), None)),
    }
}
