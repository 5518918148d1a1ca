//! All settings with their flags, environment variables and defaults. A flag takes precedence over the environment,
//! the environment over the default. An empty variable counts as not set.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::uri::{Authority, Scheme, Uri};
use axum::http::{HeaderName, HeaderValue};
use clap::builder::{Resettable, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, Parser};
use ipnet::IpNet;
use thiserror::Error;

use crate::count::thousands;
use crate::db::Location;
use crate::logging::{self, LogFormat};
use crate::redact::without_passwords;
use crate::shares::DEFAULT_SHARE;

/// Reads the command line and the environment.
///
/// # Errors
/// The requested help, or an invalid setting, to be printed by clap.
pub fn parse<C: Parser>(line: impl IntoIterator<Item = OsString>) -> Result<C, clap::Error> {
    let parsed = unset_empty(C::command())
        .try_get_matches_from(line)
        .and_then(|matches| C::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // clap repeats what it did not understand, such as a database URL with a password in the wrong place.
        let (original, redacted) = (error.to_string(), without_passwords(&error.to_string()));
        let message = redacted.strip_prefix("error: ").unwrap_or(&redacted);
        if original == redacted { error } else { clap::Error::raw(error.kind(), message) }
    })
}

/// `MATRICULA_LISTEN=` in a unit file or a compose file means "not set"; clap would read an empty value.
fn unset_empty(command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(unset_empty)
}

/// Parses the location of a database. clap's own error would repeat the value, and its password.
#[derive(Clone, Copy, Debug)]
struct DatabaseParser;

impl TypedValueParser for DatabaseParser {
    type Value = Location;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Location, clap::Error> {
        Location::parse(value).map_err(|why| {
            let message = match arg.and_then(Arg::get_long) {
                Some(name) if name != "database" => format!("invalid value for --{name}: {why}\n"),
                _ => format!("invalid value for --database (MATRICULA_DATABASE): {why}\n"),
            };
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

/// The location of the database.
#[derive(Args, Clone, Debug)]
pub struct DatabaseArgs {
    /// The database: a file, which `serve` creates if it does not exist, or the URL of a PostgreSQL database, like
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

/// A database to compare with.
#[derive(Args, Clone, Debug)]
pub struct AgainstArgs {
    /// Also compare with an earlier state of the database, such as a backup: nothing in its log may be missing here
    #[arg(long, value_name = "FILE|URL", value_parser = DatabaseParser)]
    pub against: Option<Location>,
}

/// The start of links to the server, for commands that print one.
#[derive(Args, Clone, Debug)]
pub struct LinkArgs {
    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// The address at which people reach the server, for the link [default: http://127.0.0.1:8080]
    #[arg(long, env = "MATRICULA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
}

/// The list of schools, for commands that are about all of them.
#[derive(Args, Clone, Debug, Default)]
pub struct SchoolsArgs {
    /// The file or the folder that lists the schools, as for `serve`
    #[arg(long, env = "MATRICULA_SCHOOLS", value_name = "FILE|FOLDER")]
    pub schools: Option<PathBuf>,
}

/// Options of `matricula serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// The location of the database.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// The address and port to listen on; port 0 picks a free one. Anything but loopback needs
    /// --public-url, and a token or an account (or --allow-unauthenticated).
    #[arg(long, env = "MATRICULA_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: String,

    /// Serve other machines although nobody has to sign in: until there is a token or an account, everyone who can reach
    /// the address can read and change everything. Needs --public-url.
    #[arg(long, env = "MATRICULA_ALLOW_UNAUTHENTICATED", value_parser = yes_or_no)]
    pub allow_unauthenticated: bool,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// The address that clients use, if it is not the one to listen on (behind a proxy), like
    /// https://courses.example.edu. Links begin with it, and off loopback only requests for its host are answered
    /// [default: the scheme and host of the request]
    #[arg(long, env = "MATRICULA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// A site whose pages may use the API from a browser, like https://app.example.edu. Repeat it for several, or
    /// separate them by commas [default: none]
    #[arg(long, env = "MATRICULA_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<Origin>,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// A file that lists providers of single sign-on (OpenID Connect): see "Accounts and sign-on" in the documentation
    #[arg(long, env = "MATRICULA_SIGN_ON", value_name = "FILE")]
    pub sign_on: Option<PathBuf>,

    /// The header in which a proxy that signs people in names the person by e-mail address, like X-Remote-User. Needs
    /// --trusted-proxy.
    #[arg(long, env = "MATRICULA_TRUST_USER_HEADER", value_name = "NAME")]
    pub trust_user_header: Option<HeaderName>,

    /// A proxy that is believed when it names a person: an address like 10.0.0.5, or a network like 10.0.0.0/24. Repeat it
    /// for several, or separate them by commas. The header of everybody else is ignored.
    #[arg(long, env = "MATRICULA_TRUSTED_PROXY", value_name = "ADDRESS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,

    /// The share of one client in percent: of connections, memory for bodies, searches and long lists. A client is an
    /// IP address; behind a proxy that limits its clients itself, use 100
    #[arg(
        long,
        env = "MATRICULA_CLIENT_SHARE",
        value_name = "PERCENT",
        default_value_t = DEFAULT_SHARE,
        value_parser = whole_number(1_u8..=100)
    )]
    pub client_share: u8,

    /// Create missing tables students and courses, empty, in a database that has other tables. Without it, such a
    /// database is refused.
    #[arg(long, env = "MATRICULA_NEW_SCHOOL", value_parser = yes_or_no)]
    pub new_school: bool,

    /// Serve several schools, each at the host of its own address: a file that lists them, or a folder with a file for
    /// each. See "Many institutions" in the documentation.
    #[arg(
        long,
        env = "MATRICULA_SCHOOLS",
        value_name = "FILE|FOLDER",
        conflicts_with_all = ["database", "public_url", "sign_on", "new_school"]
    )]
    pub schools: Option<PathBuf>,

    /// Options for log output.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Options for log output.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What to log on standard error: off, error, warn, info, debug or trace, also for a part of the program.
    /// `info,matricula::access=off` leaves out the line for each request.
    #[arg(long, env = "MATRICULA_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub log: String,

    /// The format of the log output.
    #[arg(long, env = "MATRICULA_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// An absolute `http` or `https` URL without a query, at which clients reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    authority: String,
}

impl PublicUrl {
    /// The URL without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host, with the port if the URL has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The origin of the pages of this server.
    #[must_use]
    pub fn origin(&self) -> &str {
        let end = self.url.find("://").map_or(0, |scheme| scheme + 3) + self.authority.len();
        self.url.get(..end).unwrap_or(&self.url)
    }
}

impl FromStr for PublicUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let invalid = BadValue(
            "it must be an absolute URL like https://courses.example.edu, in ASCII, without user, \
            query or fragment (--public-url or MATRICULA_PUBLIC_URL)"
                .to_owned(),
        );
        let Some((uri, authority)) = web_uri(text) else {
            return Err(invalid);
        };
        // The URL is sent in headers.
        if uri.query().is_some() || text.contains('#') || !text.is_ascii() {
            return Err(invalid);
        }
        Ok(Self { url: text.trim_end_matches('/').to_owned(), authority })
    }
}

/// The origin of a site, exactly as browsers send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// The origin as text.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "it was compared with a text of ASCII"
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
            return Err(BadValue(format!("every site could then use the API: list the sites {setting}")));
        }
        let invalid = || BadValue(format!("it must be a site like https://app.example.edu {setting}"));
        let (uri, authority) = web_uri(text).ok_or_else(invalid)?;
        let scheme = uri.scheme_str().ok_or_else(invalid)?;
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let host = authority.strip_suffix(default_port).unwrap_or(&authority).to_ascii_lowercase();
        let sent = format!("{scheme}://{host}");
        if text != sent {
            return Err(BadValue(format!(
                "browsers send this origin as {sent}: write it like that {setting}"
            )));
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| invalid())
    }
}

/// An absolute `http` or `https` URL without a user, and its authority.
fn web_uri(text: &str) -> Option<(Uri, String)> {
    let uri: Uri = text.parse().ok()?;
    let web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    let authority =
        uri.authority().map(Authority::as_str).filter(|authority| !authority.contains('@'))?.to_owned();
    (web && !authority.starts_with(':')).then_some((uri, authority))
}

/// Why the value of a setting is invalid, with the names of the setting.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadValue(String);

fn listen(text: &str) -> Result<String, BadValue> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(BadValue(
            "it must be an address and a port, like 127.0.0.1:8080 or [::1]:8080 (--listen or MATRICULA_LISTEN)"
                .to_owned(),
        )),
    }
}

/// Parses an address, or a network of addresses: `10.0.0.5`, `10.0.0.0/24`, `fd00::/8`.
fn network(text: &str) -> Result<IpNet, BadValue> {
    let address = text.parse::<IpAddr>().map(IpNet::from).ok();
    address.or_else(|| text.parse().ok()).map(canonical).ok_or_else(|| {
        BadValue(
            "it must be an address or a network, like 10.0.0.5 or 10.0.0.0/24 (--trusted-proxy or MATRICULA_TRUSTED_PROXY)"
                .to_owned(),
        )
    })
}

/// As addresses of clients are compared: an IPv4 address is never written as IPv6.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(network) if network.prefix_len() >= 96 => network.addr().to_ipv4_mapped(),
        _ => None,
    };
    let shorter = mapped.and_then(|address| IpNet::new(address.into(), network.prefix_len() - 96).ok());
    shorter.unwrap_or(network)
}

fn filter(text: &str) -> Result<String, BadValue> {
    logging::filter(text)
        .map(|_| text.to_owned())
        .map_err(|why| BadValue(format!("{why} (--log or MATRICULA_LOG)")))
}

/// Parses `yes`, `no` and their usual synonyms.
fn yes_or_no(text: &str) -> Result<bool, BadValue> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(BadValue("it must be yes or no".to_owned())),
    }
}

/// A parser of whole numbers within a range.
pub(crate) fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, BadValue> + Clone
where
    T: FromStr + Copy + PartialOrd + Into<i64>,
{
    move |text| {
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (min, max) = (thousands((*range.start()).into()), thousands((*range.end()).into()));
            BadValue(format!("it must be a whole number from {min} to {max}"))
        })
    }
}

/// Why the server refuses to listen on an address that other machines can reach.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExposureError {
    /// Everyone could change everything.
    #[error(
        "refusing to listen on {0}: other machines can reach it, and nobody has to sign in yet, so everyone could read \
        and change everything. Listen on 127.0.0.1, allow it with --allow-unauthenticated and --public-url, or create \
        a token first: matricula token create --name NAME --role admin"
    )]
    ToEveryone(SocketAddr),
    /// The server would answer requests for any host.
    #[error(
        "refusing to listen on {0}: other machines can reach it, and without a public URL the server cannot protect \
        browsers from DNS rebinding. Give the address that clients use, like --public-url https://courses.example.edu"
    )]
    WithoutName(SocketAddr),
}

/// Checks that the server may listen on these addresses; `closed` is whether everybody has to sign in, or may do without.
///
/// # Errors
/// If an address is not loopback, and `closed` is false or there is no `public_url`.
pub fn check_exposure(
    addresses: &[SocketAddr],
    closed: bool,
    public_url: Option<&PublicUrl>,
) -> Result<(), ExposureError> {
    match addresses.iter().find(|address| !is_loopback(address)) {
        Some(open) if !closed => Err(ExposureError::ToEveryone(*open)),
        Some(open) if public_url.is_none() => Err(ExposureError::WithoutName(*open)),
        _ => Ok(()),
    }
}

/// Whether only this machine can reach the address.
#[must_use]
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
