//! An HTTP client that uses little processor time: it parses only as much of an answer as it needs.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::work::{Kind, Request, Work};

/// Answers per second, and percentiles of the latency in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Figures {
    fn from_latencies(mut latencies: Vec<Duration>, span: Duration) -> Self {
        latencies.sort_unstable();
        let [p50, p99, p999] = [0.50, 0.99, 0.999].map(|p| percentile(&latencies, p).as_secs_f64() * 1e3);
        let count = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        Self { rate: f64::from(count) / span.as_secs_f64(), p50, p99, p999 }
    }
}

/// Returns the percentile `p` (0.0 to 1.0) of latencies in ascending order; zero if there are none.
pub(crate) fn percentile(sorted: &[Duration], p: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (sorted.len() as f64 * p) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Measures with all connections always busy: each sends its next request as soon as it has an answer.
pub(crate) async fn saturate(
    address: SocketAddr,
    work: &mut Work,
    kind: Kind,
    connections: usize,
    span: Duration,
) -> Result<Figures> {
    let work = RefCell::new(work);
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let clients = open.into_iter().map(|mut connection| {
        let work = &work;
        async move {
            let mut latencies = Vec::with_capacity(4096);
            while began.elapsed() < span {
                let request = work.borrow_mut().next(kind);
                let sent = Instant::now();
                connection.send(&request).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        }
    });
    let latencies = futures_util::future::try_join_all(clients).await?;
    Ok(Figures::from_latencies(latencies.concat(), began.elapsed()))
}

/// Measures at a fixed rate, however long answers take: a latency counts from when its request was due. Returns `None`
/// if the server does not hold the rate.
pub(crate) async fn at_rate(
    address: SocketAddr,
    work: &mut Work,
    kind: Kind,
    connections: usize,
    rate: u32,
    span: Duration,
) -> Result<Option<Figures>> {
    let mut pace = Pace::start(address, connections, rate).await?;
    LocalSet::new()
        .run_until(async {
            while pace.due() < span {
                if !pace.send(|| work.next(kind), span * 2).await? {
                    return Ok(None);
                }
            }
            let (latencies, took) = pace.finish().await?;
            // A server that is behind by a tenth does not catch up.
            Ok((took < span.mul_f64(1.1)).then(|| Figures::from_latencies(latencies, took)))
        })
        .await
}

/// Like [`at_rate`], but while `goes_on` returns `true`; it is called before each request. A server that does not keep
/// up with the rate has long latencies.
pub(crate) async fn at_rate_while(
    address: SocketAddr,
    work: &mut Work,
    kind: Kind,
    connections: usize,
    rate: u32,
    mut goes_on: impl FnMut() -> Result<bool>,
) -> Result<Figures> {
    let mut pace = Pace::start(address, connections, rate).await?;
    LocalSet::new()
        .run_until(async {
            while goes_on()? {
                pace.send(|| work.next(kind), Duration::MAX).await?;
            }
            let (latencies, took) = pace.finish().await?;
            Ok(Figures::from_latencies(latencies, took))
        })
        .await
}

/// Sends requests at a fixed rate.
struct Pace {
    idle: Rc<RefCell<VecDeque<Connection>>>,
    pending: JoinSet<Result<Duration>>,
    latencies: Vec<Duration>,
    rate: u32,
    began: Instant,
    sent: u32,
}

impl Pace {
    async fn start(address: SocketAddr, connections: usize, rate: u32) -> Result<Self> {
        let mut idle = VecDeque::new();
        for _ in 0..connections {
            idle.push_back(Connection::open(address).await?);
        }
        let idle = Rc::new(RefCell::new(idle));
        let (pending, latencies) = (JoinSet::new(), Vec::new());
        Ok(Self { idle, pending, latencies, rate, began: Instant::now(), sent: 0 })
    }

    /// When the next request is due, from the start.
    fn due(&self) -> Duration {
        Duration::from_secs(1) * (self.sent + 1) / self.rate
    }

    /// Sends a request when it is due and a connection is idle. Returns `false` if that would be at `until` (from the
    /// start) or later.
    async fn send(&mut self, request: impl FnOnce() -> Request, until: Duration) -> Result<bool> {
        let due = self.began + self.due();
        while Instant::now() < due || self.idle.borrow().is_empty() {
            if self.began.elapsed() > until {
                return Ok(false);
            }
            tokio::task::yield_now().await;
            // Not only at the end: a request that fails leaves no connection behind.
            while let Some(answered) = self.pending.try_join_next() {
                self.latencies.push(answered??);
            }
        }
        self.sent += 1;
        let mut connection = self.idle.borrow_mut().pop_front().context("no idle connection")?;
        let (idle, request) = (Rc::clone(&self.idle), request());
        self.pending.spawn_local(async move {
            connection.send(&request).await?;
            let latency = due.elapsed();
            idle.borrow_mut().push_back(connection);
            Ok(latency)
        });
        Ok(true)
    }

    /// Waits for all answers. Returns their latencies and the time since the start.
    async fn finish(mut self) -> Result<(Vec<Duration>, Duration)> {
        while let Some(answered) = self.pending.join_next().await {
            self.latencies.push(answered??);
        }
        Ok((self.latencies, self.began.elapsed()))
    }
}

/// A connection that is opened again if the server closes it after an answer.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    /// The last answer.
    buffer: Vec<u8>,
    /// Where its body begins.
    body: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self { address, stream: connect(address).await?, buffer: Vec::with_capacity(4096), body: 0 })
    }

    /// Sends a request and returns the body of the answer, which must have the expected status.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<&[u8]> {
        self.stream.write_all(&request.bytes).await?;
        self.buffer.clear();
        let answer = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
            if let Some(answer) = Answer::read(&self.buffer)? {
                break answer;
            }
        };
        self.body = answer.body;
        if answer.is_last {
            self.stream = connect(self.address).await?;
        }
        let received = || String::from_utf8_lossy(&self.buffer).into_owned();
        ensure!(
            answer.status == request.status,
            "{}: {}",
            String::from_utf8_lossy(&request.bytes),
            received()
        );
        Ok(&self.buffer[self.body..])
    }

    /// The head of the last answer.
    pub(crate) fn head(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.body]).into_owned()
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Where the body begins.
    body: usize,
    /// Whether the server closes the connection after it.
    is_last: bool,
}

impl Answer {
    /// Parses an answer; `None` until all of it has arrived.
    fn read(buffer: &[u8]) -> Result<Option<Self>> {
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&buffer[..head])?;
        let status = text.get(9..12).context("no status")?.parse()?;
        let (mut length, mut is_last) = (None, false);
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>()?);
            } else if name.eq_ignore_ascii_case("connection") {
                is_last = value.trim().eq_ignore_ascii_case("close");
            }
        }
        let body = head + 4;
        Ok((buffer.len() >= body + length.context("no content-length")?).then_some(Self {
            status,
            body,
            is_last,
        }))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::data::School;

    #[test]
    fn an_answer_is_parsed_when_all_of_it_has_arrived() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        for length in 0..whole.len() {
            assert_eq!(Answer::read(&whole[..length]).unwrap(), None);
        }
        let answer = Answer::read(whole).unwrap();
        assert_eq!(answer, Some(Answer { status: 200, body: whole.len() - 2, is_last: true }));
    }

    /// A server that waits this long before each answer.
    async fn slow(pause: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                tokio::time::sleep(pause).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn a_server_that_falls_behind_does_not_hold_the_rate() {
        let address = slow(Duration::from_millis(20)).await;
        let mut work = Work::new(School { students: 10 });
        let held = at_rate(address, &mut work, Kind::R2, 1, 1_000, Duration::from_millis(200)).await.unwrap();
        assert_eq!(held, None);
    }
}
