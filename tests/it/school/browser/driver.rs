//! Starts chromedriver and speaks WebDriver with it: JSON over HTTP.

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

/// The key of an element's id in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver process; dropping it also ends the browsers that it has started.
struct Driver {
    child: Child,
    address: SocketAddr,
    /// Home and temporary folder of chromedriver and chromium.
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
            // chromedriver picks a free port for IPv4 or IPv6, and exits if another test has that port for the other.
            for _ in 0..20 {
                let mut child = command.spawn().expect("no chromedriver: run `cargo xtask setup`");
                let mut stdout = BufReader::new(child.stdout.take().unwrap());
                if let Some(port) = port(&mut stdout) {
                    // It fails if nobody reads its output.
                    std::thread::spawn(move || io::copy(&mut stdout, &mut io::sink()));
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
fn port(stdout: &mut impl BufRead) -> Option<u16> {
    let lines = stdout.lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| Some(line.split_once("successfully on port ")?.1.to_owned()));
    ports.next()?.trim_end_matches('.').parse().ok()
}

impl Drop for Driver {
    /// Asks it to shut down, which ends chromium too; killing it would leave chromium behind.
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

/// A headless chromium. Errors are the messages of chromedriver.
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

    /// Runs a function body in the page, even if the page does not allow scripts, and returns its result.
    pub(super) async fn run(&self, script: &str, arguments: Value) -> Result<Value, String> {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// As `run`, for a script that calls its last argument when it is done; works only if the page allows scripts.
    pub(super) async fn run_async(&self, script: &str, argument: Value) -> Result<Value, String> {
        self.post("/execute/async", json!({"script": script, "args": [argument]})).await
    }

    /// Sends a command of the `DevTools` protocol of Chrome.
    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await.unwrap()
    }

    /// Entries that were added to a log since the last call.
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
        let answer = self.http.request(request).await.expect("chromedriver runs");
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
        // CI runs as root, for whom chromium has no sandbox, and has little shared memory.
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

/// The id of an element in a response.
pub(super) fn element_id(found: &Value) -> Result<String, String> {
    found[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| format!("{found} is not an element"))
}

/// An element as the argument of a script.
pub(super) fn as_argument(id: &str) -> Value {
    json!({ELEMENT: id})
}
