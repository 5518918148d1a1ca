//! Limited resources (connections, memory for bodies, turns to search) and how much each client holds. No client may
//! hold more than its share, so that one client cannot block the others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The default share of one client, in percent: a single client is hardly ever slowed down, and cannot block a second
/// one.
pub const DEFAULT_SHARE: u8 = 50;

/// A client, identified by an IPv4 address or the IPv6 network of one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    network: IpAddr,
    percent: u8,
}

impl Client {
    /// The client at an address, which may hold `percent` (1 to 100) of every resource.
    #[must_use]
    pub fn new(address: IpAddr, percent: u8) -> Self {
        let network = match address.to_canonical() {
            // A subscriber gets a /64, so its 2^64 addresses are one client.
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address => address,
        };
        Self { network, percent: percent.clamp(1, 100) }
    }

    /// How much of every resource it may hold, in percent.
    #[must_use]
    pub fn percent(self) -> u8 {
        self.percent
    }

    /// The address, or the IPv6 network.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many of `total` the client may hold: at least one.
    #[must_use]
    pub fn share_of(self, total: usize) -> usize {
        let percent = usize::from(self.percent);
        (total / 100 * percent + total % 100 * percent / 100).max(1)
    }
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaError {
    /// The whole resource is in use.
    Exhausted,
    /// The client already holds its share.
    ClientShare,
}

/// A limited resource.
#[derive(Debug)]
pub struct Quota {
    total: AtomicUsize,
    held: Mutex<Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Usage {
    fn of(&self, client: Client) -> usize {
        self.by_client.get(&client.network).copied().unwrap_or_default()
    }
}

/// A part of a resource, which is released when this is dropped.
#[derive(Debug)]
pub struct QuotaGuard {
    quota: Arc<Quota>,
    client: Option<Client>,
    count: usize,
}

impl Quota {
    /// A resource of `total` units, all of them free.
    #[must_use]
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self { total: AtomicUsize::new(total), held: Mutex::default() })
    }

    /// Changes the total. Clients that hold more than their new share keep it.
    pub fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// The number of units, free or in use.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// The number of units in use.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().all
    }

    /// The number of units that a client holds.
    #[must_use]
    pub fn held_by(&self, client: Client) -> usize {
        self.lock().of(client)
    }

    /// Takes `count` units for a client. Without a client, for the program itself, only the total is a limit.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn take(self: &Arc<Self>, client: Option<Client>, count: usize) -> Result<QuotaGuard, QuotaError> {
        let mut guard = QuotaGuard { quota: Arc::clone(self), client, count: 0 };
        guard.grow(count)?;
        Ok(guard)
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuotaGuard {
    /// Checks that `more` units are available now.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn can_grow(&self, more: usize) -> Result<(), QuotaError> {
        self.fits(&self.quota.lock(), more)
    }

    /// Takes `more` units, or none.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn grow(&mut self, more: usize) -> Result<(), QuotaError> {
        let mut held = self.quota.lock();
        self.fits(&held, more)?;
        held.all += more;
        if let Some(client) = self.client {
            *held.by_client.entry(client.network).or_default() += more;
        }
        self.count += more;
        Ok(())
    }

    fn fits(&self, held: &Usage, more: usize) -> Result<(), QuotaError> {
        let total = self.quota.total();
        let share = self.client.map_or(total, |client| client.share_of(total));
        if self.client.is_some_and(|client| held.of(client).saturating_add(more) > share) {
            return Err(QuotaError::ClientShare);
        }
        if held.all.saturating_add(more) <= total {
            return Ok(());
        }
        // Units that others hold above their share, from before the total was reduced, do not count against this
        // client.
        let above: usize = held.by_client.values().map(|held| held.saturating_sub(share)).sum();
        if (held.all - above).saturating_add(more) > total { Err(QuotaError::Exhausted) } else { Ok(()) }
    }
}

impl Drop for QuotaGuard {
    fn drop(&mut self) {
        let mut held = self.quota.lock();
        held.all -= self.count;
        if let Some(client) = self.client
            && let Entry::Occupied(mut own) = held.by_client.entry(client.network)
        {
            *own.get_mut() -= self.count;
            // Clients that hold nothing are removed; otherwise the table would grow without limit.
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
    fn a_client_may_hold_its_share_and_the_rest_is_for_others() {
        let (quota, ana, ben) = (Quota::new(10), Some(client("10.0.0.1")), Some(client("10.0.0.2")));
        let five = quota.take(ana, 5).unwrap();
        assert_eq!(quota.take(ana, 1).unwrap_err(), QuotaError::ClientShare);
        let mut four = quota.take(ben, 4).unwrap();
        assert_eq!(four.can_grow(1), Ok(()));
        assert_eq!(four.grow(2), Err(QuotaError::ClientShare));
        assert_eq!(four.grow(1), Ok(()));
        assert_eq!(quota.take(Some(client("10.0.0.3")), 1).unwrap_err(), QuotaError::Exhausted);
        assert_eq!(quota.take(None, 1).unwrap_err(), QuotaError::Exhausted);
        drop(five);
        assert_eq!(quota.take(None, 5).unwrap().count, 5);
        assert_eq!(quota.held(), 5);
        drop(four);
        assert!(quota.held() == 0 && quota.lock().by_client.is_empty());
    }

    #[test]
    fn units_that_a_client_keeps_after_a_reduction_do_not_count_against_others() {
        let (quota, ana, ben) = (Quota::new(100), Some(client("10.0.0.1")), Some(client("10.0.0.2")));
        let _fifty = quota.take(ana, 50).unwrap();
        quota.set_total(10);
        assert_eq!(quota.take(ana, 1).unwrap_err(), QuotaError::ClientShare);
        let _five = quota.take(ben, 5).unwrap();
        assert_eq!(quota.take(ben, 1).unwrap_err(), QuotaError::ClientShare);
        assert_eq!(quota.take(Some(client("10.0.0.3")), 1).unwrap_err(), QuotaError::Exhausted);
    }

    #[test]
    fn every_client_may_hold_at_least_one_unit() {
        let quota = Quota::new(1);
        let _one = quota.take(Some(client("10.0.0.1")), 1).unwrap();
        assert_eq!(quota.take(Some(client("10.0.0.2")), 1).unwrap_err(), QuotaError::Exhausted);
    }

    #[test]
    fn the_ipv6_network_of_a_subscriber_is_one_client() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
    }
}
