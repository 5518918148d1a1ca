//! The HTTP server: listening, the accept loop, and a timeout for every stage of a connection.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::connections::{Connection, Connections, RESERVED_CONNECTIONS};
use super::held_body::HeldBody;
use super::socket::Socket;
use super::tls::{Accepted, Tls};
use super::transport::Transport;
use crate::shares::DEFAULT_SHARE;

/// Maximum size of a request head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// File descriptors that are not for connections: mostly for the database files.
const RESERVED_DESCRIPTORS: usize = 128;

/// How long to wait after a failed accept. The usual reason, no free descriptor, is gone once a client leaves.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Why the server cannot listen.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot listen on {listen}: {reason}")]
pub struct BindError {
    listen: String,
    reason: String,
}

/// Timeouts and limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Timeout for the whole head of a request, and so for an idle connection; also for the handshake of TLS.
    pub head: Duration,
    /// Timeout for a client that does not read its response.
    pub stall: Duration,
    /// Timeout for the requests in flight when the server stops.
    pub finish: Duration,
    /// Maximum number of connections; further clients get an error.
    pub connections: usize,
    /// The share of one client in percent: of connections, and of everything else that clients share.
    pub share: u8,
    /// How long a connection may be idle when connections run low.
    pub idle: Duration,
    /// Memory for long request heads and for large responses that clients have not read, in bytes.
    pub memory: usize,
}

/// 256 MiB: a hundred of the longest lists that most schools have.
const MEMORY: usize = 256 * 1024 * 1024;

/// Timeout for a request head on a connection beyond the limit: there are few of those connections.
const OVER_LIMIT_HEAD_TIMEOUT: Duration = Duration::from_secs(1);

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            finish: Duration::from_secs(10),
            connections: 10_000,
            share: DEFAULT_SHARE,
            idle: Duration::from_secs(1),
            memory: MEMORY,
        }
    }
}

/// A server that listens but does not accept connections yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    bounds: Bounds,
    tls: Option<Tls>,
}

/// Marks a request that came without TLS to a server that speaks TLS. It is refused.
#[derive(Clone, Copy, Debug)]
pub struct WithoutTls;

/// Resolves `listen` (`host:port`) to addresses.
///
/// # Errors
/// If `listen` does not have that form, or the name cannot be resolved.
pub async fn resolve(listen: &str) -> Result<Vec<SocketAddr>, BindError> {
    let refused = |reason: String| BindError { listen: listen.to_owned(), reason };
    let found = tokio::net::lookup_host(listen).await.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            refused("it must be an address and a port, like 127.0.0.1:8080".to_owned())
        }
        _ => refused(format!("no address was found for the name ({error})")),
    })?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(refused("no address was found for the name".to_owned())) } else { Ok(found) }
}

impl Server {
    /// Listens on the first of `addresses` that is available.
    ///
    /// # Errors
    /// If none of them is available.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let listen = addresses.first().map_or_else(String::new, SocketAddr::to_string);
        let refused = |error: io::Error| {
            let reason = match error.kind() {
                ErrorKind::AddrInUse => "another program already listens there".to_owned(),
                ErrorKind::PermissionDenied => {
                    "permission denied (ports below 1024 need privileges)".to_owned()
                }
                ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
                _ => error.to_string(),
            };
            BindError { listen: listen.clone(), reason }
        };
        let listener = TcpListener::bind(addresses).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, bounds: Bounds::default(), tls: None })
    }

    /// The address of the server, with the actual port if port 0 was requested.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The same server with other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The same server, which speaks TLS if there is any.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Serves until `shutdown` completes, then waits for the requests in flight, up to `Bounds::finish`.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let max = max_descriptors().saturating_sub(RESERVED_DESCRIPTORS + RESERVED_CONNECTIONS);
        let max = self.bounds.connections.min(max).max(1);
        let connections = Connections::new(max, self.bounds.share, self.bounds.idle, self.bounds.memory);
        let (stop, stopped) = watch::channel(());
        // Every connection holds a sender; `recv` returns once all of them are dropped.
        let (open, mut ended) = mpsc::channel::<()>(1);
        let service = TowerToHyperService::new(router);
        let mut shutdown = pin!(shutdown);
        let watching = self.tls.clone().map(|tls| tokio::spawn(async move { tls.watch().await }));
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener) => accepted,
            };
            // Without even a reserved connection, the socket is dropped and thereby closed.
            let Some(connection) = connections.admit(peer.ip()) else { continue };
            let (service, mut stopped, bounds) = (service.clone(), stopped.clone(), self.bounds);
            let (open, tls) = (open.clone(), self.tls.clone());
            tokio::spawn(async move {
                if let Some(stream) = prepare(stream, &connection, tls, bounds, &mut stopped).await {
                    serve_connection(stream, connection, service, stopped, bounds).await;
                }
                drop(open);
            });
        }
        if let Some(watching) = watching {
            watching.abort();
        }
        drop((self.listener, open));
        // The first message asks connections to finish. Dropping `stop` makes them give up.
        _ = stop.send(());
        if tokio::time::timeout(self.bounds.finish, ended.recv()).await.is_err() {
            tracing::warn!(connections = connections.count(), "stopped before every request was answered");
        }
    }
}

/// Accepts the next client; retries after errors.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client left before it was accepted: nothing to report.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// A connection on which requests can be read.
struct Prepared {
    transport: Transport,
    peer: Option<SocketAddr>,
    /// The server speaks TLS, and the client does not.
    lacks_tls: bool,
}

/// Shakes hands if there is TLS; `None` if the connection has to be closed instead.
async fn prepare(
    stream: TcpStream,
    connection: &Connection,
    tls: Option<Tls>,
    bounds: Bounds,
    stopped: &mut watch::Receiver<()>,
) -> Option<Prepared> {
    // Otherwise the second small write of a response waits for the client's acknowledgement (Nagle's algorithm). This
    // fails only if the connection is closed already.
    _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok();
    let Some(tls) = tls else {
        return Some(Prepared { transport: Transport::Plain(stream), peer, lacks_tls: false });
    };
    let accepted = tokio::select! {
        accepted = tls.accept(stream, connection.client, head_timeout(connection, bounds)) => accepted?,
        () = connection.activity.closes() => return None,
        _ = stopped.changed() => return None,
    };
    Some(match accepted {
        Accepted::Tls(stream) => Prepared { transport: Transport::Tls(stream), peer, lacks_tls: false },
        Accepted::Plain(stream) => Prepared { transport: Transport::Plain(stream), peer, lacks_tls: true },
    })
}

fn head_timeout(connection: &Connection, bounds: Bounds) -> Duration {
    if connection.over_limit.is_some() { bounds.head.min(OVER_LIMIT_HEAD_TIMEOUT) } else { bounds.head }
}

/// Serves one connection until it ends. Errors on it come from the client and are not logged.
async fn serve_connection(
    prepared: Prepared,
    connection: Connection,
    service: TowerToHyperService<Router>,
    mut stopped: watch::Receiver<()>,
    bounds: Bounds,
) {
    let Prepared { transport, peer, lacks_tls } = prepared;
    let (client, over_limit, activity) = (connection.client, connection.over_limit, &connection.activity);
    let head = head_timeout(&connection, bounds);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        let answering = activity.begin_answer();
        request.extensions_mut().insert(Arc::clone(activity));
        if let Some(over_limit) = over_limit {
            request.extensions_mut().insert(over_limit);
        }
        if lacks_tls {
            request.extensions_mut().insert(WithoutTls);
        }
        request.extensions_mut().insert(client);
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let answer = service.call(request);
        async move {
            let mut response = answer.await?;
            if over_limit.is_some() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response.map(|body| HeldBody::new(body, answering)))
        }
    });
    let socket = Socket::new(transport, activity.clone(), bounds.stall);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = activity.closes() => return,
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = serving => {}
        _ = stopped.changed() => {}
    }
}

/// The maximum number of file descriptors, after raising the soft limit to the hard limit: the usual soft limit of
/// 1024 is meant for programs that use `select`.
#[cfg(unix)]
fn max_descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let allowed = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed });
    let current = if raised.is_ok() { allowed.maximum } else { allowed.current };
    current.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX))
}

/// Other systems have no such limit.
#[cfg(not(unix))]
fn max_descriptors() -> usize {
    usize::MAX
}
