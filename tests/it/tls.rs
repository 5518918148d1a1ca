//! The server's own TLS: what clients get, how a certificate is renewed, and what is refused.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use matricula::http::limits::{self, RequestLimits};
use matricula::http::server::{Bounds, Server};
use matricula::http::tls::{CertificateFiles, Tls};
use matricula::metrics::Metrics;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::school::{Database, Process, Raw, RawAnswer, eventually, matricula};

const LARGE: usize = 8 * 1024 * 1024;

/// A folder with a certificate and its key.
struct Files {
    folder: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// The files, with a certificate that expires in this year. Clients trust it.
    fn new(year: i32) -> (Self, CertificateDer<'static>) {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let files = Self { folder, certificate, key };
        let issued = files.renew(year);
        (files, issued)
    }

    /// Replaces both files.
    fn renew(&self, year: i32) -> CertificateDer<'static> {
        let (certificate, key, issued) = issue(year);
        fs::write(&self.certificate, certificate).unwrap();
        fs::write(&self.key, key).unwrap();
        self.set_rights(0o640);
        issued
    }

    fn set_rights(&self, mode: u32) {
        fs::set_permissions(&self.key, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles { certificate: self.certificate.clone(), key: self.key.clone() }
    }
}

/// A certificate for `localhost` and its key, in PEM, and the certificate as clients see it.
fn issue(year: i32) -> (String, String, CertificateDer<'static>) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem(), certificate.der().clone())
}

/// A server with TLS that answers a few addresses.
struct TlsServer {
    address: SocketAddr,
    metrics: Metrics,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl TlsServer {
    async fn start(files: &Files, bounds: Bounds) -> Self {
        let router = Router::new().route("/large", get(|| async { vec![b'x'; LARGE] }));
        let router = router.route("/", get(|| async { "here" }));
        let metrics = Metrics::default();
        let public_url = Some("https://courses.example.edu".parse().unwrap());
        let limits = RequestLimits { tls: true, public_url, ..RequestLimits::default() };
        let router = limits::apply(router, &limits, &metrics, matricula::pages::kit::problems::page);
        let tls = Tls::open(files.files(), Duration::from_millis(10), &metrics).unwrap();
        let server = Server::bind(&[([127, 0, 0, 1], 0).into()]).await.unwrap();
        let server = server.with_bounds(bounds).with_tls(Some(tls));
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.serve(router, async { _ = stopped.await }));
        Self { address, metrics, stop, running }
    }

    fn metric(&self, name: &str) -> String {
        let (text, start) = (self.metrics.render(), format!("matricula_{name} "));
        text.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .to_owned()
    }
}

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A connection of a client that trusts only this certificate; `None` if the handshake fails.
async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Option<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}

/// Sends a request with these headers and returns the whole answer; the server ends it as TLS requires.
async fn ask(stream: &mut TlsStream<TcpStream>, path: &str, headers: &str) -> RawAnswer {
    let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    RawAnswer(String::from_utf8(bytes).unwrap())
}

async fn can_connect(server: &TlsServer, trusted: &CertificateDer<'static>) -> bool {
    connect(server.address, trusted, &BOTH, &[]).await.is_some()
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_http_1_1_is_agreed_on() {
    let (files, trusted) = Files::new(2050);
    let server = TlsServer::start(&files, Bounds::default()).await;
    for version in BOTH {
        let mut stream = connect(server.address, &trusted, &[version], &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let answer = ask(&mut stream, "/", "host: localhost\r\n").await;
        assert_eq!(answer.status(), 200);
        let mut stream = connect(server.address, &trusted, &[version], &[]).await.unwrap();
        let answer = ask(&mut stream, "/large", "host: localhost\r\n").await;
        let body = answer.0.split_once("\r\n\r\n").unwrap().1;
        assert!(body.len() == LARGE && body.bytes().all(|byte| byte == b'x'));
    }
    assert!(connect(server.address, &trusted, &BOTH, &["h2"]).await.is_none());
    server.stop.send(()).unwrap();
    server.running.await.unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_served_to_new_connections() {
    let (files, old) = Files::new(2050);
    let server = TlsServer::start(&files, Bounds::default()).await;
    assert_eq!(server.metric("tls_certificate_expires_seconds"), "2524608000");
    let mut open = connect(server.address, &old, &BOTH, &[]).await.unwrap();
    let new = files.renew(2051);
    eventually("the new certificate is served", async || can_connect(&server, &new).await).await;
    assert_eq!(server.metric("tls_certificate_expires_seconds"), "2556144000");
    assert!(!can_connect(&server, &old).await);
    assert_eq!(
        ask(&mut open, "/", "host: localhost\r\n").await.status(),
        200,
        "connections that are open stay"
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_certificate() {
    let (files, old) = Files::new(2050);
    let server = TlsServer::start(&files, Bounds::default()).await;
    let failed = async |expected: &str| server.metric("tls_reload_failed") == expected;
    let (certificate, key, new) = issue(2051);
    // As a program writes them, one after the other.
    fs::write(&files.certificate, certificate).unwrap();
    eventually("a certificate without its key is noticed", async || failed("1").await).await;
    assert!(can_connect(&server, &old).await);
    fs::write(&files.key, key).unwrap();
    eventually("the pair is whole", async || failed("0").await).await;
    assert!(can_connect(&server, &new).await);
    for break_it in [
        (|files: &Files| fs::remove_file(&files.key).unwrap()) as fn(&Files),
        |files| fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n").unwrap(),
        |files| files.set_rights(0o644),
    ] {
        let new = files.renew(2052);
        eventually("the pair is whole", async || can_connect(&server, &new).await).await;
        break_it(&files);
        eventually("the fault is noticed", async || failed("1").await).await;
        assert!(can_connect(&server, &new).await);
    }
}

#[tokio::test]
async fn a_client_without_tls_gets_a_readable_answer_or_is_closed() {
    let (files, _) = Files::new(2050);
    let server = TlsServer::start(&files, Bounds::default()).await;
    let mut plain = Raw::connect(server.address).await;
    plain.sends("GET / HTTP/1.1\r\nhost: courses.example.edu\r\n\r\n").await;
    let answer = plain.rest().await;
    let problem = answer.is_refused(400, "malformed-request");
    assert_eq!(problem["detail"], "This server speaks TLS only. Use an address that begins with https://.");
    assert_eq!(
        (answer.header("connection"), answer.header("strict-transport-security")),
        (Some("close"), None)
    );
    for other in ["\u{1}\u{2}", "\u{16}\u{3}\u{1}nonsense of a hundred bytes"] {
        let mut client = Raw::connect(server.address).await;
        client.sends(other).await;
        client.0.shutdown().await.unwrap();
        assert!(!client.rest().await.0.contains("HTTP"));
    }
    assert_eq!(server.metric("tls_handshakes_failed_total"), "2");
}

#[tokio::test]
async fn slow_handshakes_are_limited_in_time_and_number() {
    let (files, trusted) = Files::new(2050);
    let bounds = Bounds { head: Duration::from_millis(100), ..Bounds::default() };
    let server = TlsServer::start(&files, bounds).await;
    for begins in ["", "\u{16}\u{3}"] {
        let mut slow = Raw::connect(server.address).await;
        slow.sends(begins).await;
        assert!(slow.is_closed().await);
    }
    // One percent of all handshakes at a time are ten.
    let server = TlsServer::start(&files, Bounds { share: 1, ..Bounds::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(Raw::connect(server.address).await);
    }
    let mut one_more = Raw::connect(server.address).await;
    assert!(one_more.is_closed().await);
    let mut other = Raw::connect_from([127, 0, 0, 2], server.address).await;
    other.sends("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(other.rest().await.status(), 400);
    silent.pop();
    eventually("a place is free again", async || can_connect(&server, &trusted).await).await;
}

#[tokio::test]
async fn browsers_are_told_to_keep_to_tls_on_the_public_host_only() {
    let (files, trusted) = Files::new(2050);
    let server = TlsServer::start(&files, Bounds::default()).await;
    for (host, header) in [
        ("courses.example.edu", Some("max-age=2592000")),
        ("courses.example.edu:8443", Some("max-age=2592000")),
        ("localhost", None),
        ("other.example.edu", None),
    ] {
        let mut stream = connect(server.address, &trusted, &BOTH, &[]).await.unwrap();
        let answer = ask(&mut stream, "/", &format!("host: {host}\r\n")).await;
        assert_eq!(answer.header("strict-transport-security"), header, "{host}");
    }
}

/// The program with these flags, which does not start: its message.
fn refused(flags: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = matricula();
    let output =
        command.current_dir(folder.path()).args(["--listen", "127.0.0.1:0"]).args(flags).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    error.strip_prefix("matricula: ").unwrap_or_else(|| panic!("{error}")).trim_end().to_owned()
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let (files, _) = Files::new(2050);
    let (cert, key) = (files.certificate.to_str().unwrap(), files.key.to_str().unwrap());
    let both = ["--tls-cert", cert, "--tls-key", key];
    assert_eq!(refused(&both[..2]), "--tls-cert needs the private key of the certificate: --tls-key");
    assert_eq!(refused(&both[2..]), "--tls-key needs the certificate of the private key: --tls-cert");
    assert_eq!(
        refused(&[&both[..], &["--public-url", "http://x.edu"]].concat()),
        "the public URL is http://x.edu, and with --tls-cert the server speaks TLS only: write it with https://"
    );
    files.set_rights(0o644);
    assert_eq!(
        refused(&both),
        format!("{key}: every user of this machine has rights to this private key: chmod o= {key}")
    );
    files.set_rights(0o600);
    fs::write(&files.certificate, issue(2050).0).unwrap();
    let error = refused(&both);
    assert!(error.starts_with(&format!("{cert} and {key} cannot be used together: ")), "{error}");
    fs::write(&files.certificate, "no certificate").unwrap();
    assert_eq!(refused(&both), format!("{cert}: it has no certificate in PEM (nothing found)"));
    files.renew(2050);
    fs::write(&files.key, "no key").unwrap();
    let error = refused(&both);
    assert!(
        error.starts_with(&format!("{key}: it has no private key without a passphrase in PEM (")),
        "{error}"
    );
    fs::remove_file(&files.key).unwrap();
    assert_eq!(refused(&both), format!("cannot read {key}: No such file or directory (os error 2)"));
}

#[tokio::test]
async fn with_a_certificate_links_and_cookies_are_for_https() {
    let (files, trusted) = Files::new(2050);
    let settings = files.folder.path().join("matricula.toml");
    fs::write(&settings, "tls-cert = 'cert.pem'\ntls-key = 'key.pem'\nlisten = '127.0.0.1:0'\nlog = 'error'")
        .unwrap();
    let database = Database::new();
    let mut command = matricula();
    let words = ["account", "add", "--role", "admin", "Ana", "ana@x.edu", "--database"];
    let link = command.args(words).arg(database.argument()).output().unwrap();
    let link = String::from_utf8(link.stdout).unwrap();
    let mut command = matricula();
    command.arg("--config").arg(&settings).arg("--database").arg(database.argument());
    let server = Process::start(command).await;
    let address = server.address;
    assert!(
        server.line.contains(&format!("https://{address} (API reference: https://{address}/docs/)")),
        "{}",
        server.line
    );
    let path = link.trim().strip_prefix("http://127.0.0.1:8080").unwrap();
    let mut stream = connect(address, &trusted, &BOTH, &[]).await.unwrap();
    let host = format!("host: localhost:{}\r\n", address.port());
    let body = "password=correct+horse+battery+staple";
    let head = format!(
        "POST {path} HTTP/1.1\r\n{host}origin: https://localhost:{}\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        address.port(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let answer = RawAnswer(String::from_utf8(bytes).unwrap());
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(cookie.starts_with("__Host-matricula=") && cookie.contains("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let mut stream = connect(address, &trusted, &BOTH, &[]).await.unwrap();
    let reads = format!("{host}cookie: {cookie}\r\n");
    let answer = ask(&mut stream, "/api/v1/students?limit=1", &reads).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.header("strict-transport-security"), None, "this host is only this machine");
    assert!(server.terminate().await.success());
}
