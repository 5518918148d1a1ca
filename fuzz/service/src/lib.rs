//! A service that is asked without a network, a school with tables of its own, and what holds for every answer.

mod own_tables;


use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use matricula::audit::audit;
use matricula::clock::Clock;
use matricula::db::Location;
use matricula::http::limits::RequestLimits;
use matricula::server::{School, router::router};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

pub use self::own_tables::OwnTables;

/// After so many requests, the school is audited and replaced by a new one.
const REQUESTS: usize = 5_000;
/// Answers of a running log never end.
const MAX_ANSWER: usize = 4 << 20;
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A school with a student, a course and an admin's token.
pub struct Service {
    runtime: Runtime,
    open: Option<Open>,
    requests: usize,
}

struct Open {
    _folder: TempDir,
    school: School,
    router: Router,
    token: HeaderValue,
}

impl Service {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, open: None, requests: 0 }
    }

    /// Asks for what an input says: a line with the method and the address, lines of the head, an empty line, the body.
    /// Returns whether it was a request.
    pub fn ask(&mut self, input: &[u8]) -> bool {
        let Some(request) = read(input) else { return false };
        let open = self.open.take().unwrap_or_else(|| self.runtime.block_on(Open::new()));
        self.requests += 1;
        let status = self.runtime.block_on(open.ask(request, true));
        // A token that was revoked is of no use any more.
        if self.requests % REQUESTS == 0 || self.runtime.block_on(open.is_shut()) {
            self.runtime.block_on(open.close());
        } else {
            self.open = Some(open);
        }
        status.is_some()
    }
}

impl Default for Service {
    fn default() -> Self {
        Self::new()
    }
}

impl Open {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let location = Location::parse(folder.path().join("school.db").as_os_str()).unwrap();
        let school = School::open(&location, Clock::System, None).await.unwrap();
        let router = router(school.app.clone(), &RequestLimits::default());
        let mut open = Self { _folder: folder, school, router, token: HeaderValue::from_static("none") };
        for (path, body) in [
            ("/api/v1/students", r#"{"name":"Ana García","email":"ana@example.edu","number":"0042"}"#),
            ("/api/v1/students", r#"{"name":"Ben Ito","email":"ben@example.edu"}"#),
            ("/api/v1/courses", r#"{"name":"Algebra","level":"undergraduate","code":"MA-1"}"#),
            ("/api/v1/courses", r#"{"name":"Botany","level":"graduate"}"#),
            ("/api/v1/students/1/courses", r#"{"course_id":1}"#),
        ] {
            assert_eq!(open.post(path, body).await.0, StatusCode::CREATED, "{path}");
        }
        let (_, made) = open.post("/api/v1/tokens", r#"{"name":"Fuzzer","role":"admin"}"#).await;
        let made = String::from_utf8(made).unwrap();
        let secret = made.split('"').find(|text| text.starts_with("mtr_")).expect("a token");
        open.token = format!("Bearer {secret}").parse().unwrap();
        open
    }

    async fn post(&self, path: &str, body: &'static str) -> (StatusCode, Vec<u8>) {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        self.ask(request.body(Body::from(body)).unwrap(), false).await.expect("an answer")
    }

    /// Whether the token of the fuzzer counts no longer.
    async fn is_shut(&self) -> bool {
        let me = Request::get("/api/v1/me").body(Body::empty()).unwrap();
        self.ask(me, true).await.is_none_or(|(status, _)| status != StatusCode::OK)
    }

    /// The status and the body; `None` if the answer does not end.
    async fn ask(&self, mut request: Request<Body>, with_token: bool) -> Option<(StatusCode, Vec<u8>)> {
        let headers = request.headers_mut();
        if with_token && !headers.contains_key(AUTHORIZATION) && !headers.contains_key(COOKIE) {
            headers.insert(AUTHORIZATION, self.token.clone());
        }
        headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        let asked = format!("{} {}", request.method(), request.uri());
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let is_endless = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{asked}");
        if is_endless {
            return None;
        }
        let body = tokio::time::timeout(MAX_WAIT, to_bytes(answer.into_body(), MAX_ANSWER)).await;
        let body = body.unwrap_or_else(|_| panic!("{asked}: the answer does not end"));
        Some((status, body.map(|bytes| bytes.to_vec()).unwrap_or_default()))
    }

    async fn close(self) {
        let audit = audit(&self.school.db).await.unwrap();
        assert!(audit.findings.is_empty(), "{:?}", audit.findings);
        self.school.app.feed.close();
        self.school.close().await;
    }
}

fn read(input: &[u8]) -> Option<Request<Body>> {
    let (first, mut rest) = split_line(input);
    let (method, uri) = std::str::from_utf8(first).ok()?.split_once(' ')?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    *request.body_mut() = Body::from(rest.to_vec());
    Some(request)
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}
