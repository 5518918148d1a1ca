use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::School;

/// Longer than any step takes, short enough to see soon that a test hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A raw connection, for bytes that no HTTP client would send.
pub(crate) struct Raw(pub(crate) TcpStream);

impl School {
    pub(crate) async fn connects(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// Sends `text` and returns everything that is answered until the server closes.
    pub(crate) async fn says(&self, text: &str) -> RawAnswer {
        let mut client = self.connects().await;
        client.sends(text).await;
        client.rest().await
    }
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Connects from this loopback address; each address is another client.
    pub(crate) async fn connect_from(source: [u8; 4], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    /// Sends as much of the text as the server accepts.
    pub(crate) async fn sends(&mut self, text: &str) {
        _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Everything that is received until the server closes.
    pub(crate) async fn rest(&mut self) -> RawAnswer {
        let mut bytes = Vec::new();
        // A server that closes without reading everything may reset the connection.
        _ = timeout(TIMEOUT, self.0.read_to_end(&mut bytes)).await.expect("the server closes in time");
        RawAnswer(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The next answer, which has a `Content-Length`; the connection stays open.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                    return RawAnswer(text);
                }
            }
            let mut buffer = vec![0; 256 * 1024];
            let read = timeout(TIMEOUT, self.0.read(&mut buffer)).await.expect("an answer in time");
            match read.unwrap_or(0) {
                0 => return RawAnswer(text),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// Whether the server closes the connection in time.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let read = timeout(TIMEOUT, self.0.read_u8()).await;
        read.is_ok_and(|read| read.is_err())
    }
}

/// Answers as they were received, with their heads.
#[derive(Debug)]
pub(crate) struct RawAnswer(pub(crate) String);

impl RawAnswer {
    #[track_caller]
    pub(crate) fn status(&self) -> u16 {
        let status = self.0.get(9..12).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no answer: {:?}", self.0))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Asserts a problem with this status and kind and the id of its request, and returns it.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status(), status, "{}", self.0);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.0);
        let body = self.0.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(self.header("content-length"), Some(&*body.len().to_string()), "{}", self.0);
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["instance"].as_str(), self.header("x-request-id"), "{problem}");
        problem
    }
}
