use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::postgres::Address;

/// Where the data is: a file of this machine, or a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An SQLite database.
    File(PathBuf),
    /// A URL as libpq has them: `postgres://user:password@host:5432/school?sslmode=verify-full`.
    Server(Url),
}

/// The URL of a server. It may hold a password, so it is never shown whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    pub(super) fn address(&self) -> Result<Address, super::DbError> {
        Address::parse(&self.0).map_err(super::DbError::Engine)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Address::parse(&self.0) {
            Ok(address) => address.fmt(f),
            Err(_) => f.write_str("postgres://..."),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => url.fmt(f),
        }
    }
}

impl From<OsString> for Location {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Self::Server(Url(url.to_owned()))
            }
            _ => Self::File(text.into()),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        path.as_os_str().to_owned().into()
    }
}

impl FromStr for Location {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(OsString::from(text).into())
    }
}
