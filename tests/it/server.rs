//! The accept loop and the limits on every request, over raw connections.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use matricula::http::limits::{self, RequestLimits};
use matricula::http::observe::RequestId;
use matricula::http::server::{self, Bounds, Server};
use matricula::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::school::eventually;

/// Longer than any step takes, short enough to see soon that a test hangs.
const TIMEOUT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// A running server, and the means to control it.
struct TestServer {
    address: SocketAddr,
    metrics: Metrics,
    /// Gets a sender for every request for `/slow`; the request is answered once something is sent on it.
    slow: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

async fn serve_with(limits: RequestLimits, bounds: Bounds) -> TestServer {
    let (entered, slow) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/id/{id}", get(async |Extension(id): Extension<RequestId>| id.0.to_string()))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/large", get(|| async { vec![b'x'; 64 * 1024 * 1024] }))
        .route("/panic", get(async || -> &str { panic!("ana@example.edu") }))
        .route(
            "/slow",
            get(async move || {
                let (go, gone) = oneshot::channel();
                entered.send(go).unwrap();
                gone.await.unwrap();
                "at last"
            }),
        );
    let metrics = Metrics::default();
    let router = limits::apply(router, &limits, &metrics, matricula::pages::kit::problems::page);
    let addresses = server::resolve("127.0.0.1:0").await.unwrap();
    let server = Server::bind(&addresses).await.unwrap().with_bounds(bounds);
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(server.serve(router, async { _ = stopped.await }));
    TestServer { address, metrics, slow, stop, running }
}

async fn serve() -> TestServer {
    serve_with(RequestLimits::default(), Bounds::default()).await
}

impl TestServer {
    async fn connects(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `text` and returns everything that is answered until the server closes.
    async fn says(&self, text: &str) -> String {
        let mut client = self.connects().await;
        client.write_all(text.as_bytes()).await.unwrap();
        rest(&mut client).await
    }

    async fn stops(self) {
        self.stop.send(()).unwrap();
        timeout(TIMEOUT, self.running).await.expect("the server stops in time").unwrap();
    }
}

async fn rest(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(TIMEOUT, client.read_to_string(&mut answer)).await.expect("the server closes in time").unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn short_bounds() -> Bounds {
    Bounds { head: SHORT, stall: SHORT, ..Bounds::default() }
}

#[tokio::test]
async fn a_client_that_sends_nothing_or_half_a_head_is_disconnected() {
    let server = serve_with(RequestLimits::default(), short_bounds()).await;
    for half in ["", "GET /id", "GET /id/1 HTTP/1.1\r\nHost: localhost\r\n"] {
        assert_eq!(server.says(half).await, "", "after {half:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_last_answer() {
    let server = serve_with(RequestLimits::default(), short_bounds()).await;
    let answer = server.says("GET /id/1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let server = serve_with(RequestLimits::default(), Bounds { connections: 1, ..short_bounds() }).await;
    let mut stuck = server.connects().await;
    stuck.write_all(get_request("/large").as_bytes()).await.unwrap();
    // There is one slot: the next client is answered once the first one has lost it.
    let is_answered = async || status(&server.says(&get_request("/id/1")).await) == "200";
    eventually("the next client is answered", is_answered).await;
    drop(stuck);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = serve().await;
    let large = format!("GET /id/1 HTTP/1.1\r\nHost: localhost\r\nX-Large: {}\r\n\r\n", "x".repeat(500_000));
    assert_eq!(status(&server.says(&large).await), "431");
}

#[tokio::test]
async fn a_missing_or_doubled_host_is_refused() {
    let server = serve().await;
    for hosts in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: a b\r\n"] {
        let answer = server.says(&format!("GET /id/1 HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), "400", "{hosts:?}");
        assert!(answer.contains("application/problem+json") && answer.contains("x-request-id: "), "{answer}");
    }
}

#[tokio::test]
async fn on_loopback_a_foreign_host_is_refused_with_the_reason() {
    let server = serve().await;
    for head in
        ["GET / HTTP/1.1\r\nHost: evil.example", "GET http://evil.example/ HTTP/1.1\r\nHost: localhost"]
    {
        let answer = server.says(&format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), "403", "{head}");
        assert!(answer.contains("DNS rebinding"), "{answer}");
    }
}

#[tokio::test]
async fn requests_that_are_sent_at_once_are_answered_in_order() {
    let server = serve().await;
    let ask =
        |id: u8, end| format!("GET /id/1 HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r{id}\r\n{end}\r\n");
    let answer = server.says(&[ask(1, ""), ask(2, ""), ask(3, "Connection: close\r\n")].concat()).await;
    let ids: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids, ["r1", "r2", "r3"]);
}

#[tokio::test]
async fn a_thousand_idle_connections_do_not_stop_others() {
    let server = serve().await;
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(server.connects().await);
    }
    assert_eq!(status(&server.says(&get_request("/id/1")).await), "200");
    server.stops().await;
}

#[tokio::test]
async fn stopping_answers_requests_in_flight_and_closes_idle_connections() {
    let mut server = serve().await;
    let (mut asking, mut idle) = (server.connects().await, server.connects().await);
    idle.write_all(b"GET /id/1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    asking.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let go = timeout(TIMEOUT, server.slow.recv()).await.unwrap().unwrap();

    server.stop.send(()).unwrap();
    rest(&mut idle).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "it still listens");
    assert!(!server.running.is_finished(), "it did not wait");
    go.send(()).unwrap();
    assert!(rest(&mut asking).await.ends_with("at last"));
    timeout(TIMEOUT, server.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_forever() {
    let mut server =
        serve_with(RequestLimits::default(), Bounds { finish: SHORT, ..Bounds::default() }).await;
    let mut asking = server.connects().await;
    asking.write_all(get_request("/slow").as_bytes()).await.unwrap();
    let held = timeout(TIMEOUT, server.slow.recv()).await.unwrap().unwrap();
    server.stops().await;
    assert_eq!(rest(&mut asking).await, "");
    assert!(held.is_closed(), "the handler still runs");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_503() {
    let mut server =
        serve_with(RequestLimits { timeout: SHORT, ..RequestLimits::default() }, Bounds::default()).await;
    assert_eq!(status(&server.says(&get_request("/slow")).await), "503");
    assert!(server.slow.recv().await.unwrap().is_closed(), "the handler still runs");
}

#[tokio::test]
async fn a_panic_is_answered_500_without_its_message() {
    let server = serve().await;
    let answer = server.says(&get_request("/panic")).await;
    assert_eq!(status(&answer), "500");
    assert!(!answer.contains("ana@"), "{answer}");
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_its_length_is_declared_or_not() {
    let server =
        serve_with(RequestLimits { body: 1000, ..RequestLimits::default() }, Bounds::default()).await;
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for (size, expected) in [(1000, "200"), (1001, "413"), (5_000_000, "413")] {
        let body = "x".repeat(size);
        let answer = server.says(&format!("{head}Content-Length: {size}\r\n\r\n{body}")).await;
        assert_eq!(status(&answer), expected, "{size} bytes");
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
        assert_eq!(status(&server.says(&chunked).await), expected, "{size} bytes in chunks");
    }
}

#[tokio::test]
async fn a_browser_may_not_write_for_a_page_of_another_site() {
    let server = serve().await;
    let post = "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n";
    for (site, expected) in [
        ("", "200"),
        ("Sec-Fetch-Site: same-origin\r\n", "200"),
        ("Origin: http://localhost\r\n", "200"),
        ("Sec-Fetch-Site: cross-site\r\n", "403"),
        ("Origin: https://evil.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
    ] {
        let answer = server.says(&format!("{post}{site}\r\n")).await;
        assert_eq!(status(&answer), expected, "{site}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
}

#[tokio::test]
async fn a_listed_origin_may_send_preflights_and_write() {
    let limits = RequestLimits {
        cors_origins: vec!["https://app.example.edu".parse().unwrap()],
        ..RequestLimits::default()
    };
    let server = serve_with(limits, Bounds::default()).await;
    let ask = |method, origin, more| {
        format!(
            "{method} /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nSec-Fetch-Site: cross-site\r\n\
             Connection: close\r\nContent-Length: 0\r\n{more}\r\n"
        )
    };
    let allowed = "access-control-allow-origin: https://app.example.edu";
    let wish = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let preflight = server.says(&ask("OPTIONS", "https://app.example.edu", wish)).await;
    assert!(status(&preflight) == "200" && preflight.contains(allowed), "{preflight}");
    let write = server.says(&ask("POST", "https://app.example.edu", "")).await;
    assert!(status(&write) == "200" && write.contains(allowed), "{write}");
    assert!(
        write.to_lowercase().contains("access-control-expose-headers: link,location,retry-after,etag"),
        "{write}"
    );
    let other = server.says(&ask("POST", "https://other.example.edu", "")).await;
    assert!(status(&other) == "403" && !other.contains("access-control-allow-origin"), "{other}");
}

#[tokio::test]
async fn a_request_is_counted_under_its_route_and_never_under_its_path() {
    let server = serve().await;
    for path in ["/id/4711", "/id/4712?name=Ana", "/nothing/here"] {
        server.says(&get_request(path)).await;
    }
    let text = server.metrics.render();
    assert!(text.contains(r#"{route="/id/{id}",method="GET",status="200"} 2"#), "{text}");
    assert!(text.contains(r#"{route="unmatched",method="GET",status="404"} 1"#), "{text}");
    assert!(!text.contains("4711") && !text.contains("Ana"), "{text}");
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_and_its_handler_is_dropped() {
    let mut server = serve().await;
    let mut client = server.connects().await;
    client.write_all(get_request("/slow").as_bytes()).await.unwrap();
    let mut held = timeout(TIMEOUT, server.slow.recv()).await.unwrap().unwrap();
    drop(client);
    timeout(TIMEOUT, held.closed()).await.expect("the handler is dropped");
    let counted = r#"{route="/slow",method="GET",status="499"} 1"#;
    // The handler is dropped a moment before the request is counted.
    eventually("the request is counted", async || server.metrics.render().contains(counted)).await;
}

#[tokio::test]
async fn a_server_that_cannot_listen_says_why_in_one_line() {
    let taken = serve().await;
    let error = Server::bind(&[taken.address]).await.unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {}: another program already listens there", taken.address));
    let error = Server::bind(&["192.0.2.1:0".parse().unwrap()]).await.unwrap_err().to_string();
    assert_eq!(error, "cannot listen on 192.0.2.1:0: this machine does not have that address");
    let error = server::resolve("8080").await.unwrap_err().to_string();
    assert_eq!(error, "cannot listen on 8080: it must be an address and a port, like 127.0.0.1:8080");
}
