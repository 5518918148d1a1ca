//! A client of a server that may be lost at any moment.

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

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Server {
    authority: String,
}

impl Server {
    /// From a URL without a path.
    ///
    /// # Errors
    /// When it is not one, or not of plain HTTP.
    pub(super) fn at(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            bail!("{url}: rush speaks plain HTTP; give the server's own address, http://host:port");
        }
        let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
        let port = if authority.port().is_none() { ":80" } else { "" };
        Ok(Self { authority: format!("{authority}{port}") })
    }

    pub(super) fn client(&self) -> Client {
        Client { server: self.clone(), open: None }
    }
}

/// One connection, made again when it was lost.
pub(super) struct Client {
    server: Server,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    /// The kind of problem that it is; empty when it is none.
    pub(super) fn problem(&self) -> &str {
        let kind = self.body.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or_default()
    }

    /// The id of what was made.
    pub(super) fn id(&self) -> anyhow::Result<i64> {
        self.body["id"].as_i64().with_context(|| format!("no id in {}", self.body))
    }
}

impl Client {
    /// Asks; an error when no answer came, so that nobody knows whether it was carried out.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
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
        let (head, body) = tokio::time::timeout(PATIENCE, answered).await.context("no answer in time")??;
        self.open = Some(open);
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Asks for a thing that has to be there.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let answer = self.ask(Method::GET, path, None, None).await?;
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
                reason = "what goes wrong on it is the next request's error"
            )]
            let _ = connection.await;
        });
        Ok(open)
    }
}
