//! chromedriver, and what is said to it: WebDriver is JSON over HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The name of an element's id, as WebDriver has it.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver of its own, which ends with all that it has started.
struct Driver {
    child: Child,
    address: SocketAddr,
    /// Where it and chromium keep what they write.
    _home: TempDir,
}

impl Driver {
    async fn start() -> Self {
        let home = TempDir::new().unwrap();
        let mut command = Command::new("chromedriver");
        command
            .args(["--port=0", "--log-level=SEVERE"])
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            // The same language and zone on every machine.
            .env("LANGUAGE", "en_US")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let start = move || {
            // It takes a free port of one family of addresses and ends if another test has that port of the other family.
            for _ in 0..20 {
                let mut child = command.spawn().expect("no chromedriver: run `cargo xtask setup`");
                let mut said = BufReader::new(child.stdout.take().unwrap());
                if let Some(port) = port(&mut said) {
                    // It fails where nobody reads what it says.
                    std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
                    return (child, port);
                }
                let _ = child.kill();
                let _ = child.wait();
            }
            panic!("chromedriver does not listen");
        };
        let (child, port) = tokio::task::spawn_blocking(start).await.unwrap();
        Self { child, address: ([127, 0, 0, 1], port).into(), _home: home }
    }
}

/// From `ChromeDriver was started successfully on port 41231.`
fn port(said: &mut impl BufRead) -> Option<u16> {
    let lines = said.lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| Some(line.split_once("successfully on port ")?.1.to_owned()));
    ports.next()?.trim_end_matches('.').parse().ok()
}

impl Drop for Driver {
    /// Killed, it would leave chromium behind; asked, it ends both.
    fn drop(&mut self) {
        if let Ok(mut socket) = TcpStream::connect(self.address)
            && socket.set_read_timeout(Some(Duration::from_secs(10))).is_ok()
        {
            let _ =
                socket.write_all(b"GET /shutdown HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let _ = socket.read_to_end(&mut Vec::new());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chromium without a window. What it refuses is said in words.
pub(super) struct Session {
    driver: Driver,
    http: Client<HttpConnector, Full<Bytes>>,
    path: String,
}

impl Session {
    pub(super) async fn start() -> Self {
        let driver = Driver::start().await;
        let http = Client::builder(TokioExecutor::new()).build_http();
        let mut session = Self { driver, http, path: "/session".to_owned() };
        let started = session.ask(Method::POST, "", &capabilities()).await.unwrap();
        session.path = format!("/session/{}", started["sessionId"].as_str().unwrap());
        session
    }

    pub(super) async fn get(&self, command: &str) -> Result<Value, String> {
        self.ask(Method::GET, command, &Value::Null).await
    }

    pub(super) async fn post(&self, command: &str, body: Value) -> Result<Value, String> {
        self.ask(Method::POST, command, &body).await
    }

    /// The body of a function, run in the page, whatever the page thinks of scripts.
    pub(super) async fn run(&self, script: &str, arguments: Value) -> Result<Value, String> {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// The same for one that ends when it calls its last argument; in vain on a page that may have no scripts.
    pub(super) async fn run_to_the_call(&self, script: &str) -> Result<Value, String> {
        self.post("/execute/async", json!({"script": script, "args": []})).await
    }

    /// A command of Chrome's own protocol.
    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await.unwrap()
    }

    /// What came into a log since it was last asked for.
    pub(super) async fn log(&self, kind: &str) -> Vec<Value> {
        let Value::Array(entries) = self.post("/se/log", json!({"type": kind})).await.unwrap() else {
            panic!("no list of entries");
        };
        entries
    }

    async fn ask(&self, method: Method, command: &str, body: &Value) -> Result<Value, String> {
        let uri = format!("http://{}{}{command}", self.driver.address, self.path);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(uri).body(Full::from(body)).unwrap();
        let answer = self.http.request(request).await.expect("chromedriver has gone");
        let succeeded = answer.status().is_success();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let value = serde_json::from_slice::<Value>(&body).unwrap()["value"].take();
        if succeeded {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or_default();
        Err(format!("{} ({})", message.lines().next().unwrap_or_default(), value["error"]))
    }
}

fn capabilities() -> Value {
    let chromium = json!({
        // CI is root, whom chromium refuses its sandbox, and has little shared memory.
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-component-update"],
        "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
    });
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "timeouts": {"pageLoad": 30_000},
        "goog:chromeOptions": chromium,
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }}})
}

/// The id of an element in an answer.
pub(super) fn element_id(found: &Value) -> Result<String, String> {
    found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| format!("{found} is no element"))
}

/// An element as the argument of a script.
pub(super) fn as_argument(id: &str) -> Value {
    json!({ELEMENT: id})
}
