//! Opens a connection as `sslmode` requires, and checks the server before use.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, SimpleQueryMessage, Socket};

use super::Address;
use super::address::Tls;
use super::error::{is_transient_code, map_error};
use super::tls::connector;
use crate::db::{DbError, Reach};

/// How long connecting may take in all, in addition to each host's own limit.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A setting of our own in the startup packet. If the server does not report it, a pooler has removed it.
const DIRECT: &str = "-c matricula.direct=yes";
/// Reads by key must use an index and nested loops. Until a freshly filled table is analyzed, the server's planner
/// would scan all of it for every result.
const BY_KEY_OPTIONS: &str =
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off";
/// Compiling a statement takes longer than it saves: where a table is not analyzed yet, up to a second for one that takes
/// milliseconds.
const NO_JIT: &str = "-c jit=off";
/// Settings of a server, a database or a role that could change what a statement means or how a value looks, or
/// suppress the warning about a commit that no standby has confirmed.
const SETTINGS: [(&str, &str); 10] = [
    ("standard_conforming_strings", "on"),
    ("transform_null_equals", "off"),
    ("datestyle", "iso"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("client_min_messages", "warning"),
    ("default_transaction_isolation", "read\\ committed"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
];
/// The same settings for one transaction, behind a pooler that accepts no options. Single reads behind a pooler run
/// without them; most do not affect them, and reads are compiled there if the role does not forbid it.
pub(super) const LOCAL_SETTINGS: &str = "set local standard_conforming_strings = on; \
    set local transform_null_equals = off; set local datestyle = 'iso'; set local intervalstyle = 'postgres'; \
    set local bytea_output = 'hex'; set local extra_float_digits = 1; set local client_min_messages = 'warning'; \
    set local jit = off";
/// Statement timeout unless the URL sets another one: that of a request, and that of a list. The client has left by
/// then.
const KEY_TIMEOUT: &str = "-c statement_timeout=30s";
const SCAN_TIMEOUT: &str = "-c statement_timeout=10min";
const SERVER_INFO: &str = "select current_setting('server_version_num'), current_setting('server_version'), \
    current_setting('server_encoding'), coalesce(current_setting('matricula.direct', true), ''), \
    (select count(*) from pg_catalog.pg_collation where collname = 'und-x-icu')";

/// An open connection. A task on the runtime where it was opened drives it until it ends.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) client: Client,
    /// Whether there is a pooler in between, so that each transaction may run on another connection of the server.
    pub(super) behind_pooler: bool,
    /// Set when the server sends a warning: a commit with a warning is not replicated.
    pub(super) warned: Arc<AtomicBool>,
}

/// Connects, for statements of this reach.
///
/// # Errors
/// [`DbError::Unavailable`] for problems that may pass by themselves; others have to be fixed by a person. No message
/// contains the password.
pub(super) async fn connect(address: &Address, reach: Reach) -> Result<OpenConnection, DbError> {
    let mut config = address.config.clone();
    let url_options = config.get_options().map(str::to_owned);
    let by_key = (reach != Reach::Scan).then_some(BY_KEY_OPTIONS);
    let timeout = if matches!(reach, Reach::Key | Reach::Page) { KEY_TIMEOUT } else { SCAN_TIMEOUT };
    let settings = SETTINGS.map(|(name, value)| format!("-c {name}={value}"));
    let options =
        [timeout].into_iter().chain(url_options.as_deref()).chain(settings.iter().map(String::as_str));
    let options = options.chain(by_key).chain([NO_JIT, DIRECT]);
    config.options(options.collect::<Vec<_>>().join(" "));
    let open = match connect_with_timeout(address, &config).await {
        Err(ConnectError::Driver(error)) if rejects_options(&error) => {
            if url_options.is_some() {
                return Err(DbError::Engine(
                    "the pooler does not accept `options`; set them for the role instead (alter role ... set \
                     search_path = ...), or let it ignore them (ignore_startup_parameters)"
                        .to_owned(),
                ));
            }
            connect_with_timeout(address, &address.config).await
        }
        done => done,
    }
    .map_err(ConnectError::into_db_error)?;
    create_views(&open, &address.views).await?;
    Ok(open)
}

/// Creates the temporary views of a connection.
async fn create_views(open: &OpenConnection, views: &str) -> Result<(), DbError> {
    if views.is_empty() {
        return Ok(());
    }
    if open.behind_pooler {
        return Err(DbError::Engine(
            "the tables of this school have names of their own, which needs connections past the pooler, in \
             session mode"
                .to_owned(),
        ));
    }
    // A search path may name the temporary schema last.
    let first = "select set_config('search_path', 'pg_temp, ' || current_setting('search_path'), false)";
    open.client.batch_execute(&format!("{first}; {views}")).await.map_err(map_error)
}

enum ConnectError {
    Driver(Error),
    Db(DbError),
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl From<DbError> for ConnectError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl ConnectError {
    fn into_db_error(self) -> DbError {
        let error = match self {
            Self::Db(error) => return error,
            Self::Driver(error) => error,
        };
        if let Some(answer) = error.as_db_error() {
            let message = answer.message().to_owned();
            return match answer.code().code().as_bytes() {
                _ if is_transient_code(answer.code()) => DbError::Unavailable(message),
                // The role, its password or its database is wrong, here or on the server: somebody has to fix it.
                [b'2', b'8', ..] | [b'3', b'D', ..] | b"42501" => DbError::Unwritable(message),
                _ => DbError::Engine(message),
            };
        }
        let cause = cause(&error);
        if error.to_string().contains("TLS") && !is_broken(&error) {
            return DbError::Engine(format!("no TLS with this server: {cause}"));
        }
        match map_error(error) {
            DbError::Engine(_) => DbError::Engine(cause),
            _ => DbError::Unavailable(cause),
        }
    }
}

/// The message of the innermost cause.
fn cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether the connection itself broke. Certificate errors also appear as I/O errors, but do not count.
fn is_broken(error: &Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()))
}

fn rejects_options(error: &Error) -> bool {
    error.as_db_error().is_some_and(|answer| answer.message().contains("unsupported startup parameter"))
}

async fn connect_with_timeout(address: &Address, config: &Config) -> Result<OpenConnection, ConnectError> {
    let time = HANDSHAKE_TIMEOUT + config.get_connect_timeout().copied().unwrap_or_default();
    let connecting = connect_with_mode(address, config);
    tokio::time::timeout(time, connecting)
        .await
        .unwrap_or_else(|_| Err(DbError::Unavailable("it does not answer".to_owned()).into()))
}

async fn connect_with_mode(address: &Address, config: &Config) -> Result<OpenConnection, ConnectError> {
    let tls = || connector(&address.tls);
    match address.tls {
        Tls::Disable => open(config, SslMode::Disable, NoTls).await,
        Tls::Allow => match open(config, SslMode::Disable, NoTls).await {
            Err(ConnectError::Driver(error)) if error.as_db_error().is_some() && !rejects_options(&error) => {
                open(config, SslMode::Require, tls()?).await
            }
            done => done,
        },
        Tls::Prefer => match open(config, SslMode::Prefer, tls()?).await {
            Err(ConnectError::Driver(error)) if error.as_db_error().is_none() && !is_broken(&error) => {
                open(config, SslMode::Disable, NoTls).await
            }
            done => done,
        },
        Tls::Require | Tls::VerifyCa(_) | Tls::VerifyFull(_) => open(config, SslMode::Require, tls()?).await,
    }
}

async fn open<T>(config: &Config, mode: SslMode, tls: T) -> Result<OpenConnection, ConnectError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let mut config = config.clone();
    let (client, connection) = config.ssl_mode(mode).connect(tls).await?;
    let warned = Arc::<AtomicBool>::default();
    tokio::spawn(drive(connection, Arc::clone(&warned)));
    let behind_pooler = check_server(&client).await?;
    Ok(OpenConnection { client, behind_pooler, warned })
}

/// Drives the connection until it ends; its users then get an error. Notices of the server are not logged, since they
/// may contain values.
async fn drive<S, T>(mut connection: Connection<S, T>, warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.parsed_severity() == Some(tokio_postgres::error::Severity::Warning)
        {
            warned.store(true, Ordering::Relaxed);
        }
    }
}

/// Checks that the server can be used; returns whether there is a pooler in between.
async fn check_server(client: &Client) -> Result<bool, ConnectError> {
    let answers = client.simple_query(SERVER_INFO).await?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let unusable = |what: String| ConnectError::Db(DbError::Engine(what));
    let row = row.ok_or_else(|| unusable("the server does not report its version".to_owned()))?;
    let field = |column: usize| row.get(column).unwrap_or_default();
    if field(0).parse::<u32>().is_ok_and(|version| version < 150_000) {
        return Err(unusable(format!("the server is PostgreSQL {}; 15 or newer is needed", field(1))));
    }
    if field(2) != "UTF8" {
        return Err(unusable(format!("the database's encoding is {}; UTF8 is needed", field(2))));
    }
    if field(4) == "0" {
        return Err(unusable(
            "the server was built without ICU, which case-insensitive search needs".to_owned(),
        ));
    }
    Ok(field(3) != "yes")
}
