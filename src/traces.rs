//! Traces: how long each request took, how long its changes waited and how long their commit took, sent to a collector of
//! OpenTelemetry (OTLP over HTTP). Off unless a collector is set. Nothing in them is about a person: no path, query, address
//! or body.

use std::fmt::Display;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, Method};
use ipnet::IpNet;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use reqwest::redirect::Policy;
use thiserror::Error;
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::logging::LogThrottle;

/// How long the collector may take to accept some spans.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take to be sent when the server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends traces, if there is a collector. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// Whose `traceparent` is taken over: other clients could add to any trace.
    trusted: Vec<IpNet>,
    school: Option<Arc<str>>,
}

/// Why traces cannot be sent.
#[derive(Debug, Error)]
#[error("traces cannot be sent: {0}")]
pub struct TracesError(String);

/// The trace of a request, to which its parts belong.
#[derive(Clone, Debug)]
pub struct Trace(SpanContext);

/// A request that is being answered.
#[derive(Debug)]
pub struct RequestSpan(Span);

impl Traces {
    /// Sends traces to the collector at this base URL; takes over those of clients in these networks. Needs a runtime.
    ///
    /// # Errors
    /// When no client can be made for it.
    pub fn start(collector: &str, trusted: Vec<IpNet>) -> Result<Self, TracesError> {
        let unusable = |error: &dyn Display| TracesError(error.to_string());
        let client = reqwest::Client::builder().redirect(Policy::none()).timeout(SEND_TIMEOUT).build();
        let client = client.map_err(|error| unusable(&error))?;
        let failed = Arc::new(LogThrottle::every(Duration::from_mins(1)));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { client, runtime: Handle::current(), failed })
            .with_endpoint(format!("{collector}/v1/traces"))
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| unusable(&error))?;
        let about = [
            KeyValue::new("service.name", "matricula"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_attributes(about).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("matricula");
        Ok(Self(Some(Arc::new(Inner { tracer, provider, trusted, school: None }))))
    }

    /// The traces of one of several schools.
    #[must_use]
    pub fn of_school(&self, name: &str) -> Self {
        Self(self.0.as_ref().map(|all| {
            let (tracer, provider) = (all.tracer.clone(), all.provider.clone());
            Arc::new(Inner { tracer, provider, trusted: all.trusted.clone(), school: Some(name.into()) })
        }))
    }

    /// Begins the span of a request from this address; `None` without a collector.
    #[must_use]
    pub fn request(
        &self,
        method: &Method,
        route: &str,
        id: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Option<RequestSpan> {
        let inner = self.0.as_ref()?;
        let is_trusted =
            |peer: &IpAddr| inner.trusted.iter().any(|network| network.contains(&peer.to_canonical()));
        let parent = peer.filter(is_trusted).and_then(|_| trace_parent(headers));
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let method = known(method);
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("matricula.request_id", id.to_owned()),
        ];
        attributes
            .extend(inner.school.as_ref().map(|name| KeyValue::new("matricula.school", name.to_string())));
        let span = SpanBuilder::from_name(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        Some(RequestSpan(span.start_with_context(&inner.tracer, &context)))
    }

    /// Adds the parts of commands that one commit has carried out: how long each waited since the time with it, and the
    /// commit, which began at `began` and has just ended.
    pub fn commit<'a>(
        &self,
        commands: impl Iterator<Item = (Option<&'a Trace>, Option<SystemTime>)>,
        began: SystemTime,
        batch: usize,
    ) {
        let Some(inner) = &self.0 else { return };
        let (ended, size) = (now(), i64::try_from(batch).unwrap_or(i64::MAX));
        for (trace, since) in commands {
            let Some((Trace(parent), since)) = trace.zip(since) else { continue };
            let context = Context::new().with_remote_span_context(parent.clone());
            let part = |name: &'static str, from, until, attributes| {
                let part = SpanBuilder::from_name(name).with_start_time(from).with_attributes(attributes);
                part.start_with_context(&inner.tracer, &context).end_with_timestamp(until);
            };
            part("queue", since, began, Vec::new());
            part("commit", began, ended, vec![KeyValue::new("matricula.batch_size", size)]);
        }
    }

    /// Sends what was not sent yet.
    pub async fn close(&self) {
        let Some(inner) = self.0.clone() else { return };
        let closing = move || inner.provider.shutdown_with_timeout(CLOSE_TIMEOUT);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(closing).await {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

impl RequestSpan {
    /// The trace to which the parts of the request belong.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace(self.0.span_context().clone())
    }

    /// Ends it, with the HTTP status of the answer.
    pub fn end(mut self, status: u16) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

/// The present time, for the beginning of a part.
#[must_use]
pub fn now() -> SystemTime {
    Clock::System.now().into()
}

/// The method, unless the client has made it up.
fn known(method: &Method) -> &'static str {
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    names.into_iter().find(|name| *name == method.as_str()).unwrap_or("_OTHER")
}

/// What `traceparent` says (W3C Trace Context, version 00); `None` if it is not there exactly once, or not valid.
fn trace_parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut lines = headers.get_all("traceparent").iter();
    let (line, None) = (lines.next()?.to_str().ok()?, lines.next()) else { return None };
    let parts: Vec<_> = line.split('-').collect();
    let &["00", trace, span, flags] = parts.as_slice() else { return None };
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if (trace.len(), span.len(), flags.len()) != (32, 16, 2) || !parts.iter().all(|part| is_hex(part)) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE)).filter(SpanContext::is_valid)
}

/// Sends spans from the thread that collects them, by the runtime of the server.
#[derive(Clone, Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    failed: Arc<LogThrottle>,
}

impl Sender {
    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.client.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
        let answer = Response::builder().status(sent.status());
        // Nothing in its body matters, and it may be of any length.
        Ok(answer.body(Bytes::new())?)
    }
}

impl HttpClient for Sender {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let sending = self.runtime.spawn(self.clone().send(request));
        Box::pin(async move {
            let sent = sending.await?;
            let problem = match &sent {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("the collector answers {}", answer.status())),
                Err(error) => Some(error.to_string()),
            };
            if let Some(problem) = problem.filter(|_| self.failed.is_due()) {
                tracing::warn!("traces cannot be sent: {problem}");
            }
            sent
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn parsed(lines: &[&str]) -> Option<SpanContext> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("traceparent", HeaderValue::from_str(line).unwrap());
        }
        trace_parent(&headers)
    }

    #[test]
    fn a_valid_parent_is_read() {
        let parent = parsed(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]).unwrap();
        assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(parent.is_sampled() && parent.is_remote());
        assert!(!parsed(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"]).unwrap().is_sampled());
    }

    #[test]
    fn others_are_ignored() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parsed(&[wrong]), None, "{wrong}");
        }
        assert_eq!(parsed(&[valid, valid]), None);
    }
}
