//! The accept loop. Every stage of a connection has an end: the head, the answer, the reading of it, the shutdown.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::connections::{Answering, Connection, Connections, RESERVED};
use super::socket::Socket;
use crate::shares::DEFAULT_SHARE;

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
    /// Connections at a time; who comes to further ones is told so.
    pub connections: usize,
    /// Percent of the connections, and of everything else that is shared, that one client may hold.
    pub share: u8,
    /// For a connection to be kept without a request, where connections run low.
    pub idle: Duration,
    /// Bytes of memory for long heads that are being read, and for long answers that have not been taken.
    pub memory: usize,
}

/// Bytes of memory: a hundred of the longest pages that most schools have.
const MEMORY: usize = 256 * 1024 * 1024;

/// For the head of a request over a connection that there was no room for: there are few of them.
const CROWDED_HEAD: Duration = Duration::from_secs(1);

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
        let most = descriptors().saturating_sub(RESERVED_DESCRIPTORS + RESERVED);
        let most = self.bounds.connections.min(most).max(1);
        let connections = Connections::new(most, self.bounds.share, self.bounds.idle, self.bounds.memory);
        let (stop, stopped) = watch::channel(());
        // Each connection holds one end; once none does, all have ended.
        let (open, mut ended) = mpsc::channel::<()>(1);
        let service = TowerToHyperService::new(router);
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener) => accepted,
            };
            // Where there is not even room to say so, the connection is closed.
            let Some(connection) = connections.admit(peer.ip()) else { continue };
            let (service, stopped, bounds) = (service.clone(), stopped.clone(), self.bounds);
            let open = open.clone();
            tokio::spawn(async move {
                converse(stream, connection, service, stopped, bounds).await;
                drop(open);
            });
        }
        drop((self.listener, open));
        // The first word on the channel asks connections to finish; its end, with `stop`, that they give up.
        _ = stop.send(());
        if tokio::time::timeout(self.bounds.finish, ended.recv()).await.is_err() {
            tracing::warn!(connections = connections.count(), "stopped before every request was answered");
        }
    }
}

/// The next client.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
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
    connection: Connection,
    service: TowerToHyperService<Router>,
    mut stopped: watch::Receiver<()>,
    bounds: Bounds,
) {
    // Without it the second small write of an answer waits for the client's acknowledgement. It fails on a connection
    // that is gone already.
    _ = stream.set_nodelay(true);
    let (client, crowded, activity) = (connection.client, connection.crowded, &connection.activity);
    let head = if crowded.is_some() { bounds.head.min(CROWDED_HEAD) } else { bounds.head };
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        let answering = activity.answer();
        request.extensions_mut().insert(Arc::clone(activity));
        if let Some(crowded) = crowded {
            request.extensions_mut().insert(crowded);
        }
        request.extensions_mut().insert(client);
        let answer = service.call(request);
        async move {
            let mut response = answer.await?;
            if crowded.is_some() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response.map(|body| Answer { body, _until: answering }))
        }
    });
    let socket = Socket::new(stream, activity.clone(), bounds.stall);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = activity.makes_room() => return,
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = serving => {}
        _ = stopped.changed() => {}
    }
}

/// The content of an answer, which is being given for as long as there is this.
struct Answer {
    body: Body,
    _until: Answering,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
