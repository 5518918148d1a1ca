use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::contract;

/// An HTTP client that checks every answer against the OpenAPI document.
#[derive(Clone)]
pub(crate) struct Client {
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { http: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(), address }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let uri =
            if path.starts_with('/') { format!("http://{}{path}", self.address) } else { path.to_owned() };
        RequestBuilder {
            client: self.clone(),
            request: Request::builder().method(method).uri(uri),
            body: Bytes::new(),
        }
    }
}

/// A request; `.await` sends it.
pub(crate) struct RequestBuilder {
    client: Client,
    request: axum::http::request::Builder,
    body: Bytes,
}

impl RequestBuilder {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.header_value(name, value.parse().unwrap())
    }

    pub(crate) fn header_value(mut self, name: &str, value: HeaderValue) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request. Fails if the connection breaks before the answer is complete.
    pub(crate) async fn send(self) -> Result<Reply, String> {
        let request = self.request.body(Full::new(self.body)).unwrap();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let is_ours =
            request.uri().authority().is_some_and(|one| one.as_str() == self.client.address.to_string());
        let response = self.client.http.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        // A provider of single sign-on has no contract with this project.
        if is_ours {
            contract::check(method.as_str(), &path, &reply);
        }
        Ok(reply)
    }
}

impl RequestBuilder {
    /// Sends the request, and returns the body in the pieces in which it came.
    pub(crate) async fn pieces(self) -> Vec<Bytes> {
        let request = self.request.body(Full::new(self.body)).unwrap();
        let response = self.client.http.request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut body, mut pieces) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            pieces.extend(frame.unwrap().into_data());
        }
        pieces
    }

    /// Opens a stream of events.
    pub(crate) async fn listen(self) -> Listener {
        let builder = self.header("accept", "text/event-stream");
        let response = builder
            .client
            .http
            .request(builder.request.body(Full::new(builder.body)).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Listener { body: response.into_body(), received: String::new() }
    }
}

/// A stream of server-sent events.
pub(crate) struct Listener {
    body: hyper::body::Incoming,
    received: String,
}

impl Listener {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let lines: Vec<_> = block.lines().map(str::to_owned).collect();
                self.received = rest.to_owned();
                if let [id, data] = lines.as_slice()
                    && let Some(data) = data.strip_prefix("data: ")
                {
                    let event: Value = serde_json::from_str(data).unwrap();
                    assert_eq!(id.strip_prefix("id: ").unwrap(), event["seq"].to_string());
                    return Some(event);
                }
                continue;
            }
            let frame = self.body.frame().await?.unwrap();
            self.received.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// Waits for this text; false if the stream ends without it.
    pub(crate) async fn hears(&mut self, text: &str) -> bool {
        while !self.received.contains(text) {
            let Some(frame) = self.body.frame().await else { return false };
            self.received.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
        true
    }

    /// The `seq` of each of the next events.
    pub(crate) async fn seqs(&mut self, count: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            seqs.push(self.next().await.unwrap()["seq"].as_i64().unwrap());
        }
        seqs
    }
}

impl IntoFuture for RequestBuilder {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.send().await.unwrap() })
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn is_ok(self) -> Self {
        self.is(200)
    }

    #[track_caller]
    pub(crate) fn is_created(self) -> Self {
        self.is(201)
    }

    /// Asserts a problem with this status and kind, and returns its body.
    #[track_caller]
    pub(crate) fn is_refused(self, status: u16, kind: &str) -> Value {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let problem = reply.json();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["instance"], reply.header("x-request-id"), "{problem}");
        problem
    }

    /// The URL of the next page in the `Link` header.
    #[track_caller]
    pub(crate) fn next_page(&self) -> Option<&str> {
        let link = self.headers.get("link")?.to_str().unwrap();
        let url = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        Some(url.unwrap_or_else(|| panic!("not one link to the next page: {link}")))
    }

    /// The ids of a list's rows, in order.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.json().as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }
}

/// The `errors` of a problem, one line each: the place and what is wrong there.
#[track_caller]
pub(crate) fn errors(problem: &Value) -> Vec<String> {
    let line = |error: &Value| {
        let place = error.get("pointer").or(error.get("parameter")).unwrap().as_str().unwrap();
        format!("{place}: {}", error["detail"].as_str().unwrap())
    };
    problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("no errors in {problem}"))
        .iter()
        .map(line)
        .collect()
}
