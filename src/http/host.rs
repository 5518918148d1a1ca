//! Which host a request was addressed to: its `Host` header, and the authority in its first line, if there is one.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::Version;
use axum::http::header::HOST;
use axum::http::uri::Authority;

use super::system;
use crate::config::PublicUrl;

/// The hosts that the server answers to.
#[derive(Clone, Debug)]
pub struct Hosts {
    loopback: bool,
    public: Option<String>,
}

/// Why a request is refused for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// No host, several, or one that is not valid.
    Invalid,
    /// The host of another server.
    Foreign,
}

impl Hosts {
    /// The host of the public URL, and the names of loopback if `loopback`. Monitoring may use an IP address instead,
    /// since health checks do.
    #[must_use]
    pub fn new(loopback: bool, public_url: Option<&PublicUrl>) -> Self {
        let public = public_url.and_then(|url| host_of(url.authority().as_bytes())).map(str::to_owned);
        Self { loopback, public }
    }

    /// Checks that a request is for this server.
    ///
    /// # Errors
    /// If the host is missing, invalid or another one.
    pub fn check(&self, request: &Request) -> Result<(), HostError> {
        let mut lines = request.headers().get_all(HOST).iter();
        let is_health = system::is_health(request.uri().path());
        match (lines.next(), lines.next()) {
            (Some(line), None) => self.check_authority(line.as_bytes(), is_health)?,
            // HTTP/1.0 has no Host, and no browser uses HTTP/1.0.
            (None, _) if request.version() <= Version::HTTP_10 => {}
            _ => return Err(HostError::Invalid),
        }
        let target = request.uri().authority().map(Authority::as_str);
        target.map_or(Ok(()), |target| self.check_authority(target.as_bytes(), is_health))
    }

    /// Whether a request names the public host, which other machines reach, and no other one.
    #[must_use]
    pub fn is_public(&self, request: &Request) -> bool {
        let line = request.headers().get(HOST).and_then(|line| host_of(line.as_bytes()));
        let target = request.uri().authority().and_then(|target| host_of(target.as_str().as_bytes()));
        let is_public = |host| self.public.as_ref().is_some_and(|public| is_same_host(public, host));
        let mut hosts = line.into_iter().chain(target).peekable();
        hosts.peek().is_some() && hosts.all(|host| is_public(host) && !is_loopback(host))
    }

    fn check_authority(&self, authority: &[u8], is_health: bool) -> Result<(), HostError> {
        let host = host_of(authority).ok_or(HostError::Invalid)?;
        let public = || self.public.as_ref().is_some_and(|public| is_same_host(public, host));
        let own = || is_loopback(host) && (self.loopback || is_health);
        // DNS rebinding needs a name, so an IP address is safe.
        let address = || !self.loopback && is_health && host.parse::<IpAddr>().is_ok();
        if own() || public() || address() { Ok(()) } else { Err(HostError::Foreign) }
    }
}

/// The [`canonical`] host that a request names; `None` if it names none, or several.
#[must_use]
pub fn named_host(request: &Request) -> Option<String> {
    let mut lines = request.headers().get_all(HOST).iter();
    let authority = match (lines.next(), lines.next()) {
        (Some(line), None) => line.as_bytes(),
        (None, _) => request.uri().authority()?.as_str().as_bytes(),
        _ => return None,
    };
    host_of(authority).map(canonical)
}

/// The host in lower case, and an IP address as it is usually written: an IPv6 address can be written in many ways.
#[must_use]
pub fn canonical(host: &str) -> String {
    host.parse::<IpAddr>().map_or_else(|_| host.to_ascii_lowercase(), |address| address.to_string())
}

/// The host of `host[:port]`, without the final dot of a fully qualified name or the brackets of an IPv6 address.
#[must_use]
pub fn host_of(authority: &[u8]) -> Option<&str> {
    let text = str::from_utf8(authority).ok()?;
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, rest)
    } else {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let host = host.strip_suffix('.').unwrap_or(host);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        (!host.is_empty() && host.bytes().all(plain)).then_some((host, port))?
    };
    // `localhost:` without a number means the default port (RFC 3986).
    let number = port.strip_prefix(':').unwrap_or(port);
    let fits = number.is_empty()
        || number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u16>().is_ok();
    (fits && (port.is_empty() || port.starts_with(':'))).then_some(host)
}

/// Whether two hosts are the same. An IPv6 address can be written in many ways, and browsers send only one of them.
fn is_same_host(one: &str, other: &str) -> bool {
    let as_address = || Some(one.parse::<IpAddr>().ok()? == other.parse::<IpAddr>().ok()?);
    one.eq_ignore_ascii_case(other) || as_address().unwrap_or(false)
}

/// Whether a host can only be this machine: RFC 6761 reserves `localhost` and all names below it.
fn is_loopback(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use proptest::prelude::*;

    use super::*;

    fn ask(hosts: &Hosts, target: &str, host: &[&str]) -> Result<(), HostError> {
        let request =
            host.iter().fold(Request::builder().uri(target), |request, host| request.header(HOST, *host));
        hosts.check(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn on_loopback_every_name_of_this_machine_is_accepted() {
        let hosts = Hosts::new(true, None);
        for host in [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "localhost.:80",
            "localhost:",
            "school.localhost:3000",
            "127.0.0.1",
            "127.8.9.10:1",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(ask(&hosts, "/", &[host]), Ok(()), "{host}");
            assert_eq!(
                ask(&hosts, &format!("http://{host}/"), &["localhost"]),
                Ok(()),
                "{host} in the first line"
            );
        }
    }

    #[test]
    fn on_loopback_every_other_name_is_refused() {
        let hosts = Hosts::new(true, None);
        for host in [
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::2]:80",
        ] {
            assert_eq!(ask(&hosts, "/", &[host]), Err(HostError::Foreign), "{host}");
            let absolute = format!("http://{host}/");
            assert_eq!(
                ask(&hosts, &absolute, &["localhost"]),
                Err(HostError::Foreign),
                "{host} in the first line"
            );
        }
    }

    #[test]
    fn every_server_requires_exactly_one_valid_host() {
        for hosts in [Hosts::new(true, None), Hosts::new(false, None)] {
            for host in [
                &[][..],
                &["localhost", "localhost"],
                &[""],
                &["."],
                &[":80"],
                &["a b"],
                &["user@localhost"],
                &["localhost:80x"],
                &["localhost:65536"],
                &["localhost:+1"],
                &["[::1"],
                &["[localhost]"],
                &["[::1]80"],
                &["localhost/"],
            ] {
                assert_eq!(ask(&hosts, "/", host), Err(HostError::Invalid), "{host:?}");
            }
        }
    }

    #[test]
    fn off_loopback_the_public_host_is_accepted_and_ip_addresses_only_for_monitoring() {
        let url = "https://courses.example.edu".parse().unwrap();
        let hosts = Hosts::new(false, Some(&url));
        assert_eq!(ask(&hosts, "/", &["courses.example.edu:8080"]), Ok(()));
        for host in ["10.0.0.5:8080", "[2001:db8::1]", "localhost", "127.0.0.1:80"] {
            assert_eq!(ask(&hosts, "/healthz", &[host]), Ok(()), "{host}");
            assert_eq!(ask(&hosts, "/healthy", &[host]), Err(HostError::Foreign), "{host}");
            let absolute = format!("http://{host}/students");
            assert_eq!(ask(&hosts, &absolute, &["courses.example.edu"]), Err(HostError::Foreign), "{host}");
        }
        for path in ["/", "/healthz"] {
            assert_eq!(ask(&hosts, path, &["evil.example"]), Err(HostError::Foreign));
            assert_eq!(
                ask(&Hosts::new(false, None), path, &["courses.example.edu"]),
                Err(HostError::Foreign)
            );
        }
    }

    #[test]
    fn a_public_ip_address_is_accepted_in_every_notation() {
        let url = "http://[2001:DB8:0:0::1]:8080".parse().unwrap();
        let hosts = Hosts::new(false, Some(&url));
        assert_eq!(ask(&hosts, "/", &["[2001:db8::1]:8080"]), Ok(()));
        assert_eq!(ask(&hosts, "/", &["[2001:db8::2]:8080"]), Err(HostError::Foreign));
    }

    #[test]
    fn the_same_host_has_one_name() {
        let named =
            |host: &str| named_host(&Request::builder().header(HOST, host).body(Body::empty()).unwrap());
        assert_eq!(named("Lyon.example.edu.:443").as_deref(), Some("lyon.example.edu"));
        assert_eq!(named("[2001:DB8:0:0::1]:80"), named("[2001:db8::1]"));
        assert_eq!(named("ana@lyon.example.edu"), None);
    }

    #[test]
    fn only_http_1_0_needs_no_host() {
        let ask = |version| {
            let request = Request::builder().uri("/").version(version).body(Body::empty()).unwrap();
            Hosts::new(true, None).check(&request)
        };
        assert_eq!(ask(Version::HTTP_10), Ok(()));
        assert_eq!(ask(Version::HTTP_11), Err(HostError::Invalid));
    }

    #[test]
    fn only_a_host_that_other_machines_reach_is_public() {
        let is_public = |public: &str, target: &str, host: &[&str]| {
            let request =
                host.iter().fold(Request::builder().uri(target), |all, host| all.header(HOST, *host));
            let hosts = Hosts::new(true, Some(&public.parse().unwrap()));
            hosts.is_public(&request.body(Body::empty()).unwrap())
        };
        let url = "https://courses.example.edu";
        assert!(is_public(url, "/", &["courses.example.edu:8443"]));
        assert!(!is_public(url, "/", &["localhost"]) && !is_public(url, "/", &[]));
        assert!(!is_public(url, "https://localhost/", &["courses.example.edu"]));
        assert!(!is_public("https://localhost:8443", "/", &["localhost:8443"]));
    }

    #[test]
    fn the_public_host_is_accepted_on_loopback_too() {
        let url = "https://courses.example.edu:8443/x".parse().unwrap();
        let hosts = Hosts::new(true, Some(&url));
        assert_eq!(ask(&hosts, "/", &["Courses.example.edu"]), Ok(()));
        assert_eq!(ask(&hosts, "/", &["other.example.edu"]), Err(HostError::Foreign));
    }

    proptest! {
        #[test]
        fn a_host_is_a_part_of_the_authority(authority in "[\\[\\]:.a-z0-9@/-]{0,20}") {
            if let Some(host) = host_of(authority.as_bytes()) {
                prop_assert!(!host.is_empty() && authority.contains(host));
            }
        }
    }
}
