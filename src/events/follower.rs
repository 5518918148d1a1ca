//! Follows the log: each commit, of this server or another, is read once per process and passed to all subscribers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{Filter, LogEntry, store};
use crate::background::with_span;
use crate::db::{Db, DbError};

/// Entries that are read at a time.
pub(super) const CHUNK: usize = 500;
/// How often the log is read for commits of other servers.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait after a failed read.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Reads the log as it grows, while there are subscribers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Follower(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    /// Notified after each commit of this process and after each new subscription.
    news: Arc<Notify>,
    /// The last `seq` that all subscribers have received. Locked while the log is read, so that entries come in
    /// order.
    position: tokio::sync::Mutex<i64>,
    subscribers: Mutex<Vec<Weak<Handler>>>,
    is_closed: watch::Sender<bool>,
}

type Handler = dyn Fn(&[LogEntry]) + Send + Sync;

/// Entries are passed to the handler until this is dropped.
pub struct Subscription {
    /// Entries after this `seq` are passed on, in order, each once.
    pub after: i64,
    _handler: Arc<Handler>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("after", &self.after).finish_non_exhaustive()
    }
}

impl Follower {
    /// Starts to follow; `news` is notified after each commit of this process.
    #[must_use]
    pub fn start(db: Db, news: Arc<Notify>) -> Self {
        let follower = Self(Arc::new(Shared {
            db,
            news,
            position: tokio::sync::Mutex::default(),
            subscribers: Mutex::default(),
            is_closed: watch::Sender::default(),
        }));
        tokio::spawn(with_span(follower.clone().follow()));
        follower
    }

    /// Passes every entry that is added to the log from now on to `handler`, which must be quick.
    ///
    /// # Errors
    /// When the end of the log cannot be read.
    pub async fn subscribe(
        &self,
        handler: impl Fn(&[LogEntry]) + Send + Sync + 'static,
    ) -> Result<Subscription, DbError> {
        let mut position = self.0.position.lock().await;
        if !self.has_subscribers() {
            *position = store::last_seq(&self.0.db).await?;
        }
        let handler: Arc<Handler> = Arc::new(handler);
        self.subscribers().push(Arc::downgrade(&handler));
        self.0.news.notify_one();
        Ok(Subscription { after: *position, _handler: handler })
    }

    /// Returns once all subscribers have received everything that is in the log now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn catch_up(&self) -> Result<(), DbError> {
        let mut position = self.0.position.lock().await;
        while self.has_subscribers() {
            let entries = store::after(&self.0.db, &Filter::default(), *position, CHUNK).await?;
            let Some(last) = entries.last() else { break };
            *position = last.seq;
            let handlers: Vec<_> = self.subscribers().iter().filter_map(Weak::upgrade).collect();
            for handler in handlers {
                handler(&entries);
            }
            if entries.len() < CHUNK {
                break;
            }
        }
        Ok(())
    }

    /// Stops following, which ends every stream of the log.
    pub fn close(&self) {
        self.0.is_closed.send_replace(true);
        self.0.news.notify_one();
    }

    /// Returns once [`Follower::close`] was called.
    pub async fn closed(&self) {
        #[expect(clippy::let_underscore_must_use, reason = "the sender lives as long as this")]
        let _ = self.0.is_closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }

    async fn follow(self) {
        while !*self.0.is_closed.borrow() {
            if !self.has_subscribers() {
                self.0.news.notified().await;
                continue;
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "the event log cannot be read; trying again");
                tokio::time::sleep(RETRY_DELAY).await;
            }
            #[expect(clippy::let_underscore_must_use, reason = "either is a reason to look")]
            let _ = tokio::time::timeout(POLL_INTERVAL, self.0.news.notified()).await;
        }
    }

    fn has_subscribers(&self) -> bool {
        let mut subscribers = self.subscribers();
        subscribers.retain(|handler| handler.strong_count() > 0);
        !subscribers.is_empty()
    }

    fn subscribers(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Handler>>> {
        self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::Location;
    use crate::registrar::{Caller, CreateStudent};
    use crate::server::School;

    #[tokio::test]
    async fn each_subscriber_gets_every_entry_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("school.db"));
        let school = School::open(&location, Clock::System, None).await.unwrap();
        let add = async || {
            let student =
                CreateStudent::new([("name", "Ana".to_owned()), ("email", "ana@example.edu".to_owned())]);
            school.app.registrar.submit(student, &Caller::default()).await.unwrap();
        };
        let follower = Follower::start(Db::open(&location).unwrap(), Arc::default());
        let subscribe = async || {
            let received = Arc::new(Mutex::new(Vec::new()));
            let handler = Arc::clone(&received);
            let subscription = follower
                .subscribe(move |entries| {
                    handler.lock().unwrap().extend(entries.iter().map(|entry| entry.seq));
                })
                .await
                .unwrap();
            (subscription, received)
        };
        add().await;
        let (first, received_by_first) = subscribe().await;
        add().await;
        follower.catch_up().await.unwrap();
        let (second, received_by_second) = subscribe().await;
        for _ in 0..CHUNK {
            add().await;
        }
        follower.catch_up().await.unwrap();

        let last = i64::try_from(CHUNK).unwrap() + 2;
        assert_eq!((first.after, second.after), (1, 2));
        assert_eq!(*received_by_first.lock().unwrap(), (2..=last).collect::<Vec<_>>());
        assert_eq!(*received_by_second.lock().unwrap(), (3..=last).collect::<Vec<_>>());

        drop((first, second));
        add().await;
        let (third, _) = subscribe().await;
        assert_eq!(third.after, last + 1, "nobody was there to read for");
    }
}
