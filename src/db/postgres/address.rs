use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long one host may take to answer, unless the URL sets another limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be idle before the server is probed.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long sent data may stay unacknowledged: an unreachable server must not hold up a batch for minutes.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(15);

/// A server and how to connect to it, from a URL in libpq's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::db) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// Statements that every connection runs first, and that create its temporary views.
    pub(super) views: Arc<str>,
    /// What stands for views in each statement: names, and their statements.
    pub(super) definitions: Arc<[(&'static str, String)]>,
}

/// `sslmode`, as libpq defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Never use TLS.
    Disable,
    /// Only if the server requires it.
    Allow,
    /// If the server supports it.
    Prefer,
    /// Always, without checking the certificate.
    Require,
    /// Always, with a certificate signed by these roots.
    VerifyCa(Roots),
    /// As `VerifyCa`, and the certificate must name the host.
    VerifyFull(Roots),
}

/// The trusted root certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    System,
    File(PathBuf),
}

impl Address {
    /// The same address, for connections with these temporary views.
    pub(in crate::db) fn with_views(self, views: &str) -> Self {
        Self { views: views.into(), ..self }
    }

    /// The same address, for connections that can have no views.
    pub(in crate::db) fn with_definitions(self, definitions: &[(&'static str, String)]) -> Self {
        Self { definitions: definitions.into(), ..self }
    }

    /// Parses a URL. The error says what is wrong with it, without the password.
    pub(in crate::db) fn parse(url: &str) -> Result<Self, String> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        // An @ in a password that is not encoded would move part of the password into the host, which is shown.
        let authority = place.split_once("://").map_or(place, |(_, authority)| authority);
        if authority.matches('@').count() > 1
            || authority.split_once('/').is_some_and(|(_, path)| path.contains('@'))
        {
            return Err(
                "the database URL has an @ or a / where none can be: in a password write %40 and %2F"
                    .to_owned(),
            );
        }
        let (mut mode, mut roots, mut schema, mut rest) = (None, None, None, String::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            // In this kind of URL a plus is not a space.
            let decoded = pair.replace('+', "%2B");
            #[expect(clippy::expect_used, reason = "it is not empty, and was split at every &")]
            let (name, value) = form_urlencoded::parse(decoded.as_bytes()).next().expect("one pair");
            match &*name {
                // Prisma's name for it.
                "schema" => schema = Some(search_path(&value)),
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => roots = Some(value.into_owned()),
                "sslcert" | "sslkey" | "sslpassword" | "sslcrl" | "passfile" | "service" | "gssencmode" => {
                    return Err(format!(
                        "the database URL has the option `{name}`, which matricula does not support"
                    ));
                }
                // These set other programs' connection pools; ignored.
                "connection_limit" | "pool_timeout" | "pgbouncer" | "statement_cache_size" => {}
                _ => {
                    rest.push(if rest.is_empty() { '?' } else { '&' });
                    rest.push_str(pair);
                }
            }
        }
        let mut config: Config =
            format!("{place}{rest}").parse().map_err(|error: tokio_postgres::Error| {
                let cause =
                    std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("the database URL cannot be understood{cause}")
            })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the database URL names no host".to_owned());
        }
        if let Some(schema) = schema {
            let options: Vec<_> = config.get_options().into_iter().chain([schema.as_str()]).collect();
            config.options(options.join(" "));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("matricula");
        }
        config.keepalives_idle(KEEPALIVE).tcp_user_timeout(UNACKNOWLEDGED_TIMEOUT);
        Ok(Self { config, tls: tls(mode.as_deref(), roots)?, views: "".into(), definitions: [].into() })
    }
}

/// The option that makes a schema the only one for new tables and for lookups. A blank would end the option, so it is
/// escaped.
fn search_path(schema: &str) -> String {
    let quoted = schema.replace('"', "\"\"").replace('\\', r"\\").replace(' ', r"\ ");
    format!("-c search_path=\"{quoted}\"")
}

fn tls(mode: Option<&str>, roots: Option<String>) -> Result<Tls, String> {
    let system = roots.as_deref() == Some("system");
    let has_roots = roots.is_some();
    let roots = match roots {
        Some(file) if !system => Roots::File(file.into()),
        _ => Roots::System,
    };
    Ok(match mode {
        Some("verify-full") => Tls::VerifyFull(roots),
        None if system => Tls::VerifyFull(roots),
        // As libpq does: a weaker check is not enough with the system's roots, since anybody can get a certificate
        // from one of them.
        Some(weaker) if system => {
            return Err(format!(
                "sslmode={weaker} is weaker than sslrootcert=system allows: use verify-full"
            ));
        }
        Some("verify-ca") => Tls::VerifyCa(roots),
        Some("require") if has_roots => Tls::VerifyCa(roots),
        Some("require") => Tls::Require,
        Some("prefer") | None => Tls::Prefer,
        Some("allow") => Tls::Allow,
        Some("disable") => Tls::Disable,
        Some(other) => {
            return Err(format!(
                "sslmode={other} is not one of disable, allow, prefer, require, verify-ca, verify-full"
            ));
        }
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        let ports = self.config.get_ports();
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            if number > 0 {
                f.write_char(',')?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(folder) => write!(f, "{}", folder.display())?,
            }
            if let Some(port) = ports.get(number).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(query: &str) -> Result<Tls, String> {
        Address::parse(&format!("postgres://ana@db.example.edu/school{query}")).map(|address| address.tls)
    }

    #[test]
    fn sslmode_means_the_same_as_in_libpq() {
        let file = || Roots::File("/etc/ca+1.pem".into());
        assert_eq!(mode(""), Ok(Tls::Prefer));
        assert_eq!(mode("?sslmode=disable"), Ok(Tls::Disable));
        assert_eq!(mode("?sslmode=allow"), Ok(Tls::Allow));
        assert_eq!(mode("?sslmode=require"), Ok(Tls::Require));
        assert_eq!(mode("?sslmode=require&sslrootcert=/etc/ca+1.pem"), Ok(Tls::VerifyCa(file())));
        assert_eq!(mode("?sslrootcert=%2Fetc%2Fca%2b1.pem&sslmode=verify-full"), Ok(Tls::VerifyFull(file())));
        assert_eq!(mode("?sslmode=verify-ca"), Ok(Tls::VerifyCa(Roots::System)));
        assert_eq!(mode("?sslrootcert=system"), Ok(Tls::VerifyFull(Roots::System)));
        assert!(mode("?sslrootcert=system&sslmode=require").unwrap_err().contains("weaker"));
        assert!(mode("?sslmode=yes").unwrap_err().contains("verify-full"));
    }

    #[test]
    fn the_driver_gets_the_rest_of_the_url() {
        let address = Address::parse(
            "postgresql://ana:s%40cret@one,two:5433/school?options=-csearch_path%3Dmine&sslmode=disable&target_session_attrs=read-write",
        )
        .unwrap();
        assert_eq!(address.config.get_password(), Some(&b"s@cret"[..]));
        assert_eq!(address.config.get_options(), Some("-csearch_path=mine"));
        assert_eq!(address.config.get_hosts().len(), 2);
        assert_eq!(address.config.get_application_name(), Some("matricula"));
    }

    #[test]
    fn a_schema_sets_the_search_path_and_pool_options_are_ignored() {
        let options = |query: &str| {
            let address = Address::parse(&format!("postgres://ana@db/school{query}")).unwrap();
            address.config.get_options().map(str::to_owned)
        };
        assert_eq!(options("?connection_limit=5&pgbouncer=true"), None);
        assert_eq!(options("?schema=mine").unwrap(), "-c search_path=\"mine\"");
        assert_eq!(
            options("?options=-cx.y%3D1&schema=Our%20%22old%22%5Cnew").unwrap(),
            r#"-cx.y=1 -c search_path="Our\ ""old""\\new""#
        );
    }

    #[test]
    fn the_displayed_address_has_no_password() {
        let shown = Address::parse("postgres://ana:secret@db:5433/school?options=-cx.y%3Dsecret").unwrap();
        assert_eq!(shown.to_string(), "postgres://ana@db:5433/school");
        assert_eq!(
            Address::parse("postgres://ana@%2Ftmp%2Fpg/school").unwrap().to_string(),
            "postgres://ana@/tmp/pg:5432/school"
        );
    }

    #[test]
    fn errors_do_not_contain_the_password() {
        for (url, reason) in [
            ("postgres://ana:secret@db:port/school", "cannot be understood"),
            ("postgres://ana:secret@db/school?colour=red", "colour"),
            ("postgres://ana:secret@db/school?sslcert=me.pem", "`sslcert`"),
            ("postgres:///school", "names no host"),
            ("postgres://ana:p@secret@db/school", "%40"),
            ("postgres://ana:1/secret@db/school", "%2F"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secret"), "{error}");
        }
    }
}
