//! The log as a stream of server-sent events, for any number of listeners.
//!
//! A listener remembers the last `seq` that it was sent and fetches what comes after it, from the entries in memory
//! or, if it is too far behind, from the log. So there is never a gap, and a slow listener does not hold up others.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{Mutex, watch};

use super::follower::{CHUNK, Follower, Subscription};
use super::{Filter, LogEntry, store};
use crate::db::{Db, DbError};
use crate::viewer::Viewer;

/// Listeners at a time: enough of the server's connections are left for other requests.
const MAX_LISTENERS: usize = 8000;
/// Entries in memory: how far a listener may be behind before it reads from the log.
const MAX_HELD: usize = 8192;
/// How soon a client reconnects after it was cut off.
const RETRY: Duration = Duration::from_secs(1);

/// Called with the number of entries about students that are about to be sent.
pub type OnSent = Box<dyn Fn(usize) + Send + Sync>;

/// The log as a stream. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    db: Db,
    follower: Follower,
    listeners: Arc<AtomicUsize>,
    /// Exists as long as there is a listener.
    tail: Arc<Mutex<Weak<Tail>>>,
}

/// The last entries of the log, for all listeners.
#[derive(Debug)]
struct Tail {
    held: RwLock<VecDeque<HeldEvent>>,
    /// The last `seq` of the log; the entries in memory end here.
    end: watch::Sender<i64>,
    subscription: OnceLock<Subscription>,
}

#[derive(Debug)]
struct HeldEvent {
    entry: LogEntry,
    event: Event,
}

impl Feed {
    /// Creates a stream of what `follower` reads.
    #[must_use]
    pub fn new(db: Db, follower: Follower) -> Self {
        Self { db, follower, listeners: Arc::default(), tail: Arc::default() }
    }

    /// Ends every listener's stream once it has been sent everything.
    pub fn close(&self) {
        self.follower.close();
    }

    /// Returns once nothing more is sent.
    pub async fn closed(self) {
        self.follower.closed().await;
    }

    /// Streams the entries after `after` that pass the filter. Nothing passes for a caller who may not
    /// read the log. `None` if there are too many listeners. `sent` is called with the number of entries about students
    /// before they are sent.
    #[must_use]
    pub fn listen(
        &self,
        viewer: &Viewer,
        filter: Filter,
        after: i64,
        sent: OnSent,
    ) -> Option<impl Stream<Item = Result<Event, DbError>> + Send + use<>> {
        let filter = store::visible(viewer, filter);
        let slot = ListenerSlot::take(&self.listeners)?;
        let feed = self.clone();
        // Sent at once, so that the client knows that it is connected, and from where to continue if it is cut off before
        // the first event.
        let opening = stream::iter([Ok(Event::default().retry(RETRY).id(after.to_string()))]);
        let events = stream::once(async move {
            let tail = feed.tail().await?;
            let ends = tail.end.subscribe();
            let listener = Listener { feed, tail, ends, filter, after, sent, _slot: slot };
            Ok::<_, DbError>(stream::try_unfold(listener, |mut listener| async {
                let events = listener.next().await?;
                Ok::<_, DbError>(events.map(|events| (stream::iter(events.into_iter().map(Ok)), listener)))
            }))
        });
        Some(opening.chain(events.try_flatten().try_flatten()))
    }

    /// The shared tail, or a new one that starts at the end of the log.
    async fn tail(&self) -> Result<Arc<Tail>, DbError> {
        let mut shared = self.tail.lock().await;
        if let Some(tail) = shared.upgrade() {
            return Ok(tail);
        }
        let tail = Arc::new(Tail {
            held: RwLock::default(),
            end: watch::Sender::default(),
            subscription: OnceLock::new(),
        });
        let weak = Arc::downgrade(&tail);
        let take = move |entries: &[LogEntry]| {
            if let Some(tail) = weak.upgrade() {
                tail.extend(entries);
            }
        };
        let subscription = self.follower.subscribe(take).await?;
        tail.end.send_if_modified(|end| std::mem::replace(end, (*end).max(subscription.after)) != *end);
        tail.subscription.get_or_init(|| subscription);
        *shared = Arc::downgrade(&tail);
        Ok(tail)
    }
}

impl Tail {
    fn extend(&self, entries: &[LogEntry]) {
        let Some(last) = entries.last() else { return };
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.extend(entries.iter().map(|entry| HeldEvent { event: event(entry), entry: entry.clone() }));
            let surplus = held.len().saturating_sub(MAX_HELD);
            held.drain(..surplus);
        }
        self.end.send_replace(last.seq);
    }
}

struct Listener {
    feed: Feed,
    tail: Arc<Tail>,
    ends: watch::Receiver<i64>,
    filter: Filter,
    /// The last `seq` that was sent or skipped.
    after: i64,
    sent: OnSent,
    _slot: ListenerSlot,
}

impl Listener {
    /// The next events; `None` when the server stops.
    async fn next(&mut self) -> Result<Option<Vec<Event>>, DbError> {
        loop {
            let end = *self.ends.borrow_and_update();
            if self.after < end {
                let events = match self.held() {
                    Some(events) => events,
                    None => self.read(end).await?,
                };
                if !events.is_empty() {
                    return Ok(Some(events));
                }
                continue;
            }
            tokio::select! {
                biased;
                changed = self.ends.changed() => if changed.is_err() {
                    return Ok(None);
                },
                () = self.feed.follower.closed() => return Ok(None),
            }
        }
    }

    /// The next events from the entries in memory; `None` if the listener is too far behind.
    fn held(&mut self) -> Option<Vec<Event>> {
        let held = self.tail.held.read().unwrap_or_else(PoisonError::into_inner);
        let first = held.front()?.entry.seq;
        let behind = usize::try_from(self.after + 1 - first).ok()?;
        let next: Vec<_> = held.range(behind.min(held.len())..).take(CHUNK).collect();
        self.after = next.last().map_or(self.after, |last| last.entry.seq);
        let passing: Vec<_> = next.into_iter().filter(|held| self.filter.matches(&held.entry)).collect();
        (self.sent)(passing.iter().filter(|held| held.entry.student_id.is_some()).count());
        Some(passing.into_iter().map(|held| held.event.clone()).collect())
    }

    async fn read(&mut self, end: i64) -> Result<Vec<Event>, DbError> {
        let entries = store::after(&self.feed.db, &self.filter, self.after, CHUNK).await?;
        let last = entries.last().map_or(self.after, |entry| entry.seq);
        // A page that is not full has every entry that existed when it was read, which includes those up to `end`.
        self.after = if entries.len() < CHUNK { last.max(end) } else { last };
        (self.sent)(LogEntry::about_students(&entries));
        Ok(entries.iter().map(event).collect())
    }
}

/// Counts as a listener until it is dropped.
struct ListenerSlot(Arc<AtomicUsize>);

impl ListenerSlot {
    fn take(listeners: &Arc<AtomicUsize>) -> Option<Self> {
        let slot = Self(Arc::clone(listeners));
        (listeners.fetch_add(1, Ordering::SeqCst) < MAX_LISTENERS).then_some(slot)
    }
}

impl Drop for ListenerSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An entry as a server-sent event.
fn event(entry: &LogEntry) -> Event {
    #[expect(clippy::expect_used, reason = "an entry is numbers, texts and JSON, which always serialize")]
    Event::default().id(entry.seq.to_string()).json_data(entry).expect("a log entry is JSON")
}
