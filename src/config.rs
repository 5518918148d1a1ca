//! Every setting: its flag, its environment variable, its default, its meaning. A flag wins over the environment, the
//! environment over the default; a variable that is set to nothing counts as not set.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::str::FromStr;

use axum::http::HeaderValue;
use axum::http::uri::{Authority, Scheme, Uri};
use clap::builder::{BoolishValueParser, Resettable, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, Parser};
use thiserror::Error;

use crate::db::Location;
use crate::logging::{self, LogFormat};
use crate::redact::without_passwords;
use crate::shares::DEFAULT_SHARE;

/// Reads the command line and the environment.
///
/// # Errors
/// Help that was asked for, or what is wrong, ready to be printed by clap.
pub fn parse<C: Parser>(line: impl IntoIterator<Item = OsString>) -> Result<C, clap::Error> {
    let parsed = unset_empty(C::command())
        .try_get_matches_from(line)
        .and_then(|matches| C::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // clap shows what it did not understand: the URL of a database that stands in the wrong place, say.
        let (said, told) = (error.to_string(), without_passwords(&error.to_string()));
        let message = told.strip_prefix("error: ").unwrap_or(&told);
        if said == told { error } else { clap::Error::raw(error.kind(), message) }
    })
}

/// `MATRICULA_LISTEN=` in a unit file or a compose file means "not set"; clap takes it for an empty value.
fn unset_empty(command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(unset_empty)
}

/// Reads where a database is. clap would show a value that it refuses, with the password in it.
#[derive(Clone, Copy, Debug)]
struct DatabaseParser;

impl TypedValueParser for DatabaseParser {
    type Value = Location;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<Location, clap::Error> {
        Location::parse(value).map_err(|why| {
            let message = format!("invalid value for --database (MATRICULA_DATABASE): {why}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub struct DatabaseArgs {
    /// The database: a file, which `serve` makes if there is none, or a PostgreSQL server by its URL, like
    /// `postgres://user@host/school?sslmode=verify-full`
    #[arg(
        long,
        env = "MATRICULA_DATABASE",
        value_name = "FILE|URL",
        default_value = "./matricula.db",
        value_parser = DatabaseParser,
        hide_env_values = true
    )]
    pub database: Location,
}

/// How to serve.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where the data is.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// The address and port to listen on; port 0 picks a free one. Anything but loopback needs
    /// --allow-unauthenticated and --public-url.
    #[arg(long, env = "MATRICULA_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: String,

    /// Serve to other machines although everyone who can reach the address can then read and change everything. Needs
    /// --public-url.
    #[arg(long, env = "MATRICULA_ALLOW_UNAUTHENTICATED", value_parser = BoolishValueParser::new())]
    pub allow_unauthenticated: bool,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// The address at which clients reach the server, where that is not the one it listens on (behind a proxy), like
    /// https://courses.example.edu. Links in answers begin with it, and off loopback only its host is answered to
    /// [default: the scheme and host of the request]
    #[arg(long, env = "MATRICULA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// A site whose pages may use the API from a browser, like https://app.example.edu. Repeat it, or separate several
    /// by commas [default: none]
    #[arg(long, env = "MATRICULA_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<Origin>,

    /// How many percent of what is shared one client may hold at a time: connections, memory for bodies, searches, long
    /// lists. A client is an address; behind a proxy that limits its clients itself, say 100
    #[arg(
        long,
        env = "MATRICULA_CLIENT_SHARE",
        value_name = "PERCENT",
        default_value_t = DEFAULT_SHARE,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub client_share: u8,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What to log, on standard error: off, error, warn, info, debug or trace, or one of them for a part of the
    /// program. `info,matricula::access=off` leaves out the line for each request.
    #[arg(long, env = "MATRICULA_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub log: String,

    /// How to log.
    #[arg(long, env = "MATRICULA_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// An absolute `http` or `https` URL without query, under which clients reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    authority: String,
}

impl PublicUrl {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Its host, and its port if it has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The origin of its pages.
    #[must_use]
    pub fn origin(&self) -> &str {
        let end = self.url.find("://").map_or(0, |scheme| scheme + 3) + self.authority.len();
        self.url.get(..end).unwrap_or(&self.url)
    }
}

impl FromStr for PublicUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let wanted = BadValue(
            "it has to be an absolute URL like https://courses.example.edu, in ASCII, without user, \
             query or fragment (--public-url or MATRICULA_PUBLIC_URL)"
                .to_owned(),
        );
        let Some((uri, authority)) = web_uri(text) else {
            return Err(wanted);
        };
        // It goes into headers.
        if uri.query().is_some() || text.contains('#') || !text.is_ascii() {
            return Err(wanted);
        }
        Ok(Self { url: text.trim_end_matches('/').to_owned(), authority })
    }
}

/// The origin of a site, in the one form in which browsers send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// The origin as text.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "it was compared with what was made of ASCII"
    )]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("an origin is visible ASCII")
    }

    /// The origin as the value of a header.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let setting = "(--cors-origin or MATRICULA_CORS_ORIGIN)";
        if text == "*" {
            return Err(BadValue(format!("every site could use the API then: list the sites {setting}")));
        }
        let wanted = || BadValue(format!("it has to be a site like https://app.example.edu {setting}"));
        let (uri, authority) = web_uri(text).ok_or_else(wanted)?;
        let scheme = uri.scheme_str().ok_or_else(wanted)?;
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let host = authority.strip_suffix(usual).unwrap_or(&authority).to_ascii_lowercase();
        let sent = format!("{scheme}://{host}");
        if text != sent {
            return Err(BadValue(format!("browsers send this origin as {sent}: write it so {setting}")));
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| wanted())
    }
}

/// The parts of an absolute URL of the web.
fn web_uri(text: &str) -> Option<(Uri, String)> {
    let uri: Uri = text.parse().ok()?;
    let web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    let authority =
        uri.authority().map(Authority::as_str).filter(|authority| !authority.contains('@'))?.to_owned();
    (web && !authority.starts_with(':')).then_some((uri, authority))
}

/// What is wrong with the value of a setting, and where it can be set.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadValue(String);

fn listen(text: &str) -> Result<String, BadValue> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(BadValue(
            "it has to be an address and a port, like 127.0.0.1:8080 or [::1]:8080 (--listen or MATRICULA_LISTEN)"
                .to_owned(),
        )),
    }
}

fn filter(text: &str) -> Result<String, BadValue> {
    logging::filter(text)
        .map(|_| text.to_owned())
        .map_err(|why| BadValue(format!("{why} (--log or MATRICULA_LOG)")))
}

/// Why the server does not listen where other machines reach it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Exposed {
    /// It would be open to everyone.
    #[error(
        "refusing to listen on {0}: it can be reached from other machines, and there is no authentication yet, so \
         whoever reaches it can read and change everything. Listen on 127.0.0.1 (and put a proxy that authenticates in \
         front), or allow it with --allow-unauthenticated and --public-url"
    )]
    ToEveryone(SocketAddr),
    /// It would answer under every name.
    #[error(
        "refusing to listen on {0}: it can be reached from other machines, and does not know under which name, so a page \
         in a browser could reach it under a name of its own (DNS rebinding). Say the address that clients use, like \
         --public-url https://courses.example.edu"
    )]
    WithoutName(SocketAddr),
}

/// Refuses to serve anybody but this machine, unless that is allowed and it is known under which address.
///
/// # Errors
/// When an address is not loopback, and `allow` is false or there is no `public_url`.
pub fn check_exposure(
    addresses: &[SocketAddr],
    allow: bool,
    public_url: Option<&PublicUrl>,
) -> Result<(), Exposed> {
    match addresses.iter().find(|address| !is_loopback(address)) {
        Some(open) if !allow => Err(Exposed::ToEveryone(*open)),
        Some(open) if public_url.is_none() => Err(Exposed::WithoutName(*open)),
        _ => Ok(()),
    }
}

/// Whether only this machine can reach an address.
#[must_use]
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
