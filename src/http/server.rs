//! The accept loop. Every stage of a connection has an end: the head, the answer, the reading of it, the shutdown.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::socket::Socket;

/// The most bytes that a request's head may have.
const HEAD_BYTES: usize = 64 * 1024;

/// Descriptors that are kept for everything but connections: the database's files, mostly.
const RESERVED_DESCRIPTORS: usize = 128;

/// How long to wait after a failed accept: the usual reason, no free descriptor, goes when some client does.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Why the server cannot listen, in one line.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot listen on {listen}: {reason}")]
pub struct BindError {
    listen: String,
    reason: String,
}

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For the whole head of a request, and so for a connection to stay idle.
    pub head: Duration,
    /// For a client to take the next bytes of an answer.
    pub stall: Duration,
    /// For the requests in flight when the server stops.
    pub finish: Duration,
    /// Connections at a time; further ones wait to be accepted.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            finish: Duration::from_secs(10),
            connections: 10_000,
        }
    }
}

/// A server that listens, and does not accept yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    bounds: Bounds,
}

/// The addresses that `listen` (`host:port`) means.
///
/// # Errors
/// When it has not that form, or the name is not known.
pub async fn resolve(listen: &str) -> Result<Vec<SocketAddr>, BindError> {
    let refused = |reason: String| BindError { listen: listen.to_owned(), reason };
    let found = tokio::net::lookup_host(listen).await.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            refused("it has to be an address and a port, like 127.0.0.1:8080".to_owned())
        }
        _ => refused(format!("no address was found for the name ({error})")),
    })?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(refused("no address was found for the name".to_owned())) } else { Ok(found) }
}

impl Server {
    /// Listens on the first of `addresses` that can be had.
    ///
    /// # Errors
    /// When none of them can.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let listen = addresses.first().map_or_else(String::new, SocketAddr::to_string);
        let refused = |error: io::Error| {
            let reason = match error.kind() {
                ErrorKind::AddrInUse => "another program listens there already".to_owned(),
                ErrorKind::PermissionDenied => "no permission (ports below 1024 need privileges)".to_owned(),
                ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
                _ => error.to_string(),
            };
            BindError { listen: listen.clone(), reason }
        };
        let listener = TcpListener::bind(addresses).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, bounds: Bounds::default() })
    }

    /// The address that it listens on; its port is the real one where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The same server with other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Answers until `shutdown` is ready, then finishes the requests in flight, for as long as the bounds allow.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let most = self.bounds.connections.min(descriptors().saturating_sub(RESERVED_DESCRIPTORS)).max(1);
        let slots = Arc::new(Semaphore::new(most));
        let (stop, stopped) = watch::channel(());
        let service = TowerToHyperService::new(router);
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, slot) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener, &slots) => match accepted {
                    Some(accepted) => accepted,
                    None => break,
                },
            };
            let (service, stopped, bounds) = (service.clone(), stopped.clone(), self.bounds);
            tokio::spawn(async move {
                converse(stream, service, stopped, bounds).await;
                drop(slot);
            });
        }
        drop(self.listener);
        // The first word on the channel asks connections to finish; its end, with `stop`, that they give up.
        _ = stop.send(());
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        if tokio::time::timeout(self.bounds.finish, slots.acquire_many(all)).await.is_err() {
            tracing::warn!(
                connections = most - slots.available_permits(),
                "stopped before every request was answered"
            );
        }
    }
}

/// The next client, once there is a slot for it.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    // Nobody closes the semaphore, so there is always a slot some day.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, slot)),
            // The client went away while it waited: its affair.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Serves one connection to its end. What goes wrong in it is the client's doing, and not logged.
async fn converse(
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    mut stopped: watch::Receiver<()>,
    bounds: Bounds,
) {
    // Without it the second small write of an answer waits for the client's acknowledgement. It fails on a connection
    // that is gone already.
    _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Socket::new(stream, bounds.stall)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        _ = stopped.changed() => {}
    }
}

/// How many descriptors this process may have, after asking for all that it is allowed: the usual default of 1024 is for
/// programs that use `select`.
#[cfg(unix)]
fn descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let allowed = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed });
    let current = if raised.is_ok() { allowed.maximum } else { allowed.current };
    current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Other systems have no such limit.
#[cfg(not(unix))]
fn descriptors() -> usize {
    usize::MAX
}
