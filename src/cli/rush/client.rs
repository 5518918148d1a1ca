//! An HTTP client that reconnects when its connection is lost.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Request, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long to wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// The server under test.
#[derive(Clone, Debug)]
pub(super) struct Target {
    authority: String,
}

impl Target {
    /// Parses a URL without a path.
    ///
    /// # Errors
    /// If `url` is not a URL with a host, or its scheme is not `http`.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            bail!("{url}: rush uses plain HTTP; give the server's own address, like http://host:port");
        }
        let authority = uri.authority().with_context(|| format!("{url} has no host"))?;
        let port = if authority.port().is_none() { ":80" } else { "" };
        Ok(Self { authority: format!("{authority}{port}") })
    }

    pub(super) fn client(&self) -> HttpClient {
        HttpClient { server: self.clone(), open: None }
    }
}

/// A client with one connection, which is opened again after an error.
pub(super) struct HttpClient {
    server: Target,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// An answer of the server.
#[derive(Debug)]
pub(super) struct ServerAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl ServerAnswer {
    /// The slug of the problem; empty if the answer is no problem.
    pub(super) fn problem(&self) -> &str {
        let kind = self.body.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or_default()
    }

    /// The id of the record that was created.
    ///
    /// # Errors
    /// If the body has no id.
    pub(super) fn id(&self) -> anyhow::Result<i64> {
        self.body["id"].as_i64().with_context(|| format!("no id in {}", self.body))
    }
}

impl HttpClient {
    /// Sends a request.
    ///
    /// # Errors
    /// If no answer arrived; whether the request was carried out is then unknown.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<ServerAnswer> {
        let mut open = match self.open.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => self.connect().await?,
        };
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.server.authority);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)))?;
        let answered = async {
            open.ready().await?;
            let (head, body) = open.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok((head, body))
        };
        let (head, body) =
            tokio::time::timeout(ANSWER_TIMEOUT, answered).await.context("no answer in time")??;
        self.open = Some(open);
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(ServerAnswer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Reads a resource that has to exist.
    ///
    /// # Errors
    /// If no answer arrived, or the answer is a problem.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send(Method::GET, path, None, None).await?;
        if answer.headers.contains_key("location") || !answer.problem().is_empty() {
            bail!("GET {path}: {}", answer.body);
        }
        Ok(answer.body)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let authority = &self.server.authority;
        let stream =
            TcpStream::connect(authority).await.with_context(|| format!("cannot reach {authority}"))?;
        stream.set_nodelay(true)?;
        let (open, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            #[expect(
                clippy::let_underscore_must_use,
                reason = "an error on the connection is reported by the next request"
            )]
            let _ = connection.await;
        });
        Ok(open)
    }
}
