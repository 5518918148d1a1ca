//! The sessions of an account, as its owner sees them.

use std::fmt;

use super::secret::SecretHash;
use crate::clock::Stamp;

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its name.
    pub name: SessionName,
    /// When the person signed in.
    pub opened_at: Stamp,
    /// When it was used last; up to a few minutes earlier.
    pub used_at: Stamp,
}

/// The first 16 of the 64 hexadecimal digits of the hash of a session's secret. It tells the sessions of an account apart
/// (there are at most a few dozen), and is no help in finding the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

impl SessionName {
    const LENGTH: usize = 16;

    /// The name of the session whose secret has this hash.
    #[must_use]
    pub fn new(hash: &SecretHash) -> Self {
        Self(hash.to_hex().chars().take(Self::LENGTH).collect())
    }

    /// Reads a name; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::LENGTH && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// A name that was read from the database.
    pub(super) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
