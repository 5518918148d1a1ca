//! Limits the connections of the server. No client may hold more than its share. When connections run low, idle ones
//! are closed. A few are reserved, to answer clients beyond the limit with an error and to answer health checks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::shares::{Client, Quota, QuotaError, QuotaGuard};

/// Connections beyond the limit, which answer health checks, and everything else with an error.
pub const RESERVED_CONNECTIONS: usize = 128;

/// How long to wait after a search found no idle connection: a search goes through all connections.
const IDLE_SEARCH_INTERVAL: Duration = Duration::from_millis(100);

/// Bytes of a request head that are not counted: hyper's buffer has this size from the start.
const UNCOUNTED_HEAD: usize = 8 * 1024;

/// Marks a request on a connection beyond the limit, and says which limit. Only health checks are answered on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit(pub QuotaError);

/// All connections of a server.
#[derive(Debug)]
pub struct Connections {
    share: u8,
    idle: Duration,
    quota: Arc<Quota>,
    reserved: Arc<Quota>,
    memory: Arc<Quota>,
    open: Mutex<Open>,
    began: Instant,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    by_number: HashMap<u64, (Client, Arc<Activity>)>,
    /// Not before this time are idle connections searched for again.
    next_idle_search: Option<Instant>,
}

/// An open connection; dropping it frees its slot.
#[derive(Debug)]
pub struct Connection {
    /// The client at its other end.
    pub client: Client,
    /// What happens on the connection.
    pub activity: Arc<Activity>,
    /// Set if the connection is beyond the limit.
    pub over_limit: Option<OverLimit>,
    number: u64,
    all: Arc<Connections>,
    _guard: QuotaGuard,
}

/// The state of a connection, shared by the accept loop, the service and the socket.
#[derive(Debug)]
pub struct Activity {
    began: Instant,
    /// A request is being answered.
    answering: AtomicBool,
    /// A request has been read, and its response may not have been sent completely.
    busy: AtomicBool,
    /// When it was last busy, in milliseconds since the server started.
    since: AtomicU64,
    close: Notify,
    /// It has been asked to close, to make room for another connection.
    closing: AtomicBool,
    client: Client,
    memory: Arc<Quota>,
    /// Bytes of the head of the next request.
    read: AtomicUsize,
    /// Its part of the memory that all connections share.
    held: Mutex<Option<QuotaGuard>>,
}

/// Marks a connection as answering a request, until this is dropped.
#[derive(Debug)]
pub struct Answering(Arc<Activity>);

impl Connections {
    /// At most `max` connections, and `memory` bytes for long heads and responses. One client may hold `share`
    /// percent of each. A connection is closed to make room only after it has been idle for `idle`.
    #[must_use]
    pub fn new(max: usize, share: u8, idle: Duration, memory: usize) -> Arc<Self> {
        Arc::new(Self {
            share,
            idle,
            quota: Quota::new(max),
            reserved: Quota::new(RESERVED_CONNECTIONS),
            memory: Quota::new(memory),
            open: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// The number of open connections, including those beyond the limit.
    #[must_use]
    pub fn count(&self) -> usize {
        self.quota.held() + self.reserved.held()
    }

    /// Admits a client; `None` if the connection has to be closed at once.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let client = Client::new(address, self.share);
        self.make_room(client);
        let (guard, over_limit) = match self.quota.take(Some(client), 1) {
            Ok(guard) => (guard, None),
            Err(full) => (self.reserved.take(Some(client), 1).ok()?, Some(OverLimit(full))),
        };
        let activity = Arc::new(Activity {
            began: self.began,
            answering: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            since: AtomicU64::new(millis(self.began.elapsed())),
            close: Notify::new(),
            closing: AtomicBool::new(false),
            client,
            memory: Arc::clone(&self.memory),
            read: AtomicUsize::new(0),
            held: Mutex::default(),
        });
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        if over_limit.is_none() {
            open.by_number.insert(number, (client, Arc::clone(&activity)));
        }
        drop(open);
        Some(Connection { client, activity, over_limit, number, all: Arc::clone(self), _guard: guard })
    }

    /// Closes idle connections once three quarters of all connections, or of the client's share, are in use.
    fn make_room(&self, client: Client) {
        let low = |held: usize, max: usize| held >= (max / 4 * 3).max(1);
        let max = self.quota.total();
        if low(self.quota.held(), max) {
            self.close_idle(None, max);
        } else if low(self.quota.held_by(client), client.share_of(max)) {
            self.close_idle(Some(client), client.share_of(max));
        }
    }

    /// Closes up to a sixteenth of `max` idle connections, of `only` one client if given: first those of the clients
    /// with the most connections, and of each client the one that has been idle for longest.
    fn close_idle(&self, only: Option<Client>, max: usize) {
        let now = self.began.elapsed();
        let mut open = self.lock();
        if open.next_idle_search.is_some_and(|when| Instant::now() < when) {
            return;
        }
        let mut counts = HashMap::<IpAddr, usize>::new();
        for (client, _) in open.by_number.values() {
            *counts.entry(client.network()).or_default() += 1;
        }
        let idle = |activity: &Activity| {
            let since = activity.since.load(Ordering::Relaxed);
            let is_used = activity.busy.load(Ordering::Acquire) || activity.closing.load(Ordering::Acquire);
            (!is_used && now >= Duration::from_millis(since) + self.idle).then_some(since)
        };
        let mut found: Vec<_> = open
            .by_number
            .iter()
            .filter(|(_, (client, _))| only.is_none_or(|only| only == *client))
            .filter_map(|(number, (client, activity))| {
                let count = counts[&client.network()];
                idle(activity).map(|since| (std::cmp::Reverse(count), since, *number))
            })
            .collect();
        if found.is_empty() {
            open.next_idle_search = Some(Instant::now() + IDLE_SEARCH_INTERVAL);
            return;
        }
        // Several at a time, so that the next clients need no search.
        found.sort_unstable();
        for (_, _, number) in found.into_iter().take((max / 16).max(1)) {
            if let Some((_, activity)) = open.by_number.get(&number) {
                activity.closing.store(true, Ordering::Release);
                activity.close.notify_one();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().by_number.remove(&self.number);
    }
}

impl Activity {
    /// Marks the connection as answering a request that has been read.
    #[must_use]
    pub fn begin_answer(self: &Arc<Self>) -> Answering {
        self.busy.store(true, Ordering::Release);
        self.answering.store(true, Ordering::Release);
        Answering(Arc::clone(self))
    }

    /// Whether bytes that are written now belong to the response to a request.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Called when all bytes have been written: ends the busy time if the response is complete.
    pub fn on_flushed(&self) {
        if self.is_busy() && !self.answering.load(Ordering::Acquire) {
            self.since.store(millis(self.began.elapsed()), Ordering::Relaxed);
            self.read.store(0, Ordering::Relaxed);
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.busy.store(false, Ordering::Release);
        }
    }

    /// Reserves memory, in bytes, until the response to the current request has been sent.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn reserve_memory(&self, bytes: usize) -> Result<(), QuotaError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut() {
            return held.grow(bytes);
        }
        *held = Some(self.memory.take(Some(self.client), bytes)?);
        Ok(())
    }

    /// Counts bytes that were read; reserves memory for a head that is longer than almost any other.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn count_read(&self, bytes: usize) -> Result<(), QuotaError> {
        if bytes == 0 || self.is_busy() {
            return Ok(());
        }
        let before = self.read.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= UNCOUNTED_HEAD { Ok(()) } else { self.reserve_memory(bytes) }
    }

    /// Completes once the connection has been asked to close and is idle.
    pub async fn closes(&self) {
        loop {
            self.close.notified().await;
            if !self.is_busy() {
                return;
            }
            // A request arrived at the last moment; a later search finds the connection again.
            self.closing.store(false, Ordering::Release);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.store(false, Ordering::Release);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_connection_that_is_busy_when_asked_to_close_is_asked_again() {
        let all = Connections::new(2, 100, Duration::ZERO, 0);
        let here = IpAddr::from([127, 0, 0, 1]);
        let connection = all.admit(here).unwrap();
        let used = Arc::clone(&connection.activity);
        let open = all.admit(here).unwrap();
        let answering = used.begin_answer();
        assert!(used.closes().now_or_never().is_none());
        drop((answering, open));
        used.on_flushed();
        let asked = (0..3).any(|_| {
            drop(all.admit(here));
            used.closes().now_or_never().is_some()
        });
        assert!(asked, "it was not asked again");
    }
}
