//! All settings with their flags, environment variables and defaults. A flag takes precedence over the environment,
//! the environment over the settings file, and the file over the default. An empty variable counts as not set.

mod exposure;
mod file;
mod line;
mod values;

use std::path::PathBuf;

use axum::http::HeaderName;
use clap::Args;
use ipnet::IpNet;

pub use self::exposure::{ExposureError, Front, check_exposure, check_front, is_loopback};
pub use self::line::parse;
pub(crate) use self::values::whole_number;
pub use self::values::{BadValue, Collector, Origin, PublicUrl};
use self::values::{DatabaseParser, filter, listen, network, yes_or_no};
use crate::db::Location;
use crate::logging::LogFormat;
use crate::shares::DEFAULT_SHARE;

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

    /// A file with settings: TOML with the names of the flags of `serve`, like listen = "0.0.0.0:8443". A flag or a
    /// variable takes precedence over it [default: none]
    #[arg(long, env = "MATRICULA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A database to compare with.
#[derive(Args, Clone, Debug)]
pub struct AgainstArgs {
    /// Also compare with an earlier state of the database, such as a backup: nothing in its log may be missing here
    #[arg(long, value_name = "FILE|URL", value_parser = DatabaseParser)]
    pub against: Option<Location>,
}

/// The list of schools, for commands that are about all of them.
#[derive(Args, Clone, Debug, Default)]
pub struct SchoolsArgs {
    /// The file or the folder that lists the schools, as for `serve`
    #[arg(long, env = "MATRICULA_SCHOOLS", value_name = "FILE|FOLDER")]
    pub schools: Option<PathBuf>,
}

/// The start of links to the server, for commands that print one.
#[derive(Args, Clone, Debug)]
pub struct LinkArgs {
    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// The address at which people reach the server, for the link [default: http://127.0.0.1:8080]
    #[arg(long, env = "MATRICULA_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
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

    /// The server's own TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

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

    /// Only read: for a PostgreSQL database that cannot be written to, such as a standby. Changes are refused, and nobody
    /// signs in. The database has to be migrated already.
    #[arg(long, env = "MATRICULA_READ_ONLY", value_parser = yes_or_no)]
    pub read_only: bool,

    #[expect(clippy::doc_markdown, reason = "the help is read on a terminal")]
    /// Send traces of requests to this collector of OpenTelemetry (OTLP over HTTP), like http://127.0.0.1:4318. They contain
    /// nothing about a person [default: none]
    #[arg(long, env = "MATRICULA_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<Collector>,

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

/// Options for TLS without a proxy.
#[derive(Args, Clone, Debug)]
pub struct TlsArgs {
    /// A file with the certificate of the server, in PEM, followed by those that sign it. The server then speaks TLS only,
    /// and serves a renewed certificate without a restart. Needs --tls-key.
    #[arg(long, env = "MATRICULA_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// A file with the private key of the certificate, in PEM, without a passphrase. Other users of the machine may have
    /// no right to it.
    #[arg(long, env = "MATRICULA_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
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
