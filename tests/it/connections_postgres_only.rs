//! Connections to a server: errors are one clear line, and nothing is lost or done twice when a connection breaks.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use xtask::postgres::Server;

use crate::school::{Client, Database, OtherProgram, Process, School, eventually, matricula};

/// The line that `matricula check` prints when it fails.
fn check_error(url: &str) -> String {
    let output = matricula().args(["check", "--database", url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
    stderr.trim().to_owned()
}

/// As [`check_error`], while the test itself plays the server.
async fn check_error_async(url: String) -> String {
    tokio::task::spawn_blocking(move || check_error(&url)).await.unwrap()
}

#[test]
fn connection_errors_are_one_line_without_the_password() {
    let mut server = Server::start_with(&[], |data| {
        let rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        Ok(fs::write(data.join("pg_hba.conf"), rules)?)
    })
    .unwrap();
    let postgres = OtherProgram::at(&server.url());
    postgres.execute_batch("create role ana login password 'right'").unwrap();
    postgres.execute_batch("create database latin template template0 encoding 'LATIN1' locale 'C'").unwrap();
    let at =
        |rest: &str| format!("postgres://{}", rest.replace('@', &format!("@127.0.0.1:{}", server.port())));

    let wrong_password = check_error(&at("ana:hunter2@/postgres"));
    assert!(wrong_password.contains("password authentication failed for user \"ana\""), "{wrong_password}");
    let wrong_database = check_error(&at("postgres:hunter2@/nowhere"));
    assert!(wrong_database.contains("database \"nowhere\" does not exist"), "{wrong_database}");
    let no_tls = check_error(&at("postgres:hunter2@/postgres?sslmode=require"));
    assert!(no_tls.contains("no TLS"), "{no_tls}");
    let no_file = check_error(&at("postgres:hunter2@/postgres?sslmode=verify-ca&sslrootcert=/nowhere.pem"));
    assert!(no_file.contains("sslrootcert /nowhere.pem"), "{no_file}");
    let latin = check_error(&at("postgres:hunter2@/latin"));
    assert!(latin.contains("the database's encoding is LATIN1; UTF8 is needed"), "{latin}");
    let unknown_mode = check_error(&at("postgres:hunter2@/postgres?sslmode=on"));
    assert!(unknown_mode.contains("sslmode=on is not one of"), "{unknown_mode}");
    let not_migrated = check_error(&at("postgres:hunter2@/postgres"));
    assert!(not_migrated.contains("migrate"), "{not_migrated}");
    let url = at("postgres:hunter2@/postgres");
    server.stop().unwrap();
    let away = check_error(&url);
    assert!(away.contains("Connection refused"), "{away}");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let old = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let _ = client.read(&mut read).await.unwrap();
        // Authentication has succeeded; ready for a query.
        client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
        let _ = client.read(&mut read).await.unwrap();
        let values: [&[u8]; 5] = [b"140011", b"14.11", b"UTF8", b"yes", b"1"];
        let column = |name: u8| {
            [&[name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25], &[255, 255, 255, 255, 255, 255, 0, 0][..]].concat()
        };
        let columns: Vec<u8> = [b"\0\x05".to_vec(), (b'a'..b'f').flat_map(column).collect()].concat();
        let cell = |value: &&[u8]| [&u32::try_from(value.len()).unwrap().to_be_bytes(), *value].concat();
        let cells = [b"\0\x05".to_vec(), values.iter().flat_map(cell).collect()].concat();
        let message = |kind: u8, body: &[u8]| {
            [&[kind], &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
        };
        for part in [
            message(b'T', &columns),
            message(b'D', &cells),
            message(b'C', b"SELECT 1\0"),
            message(b'Z', b"I"),
        ] {
            client.write_all(&part).await.unwrap();
        }
        let _ = client.read(&mut read).await;
    });
    let error = check_error_async(format!("postgres://ana@{address}/school?sslmode=disable")).await;
    assert!(error.contains("the server is PostgreSQL 14.11; 15 or newer is needed"), "{error}");
    old.abort();
}

/// Keys and certificates, by `openssl`: `ca.pem` has signed `server.pem` for `localhost`; `other.pem` has signed
/// nothing.
fn certificates(folder: &Path) {
    let openssl = |line: &str| {
        let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
    );
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

#[test]
fn sslmode_works_as_in_libpq() {
    let certs = TempDir::new().unwrap();
    certificates(certs.path());
    let server =
        Server::start_with(&["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"], |data| {
            for name in ["server.pem", "server.key"] {
                fs::copy(certs.path().join(name), data.join(name))?;
            }
            let chmod = Command::new("chmod").arg("600").arg(data.join("server.key")).status()?;
            assert!(chmod.success());
            // `ana` has to use TLS, `postgres` does not.
            let rules = "host all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 trust\n";
            Ok(fs::write(data.join("pg_hba.conf"), rules)?)
        })
        .unwrap();
    OtherProgram::at(&server.url()).execute_batch("create role ana login").unwrap();
    let folder = certs.path().display();
    let port = server.port();
    let fails =
        |host: &str, query: &str| check_error(&format!("postgres://ana@{host}:{port}/postgres?{query}"));
    // With a connection, the error is that the database has not been migrated.
    let works = |host: &str, query: &str| {
        let error = fails(host, query);
        assert!(error.contains("migrate"), "{query}: {error}");
    };

    works("127.0.0.1", "");
    works("127.0.0.1", "sslmode=allow");
    works("127.0.0.1", "sslmode=prefer");
    works("127.0.0.1", "sslmode=require");
    works("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={folder}/ca.pem"));
    works("127.0.0.1", &format!("sslmode=require&sslrootcert={folder}/ca.pem"));
    works("localhost", &format!("sslmode=verify-full&sslrootcert={folder}/ca.pem"));

    let refused = fails("127.0.0.1", "sslmode=disable");
    assert!(refused.contains("no encryption"), "{refused}");
    let name = fails("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={folder}/ca.pem"));
    assert!(name.contains("no TLS with this server: ") && name.contains("not valid for name"), "{name}");
    for query in ["sslmode=verify-ca", "sslmode=verify-full", "sslmode=require"] {
        let issuer = fails("localhost", &format!("{query}&sslrootcert={folder}/other.pem"));
        assert!(issuer.contains("UnknownIssuer"), "{query}: {issuer}");
    }
}

/// A `pgbouncer` in transaction mode, in front of a server.
struct Bouncer {
    process: std::process::Child,
    _folder: TempDir,
    port: u16,
}

impl Bouncer {
    fn start(server: &Server, further: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n\
             user = nobody\n{further}\n",
            server.port()
        );
        fs::write(folder.path().join("settings"), settings).unwrap();
        let open = Command::new("chmod").arg("-R").arg("a+rX").arg(folder.path()).status().unwrap();
        assert!(open.success());
        let mut command = Command::new("pgbouncer");
        command.arg("-q").arg(folder.path().join("settings")).stderr(std::process::Stdio::null());
        let process = command.spawn().unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Self { process, _folder: folder, port }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgbouncer_in_transaction_mode_is_noticed_and_works() {
    let server = Server::start().unwrap();
    // Settings that connection options cannot override behind a pooler.
    for setting in
        ["standard_conforming_strings = off", "datestyle = 'SQL, DMY'", "default_transaction_read_only = on"]
    {
        let set = format!("alter database postgres set {setting}");
        OtherProgram::at(&server.url()).execute_batch(&set).unwrap();
    }
    let bouncer = Bouncer::start(&server, "");
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", bouncer.port);
    let (one, two) = tokio::join!(Process::serve_at(&url), Process::serve_at(&url));
    let servers = [Client::new(one.address), Client::new(two.address)];
    let course = json!({"name": "Algebra", "level": "one"});
    servers[0].ask("POST", "/api/v1/courses").json(&course).await.is_created();

    join_all((0..64).map(async |number: usize| {
        let client = &servers[number % 2];
        let student = json!({"name": format!("Student {number}"), "email": "s@example.edu"});
        let student = client.ask("POST", "/api/v1/students").json(&student).await.is_created();
        let courses = format!("{}/courses", student.header("location"));
        client.ask("POST", &courses).json(&json!({"course_id": 1})).await.is_created();
        client.ask("POST", &courses).json(&json!({"course_id": 1})).await.is_refused(409, "already-enrolled");
        assert_eq!(client.ask("GET", &courses).await.is_ok().json()[0]["id"], 1);
    }))
    .await;
    let roster = servers[1].ask("GET", "/api/v1/courses/1/students").await.is_ok();
    assert_eq!(roster.header("x-total-count"), "64");
    for (query, found) in [("student%2063", "1"), ("%5C", "0"), ("%25", "0"), ("student", "64")] {
        let list =
            servers[0].ask("GET", &format!("/api/v1/students?q={query}&sort=name&limit=1")).await.is_ok();
        assert_eq!(list.header("x-total-count"), found, "{query}");
    }
    servers[0].ask("GET", "/readyz").await.is_ok();
    assert!(one.terminate().await.success() && two.terminate().await.success());
    let check = matricula().args(["check", "--database", &url]).output().unwrap();
    assert_eq!(
        String::from_utf8(check.stdout).unwrap().trim(),
        "ok: 64 enrollments agree with the 129 events in the log"
    );
}

#[test]
fn a_pooler_that_takes_no_options_says_where_to_set_them_instead() {
    let server = Server::start().unwrap();
    let bouncer = Bouncer::start(&server, "");
    let url =
        format!("postgres://postgres@127.0.0.1:{}/postgres?options=-csearch_path%3Dschool", bouncer.port);
    let error = check_error(&url);
    assert!(error.contains("alter role ... set search_path"), "{error}");
}

const PASS: u8 = 0;
/// The commit reaches the server; its answer is lost.
const LOSE_ANSWER: u8 = 1;
/// The commit is lost on its way to the server.
const LOSE_COMMIT: u8 = 2;

/// A proxy to a server. The flag that it returns makes it lose the next commit or its answer.
async fn lossy_proxy(server: SocketAddr) -> (SocketAddr, Arc<AtomicU8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, next) = (listener.local_addr().unwrap(), Arc::new(AtomicU8::new(PASS)));
    let fault = Arc::clone(&next);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(forward(client, server, Arc::clone(&fault)));
        }
    });
    (address, next)
}

async fn forward(mut client: TcpStream, mut server: TcpStream, fault: Arc<AtomicU8>) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let asked = &asked[..length?];
                let commits = asked.windows(7).any(|bytes| bytes == b"commit\0");
                match if commits { fault.swap(PASS, Ordering::SeqCst) } else { PASS } {
                    LOSE_COMMIT => return Ok(()),
                    LOSE_ANSWER => {
                        server.write_all(asked).await?;
                        // Once the server answers, the commit is done.
                        return server.read(&mut answered).await.map(drop);
                    }
                    _ if asked.is_empty() => return Ok(()),
                    _ => server.write_all(asked).await?,
                }
            }
            length = server.read(&mut answered) => match length? {
                0 => return Ok(()),
                length => client.write_all(&answered[..length]).await?,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_recognized_and_a_lost_commit_is_made_once() {
    let server = Server::start().unwrap();
    let (address, next) = lossy_proxy(([127, 0, 0, 1], server.port()).into()).await;
    let database = Database::at(format!("postgres://postgres@{address}/postgres"));
    let school = School::open_at(&database).await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let before = school.log().await.len();

    for fault in [LOSE_ANSWER, LOSE_COMMIT] {
        next.store(fault, Ordering::SeqCst);
        ana.enrolls_in(&algebra).await.is_created();
        assert_eq!(next.load(Ordering::SeqCst), PASS);
        next.store(fault, Ordering::SeqCst);
        school.delete(&format!("/api/v1/students/{}/courses/{}", ana.id, algebra.id)).await.is(204);
    }

    let happened = school.log().await.split_off(before);
    assert_eq!(happened, ["enrollment.created", "enrollment.dropped"].repeat(2));
}

#[tokio::test]
async fn a_commit_that_no_standby_confirms_is_not_acknowledged() {
    // The server sends no warnings, so the missing standby has to be noticed otherwise.
    let server = Server::start_with(&["client_min_messages=error"], |_| Ok(())).unwrap();
    let database = Database::new_on(server.url());
    let school = School::open_at(&database).await;
    let ana = school.student("Ana").await;
    let other = OtherProgram::at(&server.url());
    other.execute_batch("alter system set synchronous_standby_names = 'nobody'").unwrap();
    other.execute_batch("select pg_reload_conf()").unwrap();
    let waiting = "select pid from pg_stat_activity where wait_event = 'SyncRep'";

    let ask = || {
        tokio::spawn(school.post("/api/v1/courses", json!({"name": "Algebra", "level": "one"})).into_future())
    };
    let mut asking = ask();
    eventually("a commit waits for a standby", async || {
        // It takes a moment until the server uses its new settings.
        if asking.is_finished() {
            asking = ask();
        }
        !other.column(waiting).is_empty()
    })
    .await;
    other.execute_batch(&format!("select pg_cancel_backend(pid) from ({waiting}) w")).unwrap();

    let problem = asking.await.unwrap().is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("may have been made or not"), "{problem}");
    other.execute_batch("alter system reset synchronous_standby_names").unwrap();
    other.execute_batch("select pg_reload_conf()").unwrap();
    assert_eq!(ana.id, 1);
}

#[tokio::test]
async fn a_broken_row_fails_only_the_read_of_that_row() {
    let school = School::open().await;
    let mut students = Vec::new();
    for number in 0..40 {
        students.push(school.student(&format!("Student {number}")).await);
    }
    let broken = students[13].id;
    school.other_program_runs(&format!(
        "alter table students rename to people;
         create view students as select id, name, \
         case when id = {broken} then (1 / (id - id))::text else email end as email from people;"
    ));
    for _ in 0..5 {
        let replies = join_all(students.iter().map(async |student| school.get(&student.url()).await)).await;
        for (reply, student) in replies.into_iter().zip(&students) {
            if student.id == broken {
                reply.is_refused(500, "internal");
            } else {
                assert_eq!(reply.is_ok().json()["id"], student.id);
            }
        }
    }
}
