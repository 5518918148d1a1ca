//! Traces for a collector of OpenTelemetry: a small one that decodes what it gets.

use std::collections::BTreeMap;
use std::fs;
use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;

use crate::school::{Client, Database, Process, eventually, matricula};

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::clone(&collector.0);
        let receive = move |uri: Uri, body: Bytes| {
            assert_eq!(uri.path(), "/v1/traces");
            received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
            ready(StatusCode::OK)
        };
        let router = Router::new().fallback(receive);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.0.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The one span with this name.
    fn span(&self, name: &str) -> Span {
        let mut found: Vec<_> = self.spans().into_iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.spans());
        found.remove(0)
    }
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let value = |attribute: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
        (attribute.key.clone(), text(value))
    };
    span.attributes.iter().map(value).collect()
}

async fn serve(database: &Database, collector: &str, more: &[&str]) -> Process {
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0", "--log", "error"]);
    command.args(["--otlp-endpoint", collector]).args(more);
    Process::start(command).await
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_change_is_a_trace_of_its_request_its_wait_and_its_commit() {
    let (collector, url) = Collector::start().await;
    let database = Database::new();
    let server = serve(&database, &url, &[]).await;
    let client = Client::new(server.address);
    let ana = json!({"name": "Ana Marchetti", "email": "ana@example.edu"});
    let asked = client.ask("POST", "/api/v1/students").header("x-request-id", "req-42").json(&ana);
    asked.header("traceparent", PARENT).await.is_created();
    client.ask("GET", "/api/v1/students?q=marchetti").await.is_ok();
    client.ask("GET", "/api/v1/students/7").await.is(404);
    client.ask("GET", "/nowhere/Marchetti").await.is(404);
    // What is left is sent when the server stops.
    assert!(server.terminate().await.success());

    let request = collector.span("POST /api/v1/students");
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("http.route", "/api/v1/students"),
        ("matricula.request_id", "req-42"),
    ];
    let found = attributes(&request);
    assert_eq!(found.iter().map(|(key, value)| (&**key, &**value)).collect::<Vec<_>>(), expected);
    // Anybody can send a parent.
    assert!(request.parent_span_id.is_empty() && request.trace_id != hex("4bf92f3577b34da6a3ce929d0e0e4736"));
    let (queue, commit) = (collector.span("queue"), collector.span("commit"));
    for part in [&queue, &commit] {
        assert_eq!((&part.trace_id, &part.parent_span_id), (&request.trace_id, &request.span_id));
        assert!(request.start_time_unix_nano <= part.start_time_unix_nano, "{request:?} {part:?}");
        assert!(part.start_time_unix_nano <= part.end_time_unix_nano);
    }
    assert_eq!(queue.end_time_unix_nano, commit.start_time_unix_nano);
    assert_eq!(attributes(&commit)["matricula.batch_size"], "1");
    assert_eq!(
        attributes(&collector.span("GET /api/v1/students/{student_id}"))["http.response.status_code"],
        "404"
    );
    assert_eq!(attributes(&collector.span("GET unmatched"))["http.route"], "unmatched");

    let everything = format!("{:?}", collector.0.lock().unwrap()).to_lowercase();
    assert!(everything.contains("\"matricula\"") && !everything.contains("marchetti"), "{everything}");
    assert!(!everything.contains("ana@example.edu") && !everything.contains("127.0.0.1"), "{everything}");
}

#[tokio::test]
async fn the_trace_of_a_trusted_proxy_is_continued() {
    let (collector, url) = Collector::start().await;
    let database = Database::new();
    let server = serve(&database, &url, &["--trusted-proxy", "127.0.0.0/8"]).await;
    let client = Client::new(server.address);
    let course = json!({"name": "Algebra", "level": "one"});
    client.ask("POST", "/api/v1/courses").header("traceparent", PARENT).json(&course).await.is_created();
    let not_sampled = PARENT.replace("-01", "-00");
    client.ask("GET", "/api/v1/courses/1").header("traceparent", &not_sampled).await.is_ok();
    client.ask("GET", "/api/v1/courses").header("traceparent", "00-nonsense").await.is_ok();
    assert!(server.terminate().await.success());

    let request = collector.span("POST /api/v1/courses");
    assert_eq!(request.trace_id, hex("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(request.parent_span_id, hex("00f067aa0ba902b7"));
    assert_eq!(collector.span("commit").trace_id, request.trace_id);
    assert!(collector.span("GET /api/v1/courses").parent_span_id.is_empty());
    assert_eq!(collector.spans().len(), 4, "{:?}", collector.spans());
}

#[tokio::test]
async fn requests_do_not_wait_for_a_collector_that_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let database = Database::new();
    let log = database.folder().join("log");
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0", "--log", "warn"]);
    command.args(["--otlp-endpoint", &url]).stderr(fs::File::create(&log).unwrap());
    let server = Process::start(command).await;
    let client = Client::new(server.address);
    client
        .ask("POST", "/api/v1/courses")
        .json(&json!({"name": "Algebra", "level": "one"}))
        .await
        .is_created();
    eventually("the log output says why", async || {
        fs::read_to_string(&log).unwrap().contains("traces cannot be sent")
    })
    .await;
    assert!(server.terminate().await.success());
}

#[test]
fn an_address_that_is_none_is_refused() {
    for wrong in
        ["127.0.0.1:4318", "ftp://collector", "http://user:secret@collector", "http://collector?key=secret"]
    {
        let output = matricula().args(["--otlp-endpoint", wrong]).output().unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{why}");
        assert!(why.contains("it must be a URL like http://127.0.0.1:4318"), "{why}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
