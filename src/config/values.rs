//! The values of settings, and why one is invalid.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::http::HeaderValue;
use axum::http::uri::{Authority, Scheme, Uri};
use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use ipnet::IpNet;
use thiserror::Error;

use crate::count::thousands;
use crate::db::Location;
use crate::logging;

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

/// The base URL of a collector of traces, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(String);

impl Collector {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Collector {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let plain = web_uri(text).filter(|(uri, _)| uri.query().is_none() && !text.contains('#'));
        let invalid = "it must be a URL like http://127.0.0.1:4318, without user, query or fragment; /v1/traces is added \
                       (--otlp-endpoint or MATRICULA_OTLP_ENDPOINT)";
        plain.map(|_| Self(text.trim_end_matches('/').to_owned())).ok_or_else(|| BadValue(invalid.to_owned()))
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

pub(super) fn listen(text: &str) -> Result<String, BadValue> {
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
pub(super) fn network(text: &str) -> Result<IpNet, BadValue> {
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

pub(super) fn filter(text: &str) -> Result<String, BadValue> {
    logging::filter(text)
        .map(|_| text.to_owned())
        .map_err(|why| BadValue(format!("{why} (--log or MATRICULA_LOG)")))
}

/// Parses `yes`, `no` and their usual synonyms.
pub(super) fn yes_or_no(text: &str) -> Result<bool, BadValue> {
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

/// Parses the location of a database. clap's own error would repeat the value, and its password.
#[derive(Clone, Copy, Debug)]
pub(super) struct DatabaseParser;

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
