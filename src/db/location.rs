use percent_encoding::percent_decode_str;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::postgres::Address;

/// Where the data is: a file on this machine, or a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An SQLite database.
    File(PathBuf),
    /// A URL in libpq's format: `postgres://user:password@host:5432/school?sslmode=verify-full`.
    Server(Url),
}

/// The URL of a server. It may contain a password, so it is never shown in full.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url(String);

/// Why a text does not name a database. The message does not repeat the text, which may contain a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadLocation(String);

/// How to name a database; part of error messages.
const FORMS: &str = "Use a file (school.db, sqlite:///school.db) or a PostgreSQL URL \
                     (postgres://user@host/school). Write ./name for a file with a colon in its name";
/// URL schemes for PostgreSQL used by libpq, Django, `SQLAlchemy` and others.
const POSTGRES_SCHEMES: [&str; 5] = ["postgres", "postgresql", "pgsql", "psql", "postgis"];
/// Options in a file's URL that only matter to other programs; ignored.
const IGNORED_OPTIONS: [&str; 8] = [
    "cache=private",
    "check_same_thread",
    "connection_limit",
    "mode=rw",
    "mode=rwc",
    "pool_timeout",
    "socket_timeout",
    "timeout",
];

impl Location {
    /// Parses a file name, or a URL as common tools write it.
    ///
    /// # Errors
    /// When it is the URL of another kind of database, or looks like a misspelled URL.
    pub fn parse(text: &OsStr) -> Result<Self, BadLocation> {
        let bad = |what: &str| Err(BadLocation(format!("{what}. {FORMS}")));
        let Some(known) = text.to_str() else { return Ok(Self::File(text.into())) };
        if known.is_empty() {
            // SQLite would open an empty name as a temporary database that is deleted when it is closed.
            return bad("the name of the database is empty");
        }
        let Some((scheme, rest)) = scheme(known) else {
            return if is_keyword_list(known) || is_like_a_url(known) {
                bad("this looks like a connection string in another format")
            } else {
                Ok(Self::File(text.into()))
            };
        };
        let kind = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            kind if POSTGRES_SCHEMES.contains(&kind) && rest.starts_with("//") => {
                Ok(Self::Server(Url(format!("postgres:{rest}"))))
            }
            kind if POSTGRES_SCHEMES.contains(&kind) => bad("two slashes are missing after the colon"),
            "sqlite" | "sqlite3" => Ok(Self::File(sqlite_path(rest)?)),
            "file" => Ok(Self::File(file_path(rest)?)),
            "jdbc" => bad("leave out `jdbc:`, and write user and password before the host"),
            kind if rest.starts_with("//") => bad(&format!("{kind}: is not supported")),
            _ => bad("the part before the colon is not a database that matricula supports"),
        }
    }
}

/// Splits at the first colon, if the text before it can be the scheme of a URL.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// Whether it is a list of keywords as libpq also accepts it (`host=db user=ana password=...`), or
/// `Server=db;Pwd=...`.
fn is_keyword_list(text: &str) -> bool {
    let names = ["host", "hostaddr", "dbname", "password", "pwd", "server", "data source"];
    let text = text.replace(" =", "=");
    let mut words = text.split([' ', ';']).filter_map(|word| word.split_once('='));
    words.any(|(name, _)| names.contains(&name.trim().to_ascii_lowercase().as_str()))
}

/// Whether it looks like a mistyped URL: a user name with an underscore, quotes, or a leading blank or variable name.
/// A file with such a name can still be given with its folder.
fn is_like_a_url(text: &str) -> bool {
    if text.starts_with("//") {
        return text.contains('@');
    }
    let has_folder = text.starts_with(['/', '.']);
    !has_folder
        && (text.contains("://") || text.split_once(':').is_some_and(|(_, password)| password.contains('@')))
}

/// Path of an SQLite URL. `SQLAlchemy` and Django write a relative path after three slashes and an absolute one after
/// four; Rails and sqlx leave the slashes out.
fn sqlite_path(rest: &str) -> Result<PathBuf, BadLocation> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match path.strip_prefix("//") {
        Some(after) if after.split('/').next().is_some_and(|host| host.contains('@')) => {
            return Err(BadLocation(format!("an SQLite file has no user and no password. {FORMS}")));
        }
        Some(after) => after.strip_prefix('/').unwrap_or(after),
        None => path,
    };
    check_options(path, query)
}

/// Path of a `file:` URL (RFC 8089, Prisma): an absolute path after three slashes, one or none; a relative one after
/// none.
fn file_path(rest: &str) -> Result<PathBuf, BadLocation> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match path.strip_prefix("//") {
        Some(after) => match after.strip_prefix("localhost").unwrap_or(after) {
            absolute if absolute.starts_with('/') => absolute,
            _ => return Err(BadLocation(format!("the file is on another machine. {FORMS}"))),
        },
        None => path,
    };
    check_options(path, query)
}

fn check_options(path: &str, query: &str) -> Result<PathBuf, BadLocation> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if !IGNORED_OPTIONS.iter().any(|known| *known == pair || *known == name) {
            return Err(BadLocation(format!(
                "the database URL has the option `{name}`, which matricula does not support"
            )));
        }
    }
    Ok(match path {
        // `sqlite://`, an SQLAlchemy URL without a path.
        "" => ":memory:".into(),
        path => match percent_decode_str(path).decode_utf8() {
            Ok(name) => name.into_owned().into(),
            Err(_) => {
                return Err(BadLocation(format!(
                    "the database URL has percent-encoded bytes that are not UTF-8. {FORMS}"
                )));
            }
        },
    })
}

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

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl TryFrom<OsString> for Location {
    type Error = BadLocation;

    fn try_from(text: OsString) -> Result<Self, BadLocation> {
        Self::parse(&text)
    }
}

impl FromStr for Location {
    type Err = BadLocation;

    fn from_str(text: &str) -> Result<Self, BadLocation> {
        Self::parse(OsStr::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> String {
        match text.parse().unwrap() {
            Location::File(path) => path.to_str().unwrap().to_owned(),
            Location::Server(url) => panic!("{text} is the server {url}"),
        }
    }

    #[test]
    fn files_can_be_given_by_path_or_by_common_urls() {
        for (text, path) in [
            ("school.db", "school.db"),
            ("./2026:school.db", "./2026:school.db"),
            ("2026:school.db", "2026:school.db"),
            ("./ana:b@school.db", "./ana:b@school.db"),
            ("ana@school.db", "ana@school.db"),
            ("/var/lib/school.db", "/var/lib/school.db"),
            // SQLAlchemy, Django
            ("sqlite:///school.db", "school.db"),
            ("sqlite:////var/lib/school.db", "/var/lib/school.db"),
            ("sqlite+pysqlite:///school.db?check_same_thread=false", "school.db"),
            ("sqlite://", ":memory:"),
            ("sqlite:///:memory:", ":memory:"),
            // Rails, sqlx
            ("sqlite3:db/school.sqlite3", "db/school.sqlite3"),
            ("sqlite:school.db?mode=rwc", "school.db"),
            ("sqlite://school.db", "school.db"),
            ("sqlite:/var/lib/school.db", "/var/lib/school.db"),
            // Prisma, RFC 8089
            ("file:./school.db?connection_limit=1", "./school.db"),
            ("file:school%20of+law%26more.db", "school of+law&more.db"),
            ("file:/var/lib/school.db", "/var/lib/school.db"),
            ("file:///var/lib/school.db", "/var/lib/school.db"),
            ("file://localhost/var/lib/school.db", "/var/lib/school.db"),
        ] {
            assert_eq!(file(text), path, "{text}");
        }
    }

    #[test]
    fn servers_can_be_given_by_common_urls() {
        for text in [
            "postgres://ana:secret@db/school",
            "PostgreSQL://ana:secret@db/school",
            "postgresql+psycopg2://ana:secret@db/school",
            "postgresql+asyncpg://ana:secret@db:5432/school?schema=mine",
            "pgsql://ana:secret@db/school",
            "psql://ana:secret@db/school?connection_limit=5&pgbouncer=true",
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), "postgres://ana@db:5432/school", "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected_without_repeating_them() {
        for text in [
            "mysql://ana:secret@db/school",
            "mysql+pymysql://ana:secret@db/school",
            "jdbc:postgresql://db/school?user=ana&password=secret",
            "postgres:ana:secret@db/school",
            "postgresql:/ana:secret@db/school",
            "ana:secret@db/school",
            "//ana:secret@db/school",
            "host=db user=ana password=secret",
            "host = db user = ana password = secret",
            "school_app:secret@db",
            "\"postgres://ana:secret@db/school\"",
            " postgres://ana:secret@db/school",
            "DATABASE_URL=postgres://ana:secret@db/school",
            "sqlite:///%FFsecret.db",
            "",
            "Server=db;Uid=ana;Pwd=secret;",
            "sqlite+pysqlcipher://:secret@/school.db",
            "sqlite:///school.db?key=secret",
            "sqlite:school.db?mode=ro",
            "file://secret/school.db",
            "redis://:secret@db",
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(!error.contains("secret") && !error.contains("ana:"), "{text}: {error}");
        }
    }
}
