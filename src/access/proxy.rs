//! A proxy that signs people in (Shibboleth, oauth2-proxy, Apache) and names them in a header.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use thiserror::Error;

/// The provider under which people of the proxy are stored.
pub const PROXY: &str = "proxy";

/// The header with the user’s name, and the proxies that are believed.
#[derive(Clone, Debug)]
pub struct TrustedProxy {
    header: HeaderName,
    networks: Vec<IpNet>,
}

/// Why it is not clear who has signed in at the proxy.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UnclearUser {
    /// One of the names may be the client’s own, which the proxy has failed to remove.
    #[error("The proxy has named more than one user.")]
    Several,
    /// It is no text, or too long.
    #[error("The proxy has sent something that is no user name.")]
    NoName,
}

/// Why a header cannot name the user.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TrustError {
    /// Clients send it themselves.
    #[error("--trust-user-header {0}: programs and browsers send this header themselves")]
    Ordinary(String),
    /// Nobody is believed.
    #[error("--trust-user-header needs --trusted-proxy: the addresses of the proxies that are believed")]
    NoProxies,
    /// Nothing is believed.
    #[error("--trusted-proxy needs --trust-user-header: the name of the header with the user’s name")]
    NoHeader,
}

impl TrustedProxy {
    /// Believes this header from these proxies; `None` if neither is given.
    ///
    /// # Errors
    /// When only one of them is given, or the header is one that clients send.
    pub fn new(header: Option<HeaderName>, networks: Vec<IpNet>) -> Result<Option<Self>, TrustError> {
        match header {
            None if networks.is_empty() => Ok(None),
            None => Err(TrustError::NoHeader),
            Some(_) if networks.is_empty() => Err(TrustError::NoProxies),
            Some(header) if is_ordinary(&header) => Err(TrustError::Ordinary(header.to_string())),
            Some(header) => Ok(Some(Self { header, networks })),
        }
    }

    /// The user’s name in a request from this address; `None` if nobody has signed in at the proxy. The header of anybody
    /// else is nothing but a claim.
    ///
    /// # Errors
    /// When a proxy sends something that is no name.
    pub fn user(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Option<String>, UnclearUser> {
        let peer = peer.map(|peer| peer.to_canonical());
        if !peer.is_some_and(|peer| self.networks.iter().any(|network| network.contains(&peer))) {
            return Ok(None);
        }
        let mut values = headers.get_all(&self.header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(UnclearUser::Several);
        }
        let name = str::from_utf8(value.as_bytes()).ok().map(str::trim);
        match name {
            Some("") => Ok(None),
            Some(name) if name.len() <= 255 && !name.chars().any(char::is_control) => {
                Ok(Some(name.to_owned()))
            }
            _ => Err(UnclearUser::NoName),
        }
    }
}

/// Headers that mean something else already.
fn is_ordinary(header: &HeaderName) -> bool {
    let name = header.as_str();
    let prefixes =
        ["accept", "access-control-", "content-", "if-", "sec-", "x-forwarded-for", "x-forwarded-host"];
    let names = [
        "authorization",
        "connection",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "origin",
        "referer",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-real-ip",
        "x-request-id",
    ];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{TrustError, TrustedProxy, UnclearUser};

    fn proxy(networks: &[&str]) -> TrustedProxy {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        TrustedProxy::new(Some(HeaderName::from_static("x-remote-user")), networks).unwrap().unwrap()
    }

    fn user(proxy: &TrustedProxy, peer: &str, values: &[&[u8]]) -> Result<Option<String>, UnclearUser> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("X-Remote-User", HeaderValue::from_bytes(value).unwrap());
        }
        proxy.user(Some(peer.parse().unwrap()), &headers)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxy = proxy(&["10.1.0.0/16", "192.0.2.7/32", "fd00::/8"]);
        for trusted in ["10.1.2.3", "192.0.2.7", "fd00::9", "::ffff:192.0.2.7"] {
            assert_eq!(user(&proxy, trusted, &[b"ada"]), Ok(Some("ada".to_owned())), "{trusted}");
        }
        for other in ["10.2.0.1", "192.0.2.8", "127.0.0.1", "::1", "fe80::1"] {
            assert_eq!(user(&proxy, other, &[b"ada"]), Ok(None), "{other}");
        }
        assert!(proxy.user(None, &HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn one_name_and_nothing_else() {
        let proxy = proxy(&["10.0.0.1/32"]);
        assert_eq!(user(&proxy, "10.0.0.1", &[]), Ok(None));
        assert_eq!(user(&proxy, "10.0.0.1", &[b" "]), Ok(None));
        assert_eq!(user(&proxy, "10.0.0.1", &["zoë".as_bytes()]), Ok(Some("zoë".to_owned())));
        assert!(user(&proxy, "10.0.0.1", &[b"ada", b"ruth"]).is_err());
        assert!(user(&proxy, "10.0.0.1", &[b"\xff"]).is_err());
        assert!(user(&proxy, "10.0.0.1", &[&[b'a'; 256]]).is_err());
    }

    #[test]
    fn the_header_and_the_proxies_belong_together() {
        let header = || Some(HeaderName::from_static("x-remote-user"));
        let networks = || vec!["10.0.0.1/32".parse().unwrap()];
        assert!(TrustedProxy::new(None, Vec::new()).unwrap().is_none());
        assert_eq!(TrustedProxy::new(header(), Vec::new()).unwrap_err(), TrustError::NoProxies);
        assert_eq!(TrustedProxy::new(None, networks()).unwrap_err(), TrustError::NoHeader);
        let cookie = TrustedProxy::new(Some(HeaderName::from_static("cookie")), networks()).unwrap_err();
        assert_eq!(cookie, TrustError::Ordinary("cookie".to_owned()));
    }
}
