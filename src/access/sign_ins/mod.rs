//! The record of sign-ins: who signed in or out when, from where, and what failed. Kept for 400 days.

pub mod api;
pub mod store;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::registrar::Tally;

/// How an attempt at signing in ended, or that somebody signed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInOutcome {
    /// A session began.
    SignedIn,
    /// The address and the password do not belong together, or the account is disabled.
    Failed,
    /// It was not tried, because too many attempts had failed.
    Waiting,
    /// The person ended a session, or all of them.
    SignedOut,
}

impl SignInOutcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::SignedIn, Self::Failed, Self::Waiting, Self::SignedOut];

    /// Its name in the table and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::SignedOut => "signed-out",
        }
    }
}

impl fmt::Display for SignInOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SignInOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        let outcome = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        outcome.ok_or_else(|| format!("must be one of {known}"))
    }
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// With a password.
    Password,
    /// With a one-time link, by setting a password.
    Link,
    /// At a provider of single sign-on.
    SignOn,
}

impl Way {
    /// Its name in the table and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Link => "link",
            Self::SignOn => "sign-on",
        }
    }
}

/// Where somebody asks from: the address, or the IPv6 network of a subscriber. `None` for a proxy that many share.
pub type Network = Option<IpAddr>;

/// The network as it is recorded.
pub(super) fn network_text(network: Network) -> Option<String> {
    network.map(|network| match network {
        IpAddr::V6(_) => format!("{network}/64"),
        IpAddr::V4(_) => network.to_string(),
    })
}

/// A sign-in that failed or was not tried. An unknown address is not part of it: people type passwords there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FailedSignIn {
    /// `None` if the address is no account's.
    pub(super) account_id: Option<i64>,
    pub(super) outcome: SignInOutcome,
    pub(super) way: Way,
    pub(super) network: Network,
}

/// Records a failure when it is dropped, also because the client has hung up; nothing after [`Unsuccessful::dismiss`].
#[derive(Debug)]
#[must_use = "it is recorded at once otherwise"]
pub(super) struct Unsuccessful<'a>(Option<(&'a Tally<FailedSignIn>, FailedSignIn)>);

impl<'a> Unsuccessful<'a> {
    pub(super) fn new(tally: &'a Tally<FailedSignIn>, failed: FailedSignIn) -> Self {
        Self(Some((tally, failed)))
    }

    /// It was not tried, or has succeeded.
    pub(super) fn dismiss(mut self) {
        self.0 = None;
    }
}

impl Drop for Unsuccessful<'_> {
    fn drop(&mut self) {
        if let Some((tally, failed)) = self.0.take() {
            tally.record(failed, 1);
        }
    }
}

/// An entry of the record of sign-ins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 12, "at": "2026-09-01T08:00:00.000Z", "account_id": 58, "account_name": "Zoë Martin", "outcome": "failed", "way": "password", "network": "203.0.113.7", "times": 2}))]
pub struct SignInEntry {
    /// The id.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// When it happened; of several failures, when the first did.
    pub at: Stamp,
    /// The account; null for an address that is no account's.
    #[schema(required)]
    pub account_id: Option<i64>,
    /// The present name of the account.
    #[schema(required)]
    pub account_name: Option<String>,
    /// `signed-in`, `failed`, `waiting` (not tried, because too many attempts had failed) or `signed-out`.
    pub outcome: String,
    /// `password`, `link` or `sign-on`; null for signing out.
    #[schema(required)]
    pub way: Option<String>,
    /// The network address, of IPv6 the network of the subscriber; null behind a proxy that does not pass it on.
    #[schema(required)]
    pub network: Option<String>,
    /// How many of the same kind there were within the minute; of signing out, how many sessions ended.
    #[schema(minimum = 1)]
    pub times: i64,
}

impl SignInEntry {
    /// The outcome, unless a newer version recorded it.
    #[must_use]
    pub fn outcome(&self) -> Option<SignInOutcome> {
        self.outcome.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_says_how_many_addresses_it_has() {
        let text = |network: &str| network_text(Some(network.parse().unwrap())).unwrap();
        assert_eq!(text("2001:db8:1:2::"), "2001:db8:1:2::/64");
        assert_eq!(text("203.0.113.7"), "203.0.113.7");
        assert_eq!(network_text(None), None);
    }
}
