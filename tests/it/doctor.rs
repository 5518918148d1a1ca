//! `matricula doctor`: each thing that can be wrong with a set-up is found, and a good set-up has nothing wrong.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use matricula::http::limits::RequestLimits;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use xtask::postgres::{self, Server};

use crate::school::{Client, Database, OtherProgram, Process, School, eventually, matricula};

/// The findings on this database, as JSON.
struct Findings(Value);

impl Findings {
    fn of(database: &Database, flags: &[&str]) -> Self {
        let output = run(database, &[flags, &["--json"]].concat());
        let findings: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
        assert_eq!(output.status.success(), findings["ok"] == true, "{output:?}");
        Self(findings)
    }

    /// The finding of this check whose detail has this text.
    #[track_caller]
    fn has(&self, state: &str, check: &str, detail: &str) {
        let findings = self.0["findings"].as_array().unwrap();
        let is_it = |finding: &&Value| {
            finding["check"] == check && finding["detail"].as_str().unwrap().contains(detail)
        };
        let found = findings
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no {check} with {detail:?} in {:#}", self.0));
        assert_eq!(found["state"], state, "{found:#}");
        assert_eq!(found["advice"].is_string(), state == "wrong", "{found:#}");
    }

    /// The checks that found something wrong.
    fn wrong(&self) -> Vec<&str> {
        let findings = self.0["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["state"] == "wrong")
            .map(|finding| finding["check"].as_str().unwrap())
            .collect()
    }
}

fn run(database: &Database, flags: &[&str]) -> Output {
    matricula().arg("doctor").arg("--database").arg(database.argument()).args(flags).output().unwrap()
}

fn set_rights(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn migrated() -> Database {
    School::open().await.close().await
}

#[tokio::test]
async fn a_school_that_is_set_up_well_has_nothing_wrong_sqlite_only() {
    let database = migrated().await;
    set_rights(database.argument(), 0o640);
    let findings = Findings::of(&database, &[]);
    findings.has("ok", "rights", "only the owner and the group may use");
    findings.has("ok", "migrations", "has the schema of this program");
    findings.has("ok", "log", "not ahead");
    // The machine that runs the tests may have a slow disk, or one in memory.
    let wrong: Vec<_> = findings
        .wrong()
        .into_iter()
        .filter(|check| !["flush", "file system", "space", "clock"].contains(check))
        .collect();
    assert_eq!(wrong, [""; 0]);
    let before = fs::read_dir(database.folder()).unwrap().count();
    let text = String::from_utf8(run(&database, &[]).stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("ok      rights       only the owner")), "{text}");
    assert!(text.lines().any(|line| line.contains("flush        a flush to the disk of ")), "{text}");
    assert_eq!(fs::read_dir(database.folder()).unwrap().count(), before, "nothing is left behind");
}

#[tokio::test]
async fn a_database_that_everybody_can_read_is_wrong_sqlite_only() {
    let database = migrated().await;
    set_rights(database.argument(), 0o644);
    Findings::of(&database, &[]).has("wrong", "rights", "every user of this machine has rights to");
    let output = run(&database, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("WRONG   rights ")).unwrap();
    assert!(line.contains("To do: chmod o= "), "{line}");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(" wrong"));
}

#[tokio::test]
async fn a_database_that_is_missing_something_else_or_not_migrated_is_wrong_sqlite_only() {
    let database = Database::file();
    Findings::of(&database, &[]).has("wrong", "database", "does not exist");
    fs::write(database.argument(), "this is a text, and not a database").unwrap();
    Findings::of(&database, &[]).has("wrong", "database", "it is not an SQLite database");
    let database = Database::file();
    database.runs("create table students (id integer primary key, name text)");
    Findings::of(&database, &[]).has("wrong", "migrations", "the schema of");
}

#[tokio::test]
async fn an_event_in_the_future_is_wrong() {
    let database = migrated().await;
    database.runs("update log_head set last_at = '2199-01-01T00:00:00.000Z'");
    Findings::of(&database, &[]).has("wrong", "log", "s ahead of the clock");
}

#[tokio::test]
async fn a_backup_has_to_be_recent() {
    let (database, folder) = (migrated().await, tempfile::tempdir().unwrap());
    let flags = ["--backups", folder.path().to_str().unwrap()];
    Findings::of(&database, &flags).has("wrong", "backups", "has no backup");
    let backup = folder.path().join("school.db");
    fs::write(&backup, "").unwrap();
    Findings::of(&database, &flags).has("wrong", "backups", "has no backup");
    // What a backup that was killed leaves.
    fs::write(folder.path().join("school.db.0123abcd.partial"), "data").unwrap();
    Findings::of(&database, &flags).has("wrong", "backups", "has no backup");
    fs::write(&backup, "data").unwrap();
    Findings::of(&database, &flags).has("ok", "backups", "is 0 hours old");
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(&backup).unwrap().set_modified(old).unwrap();
    Findings::of(&database, &flags).has("wrong", "backups", "hours old");
    Findings::of(&database, &["--backups", "/nowhere"]).has("wrong", "backups", "cannot be read");
}

#[tokio::test]
async fn a_certificate_has_to_be_valid_for_two_weeks() {
    let (database, folder) = (migrated().await, tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key_file) = (path("cert.pem"), path("key.pem"));
    let flags = ["--tls-cert", &certificate, "--tls-key", &key_file];
    Findings::of(&database, &flags).has("wrong", "certificate", "cannot read");
    for (year, state, detail) in
        [(2050, "ok", "it fits its key and expires in"), (2020, "wrong", "it expired 2020-01-01")]
    {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        set_rights(&key_file, 0o600);
        Findings::of(&database, &flags).has(state, "certificate", detail);
    }
}

#[tokio::test]
async fn a_password_in_a_settings_file_is_for_matricula_only() {
    let (database, folder) = (migrated().await, tempfile::tempdir().unwrap());
    let settings = folder.path().join("matricula.toml");
    fs::write(&settings, "database = 'postgres://ana:hunter2@db/school'").unwrap();
    let flags = ["--config", settings.to_str().unwrap()];
    for (mode, state) in [(0o644, "wrong"), (0o640, "ok")] {
        set_rights(&settings, mode);
        let findings = Findings::of(&database, &flags);
        findings.has(state, "settings", "the password in");
        assert!(!findings.0.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_role_without_a_right_and_one_with_all_of_them_are_wrong_postgres_only() {
    let server = Server::start().unwrap();
    let database = Database::at(server.url());
    Findings::of(&database, &[]).has("wrong", "role", "is a superuser");
    School::open_at(&database).await.close().await;
    let owner = OtherProgram::at(&server.url());
    owner
        .execute_batch(
            "create role registrar login; grant all on all tables in schema public to registrar; \
             revoke insert on events from registrar",
        )
        .unwrap();
    let mut url = server.url();
    url = url.replacen("://", "://registrar@", 1).replacen("registrar@postgres@", "registrar@", 1);
    let findings = Findings::of(&Database::at(url), &[]);
    findings.has("ok", "role", "registrar is no superuser");
    findings.has("wrong", "role", "it has no right to insert on events");
    findings.has("ok", "clock", "this machine's clock and the database's are");
    findings.has("ok", "standbys", "there are none");
}

/// A program that copies the log of a server, as a standby does; killed when dropped.
struct Standby(std::process::Child);

impl Standby {
    fn follow(server: &Server, folder: &Path) -> Self {
        let program = postgres::programs()
            .map_or_else(|| "pg_receivewal".into(), |folder| folder.join("pg_receivewal"));
        let mut command = Command::new(program);
        command.args(["--synchronous", "-d", &server.url(), "-D"]).arg(folder).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn standbys_that_need_not_confirm_are_reported_everywhere_postgres_only() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    let database = Database::at(server.url());
    School::open_at(&database).await.close().await;
    let standby = Standby::follow(&server, folder.path());
    let other = OtherProgram::at(&server.url());
    eventually("the standby follows", async || {
        other.column("select count(*)::text from pg_stat_replication where state = 'streaming'") == ["1"]
    })
    .await;

    let findings = Findings::of(&database, &[]);
    findings.has("wrong", "safety", "fsync is off");
    findings.has("wrong", "standbys", "the database has 1 standby, and none has to confirm a change");
    let log = folder.path().join("log");
    let mut command = matricula();
    command.arg("--database").arg(database.argument()).args(["--listen", "127.0.0.1:0", "--log", "warn"]);
    command.stderr(fs::File::create(&log).unwrap());
    let process = Process::start(command).await;
    let client = Client::new(process.address);
    let ready = client.ask("GET", "/readyz").await.is_ok();
    assert!(
        ready.text().starts_with("ready\nwarning: the database has 1 standby, and none "),
        "{}",
        ready.text()
    );
    assert!(fs::read_to_string(&log).unwrap().contains("the database has 1 standby, and none "));

    other.execute_batch("alter system set synchronous_standby_names = '*'").unwrap();
    other.column("select pg_reload_conf()::text");
    eventually("the standby confirms", async || {
        client.ask("GET", "/readyz").await.is_ok().text() == "ready\n"
    })
    .await;
    Findings::of(&database, &[]).has("ok", "standbys", "one has to confirm each change");
    drop(standby);
}

/// What a proxy does to requests and answers.
#[derive(Clone, Copy)]
struct Way {
    /// The `Host` header that it sends.
    host: &'static str,
    /// Another header that it adds.
    adds: &'static str,
    /// Whether it holds back answers until they are complete.
    buffers: bool,
}

/// A proxy in front of this server; returns its address.
async fn proxy(server: SocketAddr, way: Way) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, server, way, address));
        }
    });
    format!("http://{address}")
}

async fn pass(mut client: TcpStream, server: SocketAddr, way: Way, own: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let host = if way.host.is_empty() { own.to_string() } else { way.host.to_owned() };
    let first = head.lines().next().unwrap();
    let request = format!("{first}\r\nhost: {host}\r\n{}connection: close\r\n\r\n", way.adds);
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(request.as_bytes()).await?;
    if way.buffers {
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer).await?;
        client.write_all(&answer).await?;
    } else {
        tokio::io::copy(&mut upstream, &mut client).await?;
    }
    client.shutdown().await
}

const GOOD: Way = Way { host: "", adds: "x-forwarded-proto: http\r\n", buffers: false };

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_passes_everything_on_has_nothing_wrong() {
    let school = School::open().await;
    let url = proxy(school.address, GOOD).await;
    let findings = doctor_at(&school, &url).await;
    for (check, detail) in [
        ("host", "arrives as clients send it"),
        ("public URL", "none is needed"),
        ("scheme", "as X-Forwarded-Proto says"),
        ("stream", "arrive as they are written"),
    ] {
        findings.has("ok", check, detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_does_wrong_is_found() {
    let school = School::open().await;
    let url =
        proxy(school.address, Way { host: "localhost", adds: "x-forwarded-proto: https\r\n", buffers: true })
            .await;
    let findings = doctor_at(&school, &url).await;
    findings.has("wrong", "host", "localhost arrives as the Host header");
    findings.has("wrong", "scheme", "clients use https, and they use http");
    findings.has("wrong", "stream", "holds back answers");
    let url = proxy(school.address, Way { host: "courses.example.edu", ..GOOD }).await;
    doctor_at(&school, &url).await.has("wrong", "proxy", "which arrives for another host");
    let url = gatekeeper().await;
    doctor_at(&school, &url).await.has("wrong", "proxy", "something in front of the server refuses");
    doctor_at(&school, "http://127.0.0.1:1").await.has("wrong", "proxy", "cannot be reached");

    let limits = RequestLimits {
        public_url: Some("https://courses.example.edu".parse().unwrap()),
        ..RequestLimits::default()
    };
    let school = School::open_with(limits).await;
    let url = proxy(school.address, GOOD).await;
    doctor_at(&school, &url).await.has("wrong", "public URL", "it is https://courses.example.edu, and not");
}

/// A proxy that lets nobody in; returns its address.
async fn gatekeeper() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let refuse = axum::Router::new().fallback(async || (axum::http::StatusCode::FORBIDDEN, "403 Forbidden"));
    tokio::spawn(async move { axum::serve(listener, refuse).await });
    format!("http://{address}")
}

/// The findings of a doctor who asks a running server at this address.
async fn doctor_at(school: &School, url: &str) -> Findings {
    let (database, url) = (school.database().clone(), url.to_owned());
    tokio::task::spawn_blocking(move || Findings::of(&database, &["--url", &url])).await.unwrap()
}
