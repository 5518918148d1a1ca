//! Errors from a proxy, a standby or one of several nodes instead of the primary. They are no failures of this program:
//! it finds out what happened, or the client is asked to retry.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use xtask::postgres::Server;

use crate::school::{Database, OtherProgram, School, eventually};

const PASS: u8 = 0;
/// The commit succeeds, but its answer is an error.
const DENY_COMMIT: u8 = 1;
/// The transaction cannot begin, as on a standby.
const DENY_BEGIN: u8 = 2;
/// The connection fails, as with a pooler that has lost its server.
const DENY_CONNECTION: u8 = 3;

/// A proxy that injects one fault each time it is asked to.
#[derive(Clone, Default)]
struct Proxy {
    fault: Arc<AtomicU8>,
    injected: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(server: &Server) -> (Self, SocketAddr) {
        let proxy = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, server) =
            (listener.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], server.port())));
        let forwarder = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forwarder.clone().forward(client, server));
            }
        });
        (proxy, address)
    }

    fn inject(&self, fault: u8) {
        self.fault.store(fault, Ordering::SeqCst);
    }

    fn is_time_for(&self, fault: u8) -> bool {
        let is_time = self.fault.compare_exchange(fault, PASS, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        self.injected.fetch_add(usize::from(is_time), Ordering::SeqCst);
        is_time
    }

    async fn forward(self, mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
        let mut server = TcpStream::connect(server).await?;
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        if self.is_time_for(DENY_CONNECTION) {
            let _ = client.read(&mut asked).await?;
            return client.write_all(&error("08P01", "server conn crashed?")).await;
        }
        let contains = |asked: &[u8], words: &[u8]| asked.windows(words.len()).any(|bytes| bytes == words);
        loop {
            tokio::select! {
                length = client.read(&mut asked) => {
                    let asked = &asked[..length?];
                    if asked.is_empty() {
                        return Ok(());
                    }
                    if contains(asked, b"begin isolation") && self.is_time_for(DENY_BEGIN) {
                        let response = error("0A000", "cannot set transaction read-write mode during recovery");
                        client.write_all(&[response, READY.to_vec()].concat()).await?;
                        continue;
                    }
                    server.write_all(asked).await?;
                    if contains(asked, b"commit\0") && self.is_time_for(DENY_COMMIT) {
                        let _ = server.read(&mut answered).await?;
                        let response = error("XX000", "failure on connection marked as essential");
                        client.write_all(&[response, READY.to_vec()].concat()).await?;
                    }
                }
                length = server.read(&mut answered) => match length? {
                    0 => return Ok(()),
                    length => client.write_all(&answered[..length]).await?,
                }
            }
        }
    }
}

/// Ready for the next query, outside a transaction.
const READY: &[u8] = b"Z\0\0\0\x05I";

fn error(code: &str, message: &str) -> Vec<u8> {
    let body = format!("SERROR\0VERROR\0C{code}\0M{message}\0\0");
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [b"E", &length[..], body.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_with_anything_but_a_refusal_is_looked_up_in_the_log() {
    let server = Server::start().unwrap();
    let (proxy, address) = Proxy::start(&server).await;
    let school =
        School::open_at(&Database::at(format!("postgres://postgres@{address}/postgres?sslmode=disable")))
            .await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);

    proxy.inject(DENY_COMMIT);
    ana.enrolls_in(&algebra).await.is_created();

    assert_eq!(proxy.injected.load(Ordering::SeqCst), 1);
    assert_eq!(school.log().await, ["student.created", "course.created", "enrollment.created"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_from_a_standby_or_from_a_proxy_without_a_server_is_retried() {
    let server = Server::start().unwrap();
    let (proxy, address) = Proxy::start(&server).await;
    let school =
        School::open_at(&Database::at(format!("postgres://postgres@{address}/postgres?sslmode=disable")))
            .await;
    for (number, fault) in [DENY_BEGIN, DENY_CONNECTION].into_iter().enumerate() {
        proxy.inject(fault);
        // Ends the open connections, since only a new one can fail to connect.
        let other = OtherProgram::at(&server.url());
        other
            .execute_batch(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'matricula'",
            )
            .unwrap();
        school.post("/api/v1/courses", json!({"name": "Algebra", "level": "one"})).await.is_created();
        school.get("/api/v1/courses").await.is_ok();
        assert_eq!(proxy.injected.load(Ordering::SeqCst), number + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_become_a_standby_is_unavailable_until_it_is_promoted() {
    let mut server = Server::start().unwrap();
    let database = Database::at(server.url());
    let school = School::open_at(&database).await;
    let course = || school.post("/api/v1/courses", json!({"name": "Algebra", "level": "one"}));
    course().await.is_created();
    tokio::task::block_in_place(|| {
        server.stop().unwrap();
        File::create(server.data().join("standby.signal")).unwrap();
        server.start_again().unwrap();
    });

    let refused = course().await.is_refused(503, "overloaded");
    assert!(refused["detail"].as_str().unwrap().contains("nothing was changed"), "{refused}");
    school.get("/readyz").await.is_refused(503, "overloaded");
    school.get("/api/v1/courses").await.is_ok();

    assert_eq!(OtherProgram::at(&server.url()).column("select pg_promote()"), ["t"]);
    assert!(fs::metadata(server.data().join("standby.signal")).is_err());
    course().await.is_created();
    school.get("/readyz").await.is_ok();
}

#[tokio::test]
async fn a_row_that_a_constraint_rejects_at_the_commit_is_refused() {
    let database = Database::new();
    database.runs(
        "create table students (id integer primary key, name text, email text unique deferrable initially deferred)",
    );
    let school = School::open_at(&database).await;
    let ana = json!({"name": "Ana", "email": "ana@example.edu"});
    school.post("/api/v1/students", ana.clone()).await.is_created();
    school.post("/api/v1/students", ana).await.is_refused(409, "row-refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_off_while_it_waits_for_a_standby_is_not_acknowledged() {
    let server = Server::start().unwrap();
    let school = School::open_at(&Database::at(server.url())).await;
    school.course("Algebra").await;
    let other = OtherProgram::at(&server.url());
    for set in ["synchronous_standby_names = 'nobody'", "synchronous_commit = on"] {
        other.execute_batch(&format!("alter system set {set}")).unwrap();
    }
    other.execute_batch("select pg_reload_conf()").unwrap();
    let course = || school.post("/api/v1/courses", json!({"name": "Logic", "level": "one"}));
    let waiting =
        "select pid from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'matricula'";

    let mut asking = tokio::spawn(course().into_future());
    eventually("a commit waits for a standby", async || {
        // It takes a moment until the server uses its new settings.
        if asking.is_finished() {
            asking = tokio::spawn(course().into_future());
        }
        !other.column(waiting).is_empty()
    })
    .await;
    // As when a primary is stopped: the change is in its own log and nowhere else, so it must not be confirmed as safe.
    eventually("the request is answered", async || {
        other.execute_batch(&format!("select pg_terminate_backend(pid) from ({waiting}) w")).unwrap();
        asking.is_finished()
    })
    .await;

    let problem = asking.await.unwrap().is_refused(503, "overloaded");
    assert!(problem["detail"].as_str().unwrap().contains("may have been made or not"), "{problem}");
}

#[tokio::test]
async fn requests_get_503_while_the_role_may_not_connect() {
    let server = Server::start().unwrap();
    let other = OtherProgram::at(&server.url());
    other.execute_batch("create role registrar login; grant create on schema public to registrar").unwrap();
    let url = server.url().replace("postgres@", "registrar@");
    let school = School::open_at(&Database::at(url)).await;
    let course = || school.post("/api/v1/courses", json!({"name": "Algebra", "level": "one"}));
    course().await.is_created();
    for (take, give) in [
        ("alter role registrar nologin", "alter role registrar login"),
        ("revoke connect on database postgres from public", "grant connect on database postgres to public"),
    ] {
        other.execute_batch(take).unwrap();
        let connected = "select pid from pg_stat_activity where usename = 'registrar'";
        other
            .execute_batch(&format!("select pg_terminate_backend(pid, 10000) from ({connected}) c"))
            .unwrap();
        course().await.is_refused(503, "overloaded");
        school.get("/api/v1/courses/1").await.is_refused(503, "overloaded");

        other.execute_batch(give).unwrap();
        course().await.is_created();
        school.get("/api/v1/courses/1").await.is_ok();
    }
}
