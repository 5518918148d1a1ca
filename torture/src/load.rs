//! Many clients that send the requests of a run, one after the other each.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::task::JoinSet;

use crate::answer::{Answer, Outcome};
use crate::request::{Request, Shape};
use crate::wire::{Connection, Hung};

/// An answer that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) number: u64,
    pub(crate) outcome: Outcome,
    /// How long the trace of the disk was when the answer had come; 0 without a trace.
    pub(crate) position: u64,
}

/// What the clients share.
#[derive(Debug)]
pub(crate) struct Load {
    seed: u64,
    shape: Shape,
    addresses: Vec<SocketAddr>,
    next: AtomicU64,
    end: u64,
    stop: AtomicBool,
    /// Requests without an answer that are sent again first, since they have a key.
    again: Mutex<Vec<u64>>,
    heard: Mutex<Vec<Heard>>,
    silent: Mutex<Vec<u64>>,
    trace: Option<File>,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) heard: Vec<Heard>,
    /// The requests whose answer did not come.
    pub(crate) silent: Vec<u64>,
    /// The next number.
    pub(crate) next: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// The requests from `next` up to `end`, for these servers.
    pub(crate) fn new(seed: u64, shape: Shape, addresses: Vec<SocketAddr>, next: u64, end: u64) -> Self {
        Self {
            seed,
            shape,
            addresses,
            next: AtomicU64::new(next),
            end,
            stop: AtomicBool::new(false),
            again: Mutex::default(),
            heard: Mutex::default(),
            silent: Mutex::default(),
            trace: None,
        }
    }

    /// Sends these requests again first.
    pub(crate) fn again(self, numbers: Vec<u64>) -> Self {
        Self { again: Mutex::new(numbers), ..self }
    }

    /// Notes with each answer how long this file is.
    pub(crate) fn traced(self, trace: File) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Starts the clients.
    pub(crate) fn start(self, clients: usize) -> Running {
        let load = Arc::new(self);
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let address = load.addresses[number % load.addresses.len()];
            tasks.spawn(run_client(Arc::clone(&load), address));
        }
        Running { load, tasks }
    }

    fn take(&self) -> Option<u64> {
        if let Some(number) = lock(&self.again).pop() {
            return Some(number);
        }
        if self.stop.load(Ordering::SeqCst) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        (number < self.end).then_some(number)
    }
}

/// Clients that are sending.
#[derive(Debug)]
pub(crate) struct Running {
    load: Arc<Load>,
    tasks: JoinSet<Result<()>>,
}

impl Running {
    /// Waits until this many answers have come, but no longer than this.
    pub(crate) async fn answers(&self, count: usize, at_most: Duration) {
        let began = Instant::now();
        while lock(&self.load.heard).len() < count && began.elapsed() < at_most {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits for the answers to what was sent, without sending more.
    ///
    /// # Errors
    /// As [`Running::finish`].
    pub(crate) async fn stop(self) -> Result<Sent> {
        self.load.stop.store(true, Ordering::SeqCst);
        self.finish().await
    }

    /// Waits until all requests were sent, or the server is gone.
    ///
    /// # Errors
    /// If an answer came that may not come, or none within the time.
    pub(crate) async fn finish(mut self) -> Result<Sent> {
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        let load = &self.load;
        let mut silent = std::mem::take(&mut *lock(&load.silent));
        // What no client came to take stays without an answer.
        silent.append(&mut lock(&load.again));
        let next = load.next.load(Ordering::SeqCst).min(load.end);
        Ok(Sent { heard: std::mem::take(&mut *lock(&load.heard)), silent, next })
    }
}

async fn run_client(load: Arc<Load>, address: SocketAddr) -> Result<()> {
    let Ok(mut connection) = Connection::open(address).await else { return Ok(()) };
    while let Some(number) = load.take() {
        let request = Request::new(load.seed, number, &load.shape);
        match send(&mut connection, &request).await {
            Ok(Some(outcome)) => {
                let position =
                    load.trace.as_ref().map_or(Ok(0), |trace| trace.metadata().map(|it| it.len()))?;
                lock(&load.heard).push(Heard { number, outcome, position });
                // A refusal for lack of a database says when to come again.
                if outcome.status == 503 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Ok(None) => {
                lock(&load.silent).push(number);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) if error.is::<Broken>() => {
                lock(&load.silent).push(number);
                match Connection::open(address).await {
                    Ok(new) => connection = new,
                    Err(_) => return Ok(()),
                }
            }
            Err(error) => {
                load.stop.store(true, Ordering::SeqCst);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The connection ended before the answer did.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection ended")
    }
}

impl std::error::Error for Broken {}

/// Sends a request; `None` if the answer is that its outcome is not known.
async fn send(connection: &mut Connection, request: &Request) -> Result<Option<Outcome>> {
    let bytes = request.bytes();
    for _ in 0..10_000 {
        let reply = match connection.send(&bytes).await {
            Ok(reply) => reply,
            Err(error) if error.is::<Hung>() => bail!("{request:?}: {error}"),
            Err(_) => return Err(Broken.into()),
        };
        match Answer::new(request, &reply)? {
            Answer::Settled(outcome) => return Ok(Some(outcome)),
            Answer::Unclear => return Ok(None),
            Answer::Running => {
                ensure!(request.has_key(), "{request:?} has no key, and was answered with {reply:?}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    bail!("{request:?}: its key stays in use")
}
