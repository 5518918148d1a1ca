//! What there is a limited amount of (connections, memory for bodies, turns to search) and who holds how much of it: no
//! client more than a share, so that there is always some left for the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Percent of everything that one client may hold, unless it is set otherwise: a client alone is hardly ever slowed down,
/// and cannot keep out the second.
pub const DEFAULT_SHARE: u8 = 50;

/// Who asks, as far as shares go: an IPv4 address, or the IPv6 network that one subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    network: IpAddr,
    percent: u8,
}

impl Client {
    /// The client at this address, who may hold so many percent of everything.
    #[must_use]
    pub fn new(address: IpAddr, percent: u8) -> Self {
        let network = match address.to_canonical() {
            // A /64 is what a subscriber gets: 2^64 addresses are one client.
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address => address,
        };
        Self { network, percent: percent.clamp(1, 100) }
    }

    /// Its address, or its network.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many of `total` it may hold: one at least.
    #[must_use]
    pub fn share_of(self, total: usize) -> usize {
        let percent = usize::from(self.percent);
        (total / 100 * percent + total % 100 * percent / 100).max(1)
    }
}

/// Why nothing more is to be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All of it is taken.
    All,
    /// This client holds its share.
    Share,
}

/// A limited amount of something.
#[derive(Debug)]
pub struct Places {
    total: AtomicUsize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Held {
    fn of(&self, client: Client) -> usize {
        self.by_client.get(&client.network).copied().unwrap_or_default()
    }
}

/// Some of it, held until this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    client: Option<Client>,
    count: usize,
}

impl Places {
    /// So many, all of them free.
    #[must_use]
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total: AtomicUsize::new(total), held: Mutex::default() })
    }

    /// From now on so many. Who holds more keeps it.
    pub fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// How many are held by everybody together.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().all
    }

    /// How many a client holds.
    #[must_use]
    pub fn held_by(&self, client: Client) -> usize {
        self.lock().of(client)
    }

    /// Takes `count` of them for a client; for the program itself only the total counts.
    ///
    /// # Errors
    /// What there is too little of.
    pub fn take(self: &Arc<Self>, client: Option<Client>, count: usize) -> Result<Place, Full> {
        let mut place = Place { places: Arc::clone(self), client, count: 0 };
        place.grow(count)?;
        Ok(place)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether `more` could be had now.
    ///
    /// # Errors
    /// What there is too little of.
    pub fn could_grow(&self, more: usize) -> Result<(), Full> {
        self.fits(&self.places.lock(), more)
    }

    /// Takes `more`, or nothing.
    ///
    /// # Errors
    /// What there is too little of.
    pub fn grow(&mut self, more: usize) -> Result<(), Full> {
        let mut held = self.places.lock();
        self.fits(&held, more)?;
        held.all += more;
        if let Some(client) = self.client {
            *held.by_client.entry(client.network).or_default() += more;
        }
        self.count += more;
        Ok(())
    }

    fn fits(&self, held: &Held, more: usize) -> Result<(), Full> {
        let total = self.places.total();
        let share = self.client.map_or(total, |client| client.share_of(total));
        if self.client.is_some_and(|client| held.of(client).saturating_add(more) > share) {
            return Err(Full::Share);
        }
        if held.all.saturating_add(more) <= total {
            return Ok(());
        }
        // What others have kept from when there was more is above their share now: it is not at the cost of this one.
        let above: usize = held.by_client.values().map(|held| held.saturating_sub(share)).sum();
        if (held.all - above).saturating_add(more) > total { Err(Full::All) } else { Ok(()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        held.all -= self.count;
        if let Some(client) = self.client
            && let Entry::Occupied(mut own) = held.by_client.entry(client.network)
        {
            *own.get_mut() -= self.count;
            // Whoever holds nothing is forgotten: a table of everybody who ever asked would have no end.
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::new(address.parse().unwrap(), 50)
    }

    #[test]
    fn a_client_holds_its_share_and_the_rest_is_for_others() {
        let (places, ana, ben) = (Places::new(10), Some(client("10.0.0.1")), Some(client("10.0.0.2")));
        let five = places.take(ana, 5).unwrap();
        assert_eq!(places.take(ana, 1).unwrap_err(), Full::Share);
        let mut four = places.take(ben, 4).unwrap();
        assert_eq!(four.could_grow(1), Ok(()));
        assert_eq!(four.grow(2), Err(Full::Share));
        assert_eq!(four.grow(1), Ok(()));
        assert_eq!(places.take(Some(client("10.0.0.3")), 1).unwrap_err(), Full::All);
        assert_eq!(places.take(None, 1).unwrap_err(), Full::All);
        drop(five);
        assert_eq!(places.take(None, 5).unwrap().count, 5);
        assert_eq!(places.held(), 5);
        drop(four);
        assert!(places.held() == 0 && places.lock().by_client.is_empty());
    }

    #[test]
    fn what_a_client_kept_from_when_there_was_more_is_not_at_the_cost_of_others() {
        let (places, ana, ben) = (Places::new(100), Some(client("10.0.0.1")), Some(client("10.0.0.2")));
        let _fifty = places.take(ana, 50).unwrap();
        places.set_total(10);
        assert_eq!(places.take(ana, 1).unwrap_err(), Full::Share);
        let _five = places.take(ben, 5).unwrap();
        assert_eq!(places.take(ben, 1).unwrap_err(), Full::Share);
        assert_eq!(places.take(Some(client("10.0.0.3")), 1).unwrap_err(), Full::All);
    }

    #[test]
    fn of_a_few_everybody_may_have_one() {
        let places = Places::new(1);
        let _one = places.take(Some(client("10.0.0.1")), 1).unwrap();
        assert_eq!(places.take(Some(client("10.0.0.2")), 1).unwrap_err(), Full::All);
    }

    #[test]
    fn a_network_of_one_subscriber_is_one_client() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
    }
}
