//! The log as it grows, for any number of listeners: each commit is read once a process, and told to all of them.
//!
//! A listener keeps the last `seq` that it was told and takes what comes after it, from the last entries that are held
//! here or, where it is behind them, from the log itself. So a gap is impossible, and who is slow holds up nobody: it is
//! the listener who fetches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{Notify, watch};

use super::{Filter, LogEntry, store};
use crate::db::{Db, DbError};

/// Who may listen at once: of the connections that the server takes, enough are left for those who ask.
const LISTENERS: usize = 8000;
/// Entries that are held: what a listener may be behind before it reads the log by itself.
const HELD: usize = 8192;
/// Entries that are told at a time.
const CHUNK: usize = 500;
/// How often the log is looked at for what another process has written.
const OTHERS: Duration = Duration::from_millis(100);
/// How long after a failure the log is read again.
const BACK_OFF: Duration = Duration::from_secs(1);
/// How soon a client connects again when it is cut off.
const RETRY: Duration = Duration::from_secs(1);

/// The log as it grows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    /// Someone has written, or has begun or ended to listen.
    news: Arc<Notify>,
    listeners: AtomicUsize,
    held: RwLock<VecDeque<Held>>,
    head: watch::Sender<Head>,
}

#[derive(Debug)]
struct Held {
    entry: LogEntry,
    event: Event,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    /// Everything up to here is in the log; what is held ends here.
    seq: i64,
    is_closed: bool,
}

impl Feed {
    /// Starts to follow the log; `news` is notified after each commit of this process.
    #[must_use]
    pub fn start(db: Db, news: Arc<Notify>) -> Self {
        let shared = Shared {
            db,
            news,
            listeners: AtomicUsize::new(0),
            held: RwLock::default(),
            head: watch::Sender::default(),
        };
        let feed = Self(Arc::new(shared));
        tokio::spawn(feed.clone().follow());
        feed
    }

    /// Ends every listener's stream once it has been told what there is, and follows the log no more.
    pub fn close(&self) {
        self.0.head.send_modify(|head| head.is_closed = true);
        self.0.news.notify_one();
    }

    /// Is ready once nobody is told any more.
    pub async fn closed(self) {
        #[expect(clippy::let_underscore_must_use, reason = "an error is the end of the feed itself")]
        let _ = self.0.head.subscribe().wait_for(|head| head.is_closed).await;
    }

    /// The entries after `after` that pass, as server-sent events, as they come. `None` when too many listen already.
    #[must_use]
    pub fn listen(
        &self,
        filter: Filter,
        after: i64,
    ) -> Option<impl Stream<Item = Result<Event, DbError>> + Send + use<>> {
        let others = self.0.listeners.fetch_add(1, Ordering::SeqCst);
        let listener = Listener { feed: self.clone(), head: self.0.head.subscribe(), filter, after };
        if others >= LISTENERS {
            return None;
        }
        self.0.news.notify_one();
        // Sent at once, so that the client knows that it is connected.
        let opening = stream::iter([Ok(Event::default().retry(RETRY))]);
        let events = stream::try_unfold(listener, |mut listener| async {
            let events = listener.next().await?;
            Ok::<_, DbError>(events.map(|events| (stream::iter(events.into_iter().map(Ok)), listener)))
        });
        Some(opening.chain(events.try_flatten()))
    }

    async fn follow(self) {
        let shared = &*self.0;
        let mut is_resting = true;
        while !shared.head.borrow().is_closed {
            let has_listeners = shared.listeners.load(Ordering::SeqCst) > 0;
            if has_listeners {
                let followed = if is_resting { self.begin().await } else { self.catch_up().await };
                if let Err(error) = followed {
                    tracing::warn!(%error, "the log cannot be followed");
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            }
            is_resting = !has_listeners;
            if is_resting {
                shared.news.notified().await;
            } else {
                #[expect(clippy::let_underscore_must_use, reason = "either is a reason to look")]
                let _ = tokio::time::timeout(OTHERS, shared.news.notified()).await;
            }
        }
    }

    /// Begins at the end of the log: what was before it, listeners read by themselves.
    async fn begin(&self) -> Result<(), DbError> {
        let seq = store::last_seq(&self.0.db).await?;
        self.0.held.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.head.send_modify(|head| head.seq = seq);
        Ok(())
    }

    async fn catch_up(&self) -> Result<(), DbError> {
        loop {
            let seq = self.0.head.borrow().seq;
            let entries = store::after(&self.0.db, &Filter::default(), seq, CHUNK).await?;
            let (count, last) = (entries.len(), entries.last().map(|entry| entry.seq));
            let Some(last) = last else { return Ok(()) };
            {
                let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
                held.extend(entries.into_iter().map(|entry| Held { event: event(&entry), entry }));
                let surplus = held.len().saturating_sub(HELD);
                held.drain(..surplus);
            }
            self.0.head.send_modify(|head| head.seq = last);
            if count < CHUNK {
                return Ok(());
            }
        }
    }
}

struct Listener {
    feed: Feed,
    head: watch::Receiver<Head>,
    filter: Filter,
    /// The last `seq` that was sent or skipped.
    after: i64,
}

impl Listener {
    /// The next events; `None` when the server stops.
    async fn next(&mut self) -> Result<Option<Vec<Event>>, DbError> {
        loop {
            let head = *self.head.borrow_and_update();
            if self.after < head.seq {
                let events = match self.held() {
                    Some(events) => events,
                    None => self.read(head).await?,
                };
                if !events.is_empty() {
                    return Ok(Some(events));
                }
            } else if head.is_closed || self.head.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// What is held after the last that was sent; `None` when the listener is behind what is held.
    fn held(&mut self) -> Option<Vec<Event>> {
        let held = self.feed.0.held.read().unwrap_or_else(PoisonError::into_inner);
        let first = held.front()?.entry.seq;
        let behind = usize::try_from(self.after + 1 - first).ok()?;
        let next: Vec<_> = held.range(behind.min(held.len())..).take(CHUNK).collect();
        self.after = next.last().map_or(self.after, |last| last.entry.seq);
        let passing = next.into_iter().filter(|held| self.filter.matches(&held.entry));
        Some(passing.map(|held| held.event.clone()).collect())
    }

    async fn read(&mut self, head: Head) -> Result<Vec<Event>, DbError> {
        let entries = store::after(&self.feed.0.db, &self.filter, self.after, CHUNK).await?;
        let last = entries.last().map_or(self.after, |entry| entry.seq);
        // A page that is not full has everything that there was when it was read, and the head is older than that.
        self.after = if entries.len() < CHUNK { last.max(head.seq) } else { last };
        Ok(entries.iter().map(event).collect())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.feed.0.listeners.fetch_sub(1, Ordering::SeqCst);
        self.feed.0.news.notify_one();
    }
}

/// An entry as a server-sent event.
fn event(entry: &LogEntry) -> Event {
    #[expect(clippy::expect_used, reason = "an entry is numbers, texts and JSON, which always serialize")]
    Event::default().id(entry.seq.to_string()).json_data(entry).expect("a log entry is JSON")
}
