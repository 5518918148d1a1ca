//! Failed sign-ins make further ones wait, so that nobody can guess a password by trying.

mod table;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::table::Table;
use crate::shares::{Client, DEFAULT_SHARE};

/// How many sign-ins of an account may fail within 15 minutes: a person who mistypes hardly ever needs more.
const ACCOUNT_FAILURES: usize = 5;
/// How many sign-ins from an address may fail within 15 minutes, unless set otherwise. More than for an account,
/// because several people share an address.
pub const DEFAULT_ADDRESS_FAILURES: usize = 20;
/// How long to wait while as many sign-ins of an account as may fail are being checked. A check takes less than that.
const CHECK_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// Counts failed sign-ins per account and per address (of IPv6: per /64), and refuses further ones for a time that grows
/// (ASVS 5.0, 6.3.1; NIST SP 800-63B-4, 3.2.2). Accounts that do not exist count like others, so that a refusal does not
/// say which exist.
///
/// It is in the memory of one process: several servers on one database count separately, and a restart forgets. At most
/// 9 attempts at an account are let through in any 15 minutes, which leaves no hope for a password that
/// [`Password::new_for_account`](super::passwords::Password::new_for_account) accepts. It does
/// not count to the 100 consecutive failures after which NIST wants a password to be disabled.
#[derive(Debug)]
pub struct SignInThrottle {
    failures: Mutex<Failures>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Failures {
    /// By a keyed hash: names that people typed may be long and personal, and some of them are passwords.
    accounts: Table<u64>,
    addresses: Table<IpAddr>,
    /// The sign-ins that are being checked now, of each account that has any.
    in_progress: HashMap<u64, usize>,
}

impl SignInThrottle {
    /// No failures yet. `address_failures` is how many sign-ins from an address may fail within 15 minutes: at least 1,
    /// and more than [`DEFAULT_ADDRESS_FAILURES`] where everybody shares the address of the school.
    #[must_use]
    pub fn new(address_failures: usize) -> Self {
        let failures = Failures {
            accounts: Table::new(ACCOUNT_FAILURES),
            addresses: Table::new(address_failures),
            in_progress: HashMap::new(),
        };
        Self { failures: Mutex::new(failures), hasher: RandomState::new() }
    }

    /// Begins a sign-in: call this before the password is checked. `account` is what the person typed; case and spaces
    /// around it make no difference. The attempt reserves its place until it is answered or dropped, because otherwise
    /// any number of attempts at the same moment would be let through.
    ///
    /// # Errors
    /// How long to wait, because too many sign-ins of this account or from this address have failed.
    pub fn check(&self, account: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt<'_>, Wait> {
        let account = self.hasher.hash_one(account.trim().to_lowercase());
        // The share makes no difference for the network.
        let network = address.map(|address| Client::new(address, DEFAULT_SHARE).network());
        let mut failures = self.lock();
        let waits = [
            failures.accounts.wait(&account, now),
            network.as_ref().and_then(|network| failures.addresses.wait(network, now)),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(Wait(wait));
        }
        let free = failures.accounts.left(&account, now);
        let in_progress = failures.in_progress.entry(account).or_default();
        if *in_progress >= free {
            return Err(Wait(CHECK_WAIT));
        }
        *in_progress += 1;
        Ok(Attempt { throttle: self, account, network, is_begun: false, at: now })
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self::new(DEFAULT_ADDRESS_FAILURES)
    }
}

/// A sign-in. Dropped while its password is being checked, it has failed: whoever hangs up early has tried it all the same.
#[derive(Debug)]
#[must_use = "an attempt has failed or succeeded"]
pub struct Attempt<'a> {
    throttle: &'a SignInThrottle,
    account: u64,
    network: Option<IpAddr>,
    /// Whether the password is being checked.
    is_begun: bool,
    at: Timestamp,
}

impl Attempt<'_> {
    /// The password is being checked from now on: whoever hangs up now has tried it all the same.
    pub fn begin(&mut self) {
        self.is_begun = true;
    }

    /// The password could not be checked, which counts as nothing.
    pub fn cancel(mut self) {
        self.is_begun = false;
    }

    /// The password was wrong, or there is no such account.
    pub fn failed(mut self, now: Timestamp) {
        (self.is_begun, self.at) = (true, now);
    }

    /// The password was right: the failures of the account are forgotten. Those of the address are not; otherwise an
    /// attacker with an account would sign in to it in between.
    pub fn succeeded(mut self) {
        self.is_begun = false;
        self.throttle.lock().accounts.clear(&self.account);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut failures = self.throttle.lock();
        if self.is_begun {
            failures.accounts.fail(self.account, self.at);
            if let Some(network) = self.network {
                failures.addresses.fail(network, self.at);
            }
        }
        if let Entry::Occupied(mut in_progress) = failures.in_progress.entry(self.account) {
            *in_progress.get_mut() -= 1;
            if *in_progress.get() == 0 {
                in_progress.remove();
            }
        }
    }
}

/// How long to wait before the next attempt at signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins have failed; try again in {} s", self.seconds())]
pub struct Wait(SignedDuration);

impl Wait {
    /// The time to wait.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0.unsigned_abs()
    }

    /// The time to wait in seconds, rounded up, for `Retry-After`.
    #[must_use]
    pub fn seconds(self) -> u64 {
        let duration = self.duration();
        duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: &str = "ana@example.edu";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// An address of its own for each number.
    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    /// Fails at these seconds; each attempt must be let through.
    fn fail(throttle: &SignInThrottle, account: &str, address: IpAddr, times: impl IntoIterator<Item = i64>) {
        for seconds in times {
            throttle.check(account, Some(address), at(seconds)).unwrap().failed(at(seconds));
        }
    }

    /// How many seconds to wait.
    fn wait(throttle: &SignInThrottle, account: &str, address: IpAddr, seconds: i64) -> Option<u64> {
        throttle.check(account, Some(address), at(seconds)).err().map(Wait::seconds)
    }

    #[test]
    fn after_five_failures_an_account_waits_for_longer_and_longer() {
        let throttle = SignInThrottle::default();
        fail(&throttle, ANA, address(1), [0, 0, 0, 0, 0]);
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 15, 15, 15] {
            // From any address.
            assert_eq!(wait(&throttle, ANA, address(2), now), Some(minutes * 60));
            let end = now + i64::try_from(minutes).unwrap() * 60;
            assert_eq!(wait(&throttle, ANA, address(2), end - 1), Some(1));
            fail(&throttle, ANA, address(2), [end]);
            now = end;
        }
        assert_eq!(wait(&throttle, "ben@example.edu", address(2), now), None, "others do not wait");
    }

    #[test]
    fn failures_count_for_15_minutes() {
        let throttle = SignInThrottle::default();
        fail(&throttle, ANA, address(1), [0, 600, 600, 600, 901]);
        assert_eq!(wait(&throttle, ANA, address(1), 901), None, "the first one is too long ago");
        fail(&throttle, ANA, address(1), [902]);
        assert_eq!(wait(&throttle, ANA, address(1), 902), Some(60));
        // 15 minutes after the end of the wait, everything is forgotten.
        fail(&throttle, ANA, address(1), [962 + 901, 962 + 902, 962 + 903, 962 + 904]);
        assert_eq!(wait(&throttle, ANA, address(1), 962 + 905), None);
    }

    #[test]
    fn a_success_clears_the_failures_of_the_account_but_not_of_the_address() {
        let throttle = SignInThrottle::new(6);
        fail(&throttle, ANA, address(1), [0; 4]);
        throttle.check(ANA, Some(address(1)), at(0)).unwrap().succeeded();
        fail(&throttle, ANA, address(1), [0; 2]);
        assert_eq!(wait(&throttle, ANA, address(1), 0), Some(60));
        assert_eq!(wait(&throttle, ANA, address(2), 0), None);
    }

    #[test]
    fn twenty_failures_make_an_address_wait_whatever_the_account() {
        let throttle = SignInThrottle::default();
        for number in 0..20 {
            fail(&throttle, &format!("student-{number}"), address(1), [0]);
        }
        assert_eq!(wait(&throttle, ANA, address(1), 0), Some(60));
        assert_eq!(wait(&throttle, "student-0", address(2), 0), None);
        fail(&throttle, ANA, address(1), [60]);
        assert_eq!(wait(&throttle, ANA, address(1), 60), Some(120));
    }

    #[test]
    fn the_ipv6_network_of_a_subscriber_is_one_address() {
        let throttle = SignInThrottle::new(2);
        fail(&throttle, "a", "2001:db8::1".parse().unwrap(), [0]);
        fail(&throttle, "b", "2001:db8::2".parse().unwrap(), [0]);
        assert_eq!(wait(&throttle, "c", "2001:db8::ffff:1".parse().unwrap(), 0), Some(60));
        assert_eq!(wait(&throttle, "c", "2001:db8:0:1::1".parse().unwrap(), 0), None);
    }

    #[test]
    fn upper_case_and_spaces_do_not_make_another_account() {
        let throttle = SignInThrottle::default();
        fail(&throttle, ANA, address(1), [0; 3]);
        fail(&throttle, " ANA@example.EDU ", address(1), [0; 2]);
        assert_eq!(wait(&throttle, "Ana@Example.edu", address(1), 0), Some(60));
    }

    #[test]
    fn attempts_at_the_same_moment_are_no_way_around() {
        let throttle = SignInThrottle::default();
        let attempts: Vec<_> =
            (0..5).map(|_| throttle.check(ANA, Some(address(1)), at(0)).unwrap()).collect();
        assert_eq!(wait(&throttle, ANA, address(2), 0), Some(1));
        // Attempts without an answer count as nothing.
        drop(attempts);
        assert!(throttle.lock().in_progress.is_empty());
        fail(&throttle, ANA, address(1), [0; 5]);
        // After a wait, one at a time.
        let attempt = throttle.check(ANA, Some(address(1)), at(60)).unwrap();
        assert_eq!(wait(&throttle, ANA, address(1), 60), Some(1));
        attempt.succeeded();
        fail(&throttle, ANA, address(1), [60; 5]);
    }

    /// Everybody at a school may have the same address, so attempts from one at the same moment are let through, and
    /// their failures are one step, not many.
    #[test]
    fn attempts_that_began_before_the_wait_do_not_extend_it() {
        let throttle = SignInThrottle::new(2);
        let begin = |number| throttle.check(&format!("student-{number}"), Some(address(1)), at(0)).unwrap();
        let attempts: Vec<_> = (0..10).map(begin).collect();
        for attempt in attempts {
            attempt.failed(at(0));
        }
        assert_eq!(wait(&throttle, ANA, address(1), 0), Some(60));
    }

    #[test]
    fn beyond_ten_thousand_accounts_the_oldest_is_forgotten() {
        let throttle = SignInThrottle::default();
        fail(&throttle, ANA, address(0), [0; 5]);
        fail(&throttle, "ben@example.edu", address(0), [3; 5]);
        let max = u32::try_from(table::MAX_ENTRIES).unwrap();
        for number in 1..max {
            fail(&throttle, &format!("student-{number}"), address(number), [61]);
        }
        assert_eq!(throttle.lock().accounts.len(), table::MAX_ENTRIES);
        assert_eq!(wait(&throttle, ANA, address(0), 59), None);
        assert_eq!(wait(&throttle, "ben@example.edu", address(0), 59), Some(4));
        // Those that no longer count go first.
        fail(&throttle, "eve@example.edu", address(1), [61 + 901]);
        assert_eq!(throttle.lock().accounts.len(), 2);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let throttle = SignInThrottle::default();
        fail(&throttle, ANA, address(1), [86_400; 5]);
        assert_eq!(wait(&throttle, ANA, address(1), 86_400), Some(60));
        assert_eq!(wait(&throttle, ANA, address(1), 0), None);
        fail(&throttle, ANA, address(1), [0; 5]);
        assert_eq!(wait(&throttle, ANA, address(1), 0), Some(60));
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(Wait(SignedDuration::from_millis(1)).seconds(), 1);
        assert_eq!(
            Wait(SignedDuration::from_millis(59_001)).to_string(),
            "too many sign-ins have failed; try again in 60 s"
        );
    }

    proptest! {
        /// However somebody spreads wrong passwords over time and addresses.
        #[test]
        fn at_most_nine_attempts_at_an_account_in_15_minutes(
            pauses in proptest::collection::vec(prop_oneof![0..3_i64, 0..120_i64, 0..1000_i64], 1..200),
        ) {
            let throttle = SignInThrottle::default();
            let (mut now, mut let_through) = (0, Vec::new());
            for (pause, from) in pauses.into_iter().zip(0..) {
                now += pause;
                match throttle.check(ANA, Some(address(from)), at(now)) {
                    Ok(attempt) => {
                        attempt.failed(at(now));
                        let_through.push(now);
                    }
                    // The wait is exact.
                    Err(wait) => {
                        let end = now + i64::try_from(wait.seconds()).unwrap();
                        prop_assert!(throttle.check(ANA, Some(address(from)), at(end - 1)).is_err());
                        prop_assert!(throttle.check(ANA, Some(address(from)), at(end)).is_ok());
                    }
                }
            }
            for (index, first) in let_through.iter().enumerate() {
                let within = let_through[index..].iter().take_while(|time| *time - first <= 15 * 60);
                prop_assert!(within.count() <= 9, "{let_through:?}");
            }
        }

        /// A person who waits when asked to, and knows the password, gets in.
        #[test]
        fn a_person_who_waits_is_let_through(failures in 0..30_usize) {
            let throttle = SignInThrottle::new(usize::MAX);
            let mut now = 0;
            for _ in 0..failures {
                now += wait(&throttle, ANA, address(1), now).map_or(0, |seconds| i64::try_from(seconds).unwrap());
                fail(&throttle, ANA, address(1), [now]);
            }
            now += wait(&throttle, ANA, address(1), now).map_or(0, |seconds| i64::try_from(seconds).unwrap());
            throttle.check(ANA, Some(address(1)), at(now)).unwrap().succeeded();
            prop_assert_eq!(throttle.lock().accounts.len(), 0);
        }
    }
}
