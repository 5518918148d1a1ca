//! Who may be connected. There is a number of connections, of which no client has more than its share. Where they run low,
//! those that nobody uses are closed. Whoever comes to none left is told so, and the server's health as well, over a few that
//! are kept for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::shares::{Client, Full, Place, Places};

/// Connections that are kept for telling that there are no more, and for those who ask how the server fares.
pub const RESERVED: usize = 128;

/// How long nothing is looked for again after no idle connection was found: looking takes longer the more there are.
const RESIGNED: Duration = Duration::from_millis(100);

/// Bytes of a head that are not counted: each connection has room for as many from the beginning.
const SHORT_HEAD: usize = 8 * 1024;

/// That a request came over a connection which there was no room for: only the server's health is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded(pub Full);

/// All connections of a server.
#[derive(Debug)]
pub struct Connections {
    share: u8,
    idle: Duration,
    places: Arc<Places>,
    reserved: Arc<Places>,
    memory: Arc<Places>,
    open: Mutex<Open>,
    began: Instant,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    by_number: HashMap<u64, (Client, Arc<Activity>)>,
    /// When it is worth while again to look for idle ones.
    look_again: Option<Instant>,
}

/// A connection that is open, until it is dropped.
#[derive(Debug)]
pub struct Connection {
    /// Whose it is.
    pub client: Client,
    /// What happens on it.
    pub activity: Arc<Activity>,
    /// Why nothing but health is told over it, if that is so.
    pub crowded: Option<Crowded>,
    number: u64,
    all: Arc<Connections>,
    _place: Place,
}

/// What happens on a connection, as its accept loop, its service and its socket know it.
#[derive(Debug)]
pub struct Activity {
    began: Instant,
    /// A request is being answered.
    answering: AtomicBool,
    /// A request has been read whose answer may not have been sent to its end.
    busy: AtomicBool,
    /// When it was busy for the last time, in milliseconds after the server began.
    since: AtomicU64,
    leave: Notify,
    /// It has been asked to make room.
    leaves: AtomicBool,
    client: Client,
    memory: Arc<Places>,
    /// Bytes of the head of the next request.
    read: AtomicUsize,
    /// What it has of the memory.
    held: Mutex<Option<Place>>,
}

/// That a request is being answered, until it is dropped.
#[derive(Debug)]
pub struct Answering(Arc<Activity>);

impl Connections {
    /// So many in all, of which a client may have `share` percent, as of the bytes of `memory` for what is read and told over
    /// them; and may keep unused ones for `idle` at least.
    #[must_use]
    pub fn new(most: usize, share: u8, idle: Duration, memory: usize) -> Arc<Self> {
        Arc::new(Self {
            share,
            idle,
            places: Places::new(most),
            reserved: Places::new(RESERVED),
            memory: Places::new(memory),
            open: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// How many are open, those that only tell that there are too many included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.held() + self.reserved.held()
    }

    /// A connection for the client at this address; `None` where it is to be closed at once.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let client = Client::new(address, self.share);
        self.make_room(client);
        let (place, crowded) = match self.places.take(Some(client), 1) {
            Ok(place) => (place, None),
            Err(full) => (self.reserved.take(Some(client), 1).ok()?, Some(Crowded(full))),
        };
        let activity = Arc::new(Activity {
            began: self.began,
            answering: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            since: AtomicU64::new(millis(self.began.elapsed())),
            leave: Notify::new(),
            leaves: AtomicBool::new(false),
            client,
            memory: Arc::clone(&self.memory),
            read: AtomicUsize::new(0),
            held: Mutex::default(),
        });
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        if crowded.is_none() {
            open.by_number.insert(number, (client, Arc::clone(&activity)));
        }
        drop(open);
        Some(Connection { client, activity, crowded, number, all: Arc::clone(self), _place: place })
    }

    /// Closes connections that nobody uses, where three quarters of all, or of a client's share, are taken.
    fn make_room(&self, client: Client) {
        let low = |held: usize, most: usize| held >= (most / 4 * 3).max(1);
        let most = self.places.total();
        if low(self.places.held(), most) {
            self.close_idle(None, most);
        } else if low(self.places.held_by(client), client.share_of(most)) {
            self.close_idle(Some(client), client.share_of(most));
        }
    }

    /// Of those who have most connections first, and of each client those that have been idle for longest.
    fn close_idle(&self, of: Option<Client>, most: usize) {
        let now = self.began.elapsed();
        let mut open = self.lock();
        if open.look_again.is_some_and(|when| Instant::now() < when) {
            return;
        }
        let mut counts = HashMap::<IpAddr, usize>::new();
        for (client, _) in open.by_number.values() {
            *counts.entry(client.network()).or_default() += 1;
        }
        let idle = |activity: &Activity| {
            let since = activity.since.load(Ordering::Relaxed);
            let is_used = activity.busy.load(Ordering::Acquire) || activity.leaves.load(Ordering::Acquire);
            (!is_used && now >= Duration::from_millis(since) + self.idle).then_some(since)
        };
        let mut found: Vec<_> = open
            .by_number
            .iter()
            .filter(|(_, (client, _))| of.is_none_or(|of| of == *client))
            .filter_map(|(number, (client, activity))| {
                let count = counts[&client.network()];
                idle(activity).map(|since| (std::cmp::Reverse(count), since, *number))
            })
            .collect();
        if found.is_empty() {
            open.look_again = Some(Instant::now() + RESIGNED);
            return;
        }
        // Some at a time, so that the next clients find room without a search.
        found.sort_unstable();
        for (_, _, number) in found.into_iter().take((most / 16).max(1)) {
            if let Some((_, activity)) = open.by_number.get(&number) {
                activity.leaves.store(true, Ordering::Release);
                activity.leave.notify_one();
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
    /// That a request has been read and is being answered.
    #[must_use]
    pub fn answer(self: &Arc<Self>) -> Answering {
        self.busy.store(true, Ordering::Release);
        self.answering.store(true, Ordering::Release);
        Answering(Arc::clone(self))
    }

    /// Whether what is written now belongs to the answer to a request.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Everything that was to be written has been.
    pub fn flushed(&self) {
        if self.is_busy() && !self.answering.load(Ordering::Acquire) {
            self.since.store(millis(self.began.elapsed()), Ordering::Relaxed);
            self.read.store(0, Ordering::Relaxed);
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.busy.store(false, Ordering::Release);
        }
    }

    /// Takes so many bytes of memory until the request that is being read, or answered, has had its answer.
    ///
    /// # Errors
    /// What there is too little of.
    pub fn hold(&self, bytes: usize) -> Result<(), Full> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut() {
            return held.grow(bytes);
        }
        *held = Some(self.memory.take(Some(self.client), bytes)?);
        Ok(())
    }

    /// Bytes have come; those of a head are held once they are more than almost any head has.
    ///
    /// # Errors
    /// What there is too little of.
    pub fn has_read(&self, bytes: usize) -> Result<(), Full> {
        if bytes == 0 || self.is_busy() {
            return Ok(());
        }
        let before = self.read.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= SHORT_HEAD { Ok(()) } else { self.hold(bytes) }
    }

    /// Is ready once the connection has to make room, and nobody uses it.
    pub async fn makes_room(&self) {
        loop {
            self.leave.notified().await;
            if !self.is_busy() {
                return;
            }
            // A request has come at the last moment; the next search finds the connection again.
            self.leaves.store(false, Ordering::Release);
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
    fn a_connection_that_is_used_when_it_is_to_make_room_does_so_later() {
        let all = Connections::new(2, 100, Duration::ZERO, 0);
        let here = IpAddr::from([127, 0, 0, 1]);
        let connection = all.admit(here).unwrap();
        let used = Arc::clone(&connection.activity);
        let open = all.admit(here).unwrap();
        let answering = used.answer();
        assert!(used.makes_room().now_or_never().is_none());
        drop((answering, open));
        used.flushed();
        let asked = (0..3).any(|_| {
            drop(all.admit(here));
            used.makes_room().now_or_never().is_some()
        });
        assert!(asked, "nobody asks it again");
    }
}
