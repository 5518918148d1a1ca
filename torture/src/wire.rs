//! HTTP/1.1 on one connection, close enough to the bytes that a test can cut it anywhere.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No answer may take longer: the service itself gives up after 30 seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {self:?}"))
    }

    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A connection to the service.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// # Errors
    /// If nobody listens.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(2048) })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// If the connection ends before the answer does, or no answer comes.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Reply> {
        let exchange = async {
            self.stream.write_all(request).await?;
            self.buffer.clear();
            loop {
                ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
                if let Some(reply) = parse(&self.buffer)? {
                    return Ok(reply);
                }
            }
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| anyhow::Error::new(Hung))?
    }

    /// Sends the first bytes of a request, reads at most `answer` bytes of what comes back, and cuts the connection.
    pub(crate) async fn send_and_cut(mut self, request: &[u8], answer: usize) {
        if self.stream.write_all(request).await.is_err() {
            return;
        }
        let read = async {
            while self.buffer.len() < answer && !parse(&self.buffer).is_ok_and(|reply| reply.is_some()) {
                let mut rest = vec![0; answer - self.buffer.len()];
                match self.stream.read(&mut rest).await {
                    Ok(read @ 1..) => self.buffer.extend_from_slice(&rest[..read]),
                    _ => return,
                }
            }
        };
        #[expect(clippy::let_underscore_must_use, reason = "whatever arrived, the connection ends here")]
        let _ = tokio::time::timeout(PATIENCE, read).await;
    }
}

/// The service kept a request waiting for longer than it ever may.
#[derive(Debug)]
pub(crate) struct Hung;

impl std::fmt::Display for Hung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no answer within {} seconds", PATIENCE.as_secs())
    }
}

impl std::error::Error for Hung {}

/// A request, on a connection of its own.
///
/// # Errors
/// As [`Connection::open`] and [`Connection::send`].
pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<Reply> {
    Connection::open(address).await?.send(&request(method, path, "", body)).await
}

/// The body of the answer to a GET, which must be 200.
///
/// # Errors
/// As [`ask`], and if the answer is another.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Value> {
    let reply = ask(address, "GET", path, "").await?;
    ensure!(reply.status == 200, "GET {path}: {reply:?}");
    reply.json()
}

/// The bytes of a request; `headers` are whole lines.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-type: application/json\r\ncontent-length: {length}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}{length}\r\n{body}").into_bytes()
}

/// Parses an answer; `None` until all of it has arrived.
fn parse(buffer: &[u8]) -> Result<Option<Reply>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&buffer[..end])?.to_owned();
    let status = head.get(9..12).context("no status")?.parse()?;
    let mut reply = Reply { status, head, body: Vec::new() };
    let rest = &buffer[end + 4..];
    if let Some(length) = reply.header("content-length") {
        let length: usize = length.parse()?;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        reply.body = body.to_vec();
    } else if reply.header("transfer-encoding").is_some() {
        let Some(body) = unchunk(rest)? else { return Ok(None) };
        reply.body = body;
    } else if status != 204 {
        bail!("an answer of unknown length: {}", reply.head);
    }
    Ok(Some(reply))
}

/// Joins the chunks of a body; `None` until the last one has arrived.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line])?, 16)?;
        let Some(chunk) = rest.get(line + 2..line + 2 + length + 2) else { return Ok(None) };
        if length == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&chunk[..length]);
        rest = &rest[line + 2 + length + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_parsed_when_all_of_it_has_arrived() {
        for whole in [
            "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]",
            "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
        ] {
            for length in 0..whole.len() {
                assert_eq!(parse(&whole.as_bytes()[..length]).unwrap(), None, "{length}");
            }
            let reply = parse(whole.as_bytes()).unwrap().unwrap();
            assert_eq!((reply.status, reply.body.as_slice()), (201, &b"[]"[..]));
        }
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().body, b"");
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
