//! `serve --read-only` on a hot standby: everything can be read, nothing changed, and a client that has written at the
//! primary either reads what it has written or hears that this server is behind.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use matricula::clock::Clock;
use matricula::server::router::policy;
use serde_json::json;
use xtask::postgres::Server;

use crate::mapping::{MAPPING, TABLES, migrate};
use crate::school::{Client, Database, OtherProgram, Process, School, eventually, matricula};
use crate::sign_in::{self, WithCookie as _};

const SEQ: &str = "X-Matricula-Seq";

/// A primary and its standby.
struct Pair {
    primary: Server,
    standby: Server,
}

impl Pair {
    fn start() -> Self {
        let servers = || {
            let primary = Server::start()?;
            let standby = primary.start_standby()?;
            anyhow::Ok((primary, standby))
        };
        let (primary, standby) = tokio::task::block_in_place(servers).unwrap();
        Self { primary, standby }
    }

    fn database(&self) -> Database {
        Database::at(self.primary.url())
    }

    /// Returns once the standby shows everything that the primary has committed.
    async fn is_level(&self) {
        let end = OtherProgram::at(&self.primary.url()).column("select pg_current_wal_lsn()::text");
        let at_standby = OtherProgram::at(&self.standby.url());
        let shows = format!("select (pg_last_wal_replay_lsn() >= '{}')::text", end[0]);
        eventually("the standby is level with the primary", async || at_standby.column(&shows) == ["true"])
            .await;
    }

    async fn serve_read_only(&self) -> (Process, Client) {
        let mut command = matricula();
        command.args(["--read-only", "--listen", "127.0.0.1:0", "--log", "error", "--database"]);
        let process = Process::start({
            command.arg(self.standby.url());
            command
        })
        .await;
        let client = Client::new(process.address);
        (process, client)
    }

    /// Keeps the standby as it is until the next [`Pair::resume`].
    async fn pause(&self) {
        let standby = OtherProgram::at(&self.standby.url());
        standby.execute_batch("select pg_wal_replay_pause()").unwrap();
        let state = "select pg_get_wal_replay_pause_state()";
        eventually("the standby pauses", async || standby.column(state) == ["paused"]).await;
    }

    fn resume(&self) {
        OtherProgram::at(&self.standby.url()).execute_batch("select pg_wal_replay_resume()").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_would_be_stale_is_right_or_503() {
    let pair = Pair::start();
    let school = School::open_at(&pair.database()).await;
    let enroll = || school.put("/api/v1/students/1/courses/1");
    school.students(["Ana"]).await;
    school.course("Algebra").await;
    pair.is_level().await;
    let (_process, standby) = pair.serve_read_only().await;
    assert_eq!(standby.ask("GET", "/readyz").await.is_ok().text(), "ready, read-only\n");

    pair.pause().await;
    let place = enroll().await.is_created().header(SEQ).to_owned();
    let paths =
        ["/api/v1/students/1/courses/1", "/api/v1/students/1/courses", "/api/v1/courses/1/students?q=ana"];
    standby.ask("GET", paths[0]).await.is_refused(404, "enrollment-not-found");
    assert_eq!(standby.ask("GET", paths[1]).await.is_ok().json(), json!([]));
    for path in paths {
        let began = Instant::now();
        let behind = standby.ask("GET", path).header(SEQ, &place).await;
        assert_eq!(behind.header("retry-after"), "1");
        behind.is_refused(503, "not-caught-up");
        assert!((1..5).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
    // What was there before is shown at once, and so is everything at the primary.
    standby.ask("GET", "/api/v1/students/1").header(SEQ, "1").await.is_ok();
    school.get(paths[0]).header(SEQ, &place).await.is_ok();

    let waiting = tokio::spawn(standby.ask("GET", paths[0]).header(SEQ, &place).into_future());
    pair.resume();
    let answer = waiting.await.unwrap();
    assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
    eventually("the standby has caught up", async || {
        standby.ask("GET", paths[0]).header(SEQ, &place).await.status == 200
    })
    .await;
    for path in &paths[1..] {
        let reply = standby.ask("GET", path).header(SEQ, &place).await.is_ok();
        assert_eq!(reply.header("x-total-count"), "1", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_reads_after_a_write_are_never_stale_with_the_header() {
    let pair = Pair::start();
    let school = School::open_at(&pair.database()).await;
    school.course("Algebra").await;
    pair.is_level().await;
    let (_process, standby) = pair.serve_read_only().await;
    for number in 1..=100 {
        let student = json!({"name": format!("Student {number}"), "email": "s@example.edu"});
        let written = school.post("/api/v1/students", student).await.is_created();
        let path = written.header("location").to_owned();
        standby.ask("GET", &path).header(SEQ, written.header(SEQ)).await.is_ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_writes_says_where_to_go_and_every_other_one_answers() {
    let pair = Pair::start();
    let school = School::open_at(&pair.database()).await;
    school.students(["Ana"]).await;
    school.course("Algebra").await;
    school.put("/api/v1/students/1/courses/1").await.is_created();
    pair.is_level().await;
    let (_process, standby) = pair.serve_read_only().await;
    let events = school.log().await;

    let mut counted = (0, 0);
    for rule in policy().rules() {
        let path =
            rule.path.split('{').enumerate().map(|(place, part)| match (place, part.split_once('}')) {
                (0, _) | (_, None) => part.to_owned(),
                (_, Some((_, rest))) => format!("1{rest}"),
            });
        let path: String = path.collect();
        if rule.method == "GET" {
            // These answers do not end.
            if path.ends_with("/feed") || path.ends_with("/stream") {
                continue;
            }
            counted.0 += 1;
            let reply = standby.ask("GET", &path).await;
            assert!(reply.status.as_u16() < 500, "GET {path}: {reply:?}");
        } else {
            counted.1 += 1;
            let reply = standby.ask(rule.method.as_str(), &path).json(&json!({})).await;
            let problem = reply.is_refused(421, "read-only-server");
            assert!(problem["detail"].as_str().unwrap().contains("a server that writes"), "{problem}");
        }
    }
    assert!(counted.0 > 60 && counted.1 > 60, "{counted:?}");
    assert_eq!(school.log().await, events);

    let page = standby.ask("GET", "/courses/1").header("accept", "text/html").await.is_ok();
    assert!(page.text().contains("copy of this school that can only be read"), "{}", page.text());
    let refused = sign_in::form(standby.ask("POST", "/courses/new"), &[("name", "Logic")]).await.is(421);
    assert!(refused.text().contains("Open the school at its main address"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_sessions_of_the_primary_count_and_nobody_signs_in() {
    let pair = Pair::start();
    let school = School::open_at(&pair.database()).await;
    // Sessions of that time would be over for a server with the clock of the machine.
    school.clock.set(Clock::System.now());
    school.students(["Ana"]).await;
    let admin = [("name", "Ruth Admin"), ("address", "ruth@example.edu"), ("role", "admin")];
    let link = sign_in::account(&school, None, &admin).await;
    let signed_in = sign_in::set_password(&school, &link, sign_in::PASSWORD).await.is(303);
    let cookie = sign_in::cookie(&signed_in);
    let token = json!({"name": "Learning platform", "role": "registrar"});
    let token =
        school.post("/api/v1/tokens", token).with_cookie(&cookie).header("sec-fetch-site", "same-origin");
    let token = token.await.is_created().json();
    let (id, secret) = (&token["id"], token["token"].as_str().unwrap());
    let bearer = format!("Bearer {secret}");
    pair.is_level().await;
    let database = pair.database();
    let log = database.folder().join("log");
    let mut command = matricula();
    command.args(["--read-only", "--listen", "127.0.0.1:0", "--log-format", "json", "--database"]);
    command.arg(pair.standby.url()).stderr(fs::File::create(&log).unwrap()).stdin(Stdio::null());
    let process = Process::start(command).await;
    let standby = Client::new(process.address);

    standby.ask("GET", "/api/v1/students").await.is_refused(401, "unauthorized");
    standby.ask("GET", "/api/v1/students").header("authorization", &bearer).await.is_ok();
    let me = standby.ask("GET", "/api/v1/me").with_cookie(&cookie).await.is_ok().json();
    assert_eq!(me["role"], "admin");
    let log_text = async || fs::read_to_string(&log).unwrap();
    eventually("the disclosure is in the log output", async || {
        log_text().await.contains("\"message\":\"a program read a list\"")
    })
    .await;
    assert!(!log_text().await.contains("WARN"), "{}", log_text().await);
    let page = standby.ask("GET", "/sign-in").header("accept", "text/html").await.is_ok();
    assert!(page.text().contains("Nobody can sign in here") && !page.text().contains("type=\"password\""));
    let credentials = [("address", "ruth@example.edu"), ("password", sign_in::PASSWORD)];
    sign_in::form(standby.ask("POST", "/sign-in"), &credentials).await.is(421);

    let revoke = school.delete(&format!("/api/v1/tokens/{id}")).with_cookie(&cookie);
    revoke.header("sec-fetch-site", "same-origin").await.is(204);
    eventually("the revocation has reached the standby", async || {
        standby.ask("GET", "/api/v1/students").header("authorization", &bearer).await.status == 401
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_school_with_tables_of_its_own_is_read_too() {
    let pair = Pair::start();
    let database = pair.database();
    database.other_program().execute_batch(TABLES).unwrap();
    migrate(&database, MAPPING).await.unwrap();
    let school = School::open_at(&database).await;
    pair.is_level().await;
    let (_process, standby) = pair.serve_read_only().await;
    for path in [
        "/api/v1/students",
        "/api/v1/students?q=ada",
        "/api/v1/students?sort=name",
        "/api/v1/courses?free=true",
        "/api/v1/courses/31/students?q=lov&sort=name",
        "/api/v1/students/11/courses",
        "/api/v1/students/11/courses?as_of=2026-05-01T00:00:00Z",
        "/api/v1/exports/enrollments.csv",
        "/courses",
        "/courses/31",
        "/students/11",
        "/registration",
    ] {
        let (one, two) = (school.get(path).await.is_ok(), standby.ask("GET", path).await.is_ok());
        if path.starts_with("/api/") {
            assert_eq!(one.text(), two.text(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_promoted_goes_on_being_read() {
    let pair = Pair::start();
    let school = School::open_at(&pair.database()).await;
    school.course("Algebra").await;
    pair.is_level().await;
    let (_process, standby) = pair.serve_read_only().await;
    standby.ask("GET", "/api/v1/courses/1").await.is_ok();
    assert_eq!(OtherProgram::at(&pair.standby.url()).column("select pg_promote()::text"), ["true"]);
    standby.ask("GET", "/api/v1/courses/1").header(SEQ, "1").await.is_ok();
    standby.ask("DELETE", "/api/v1/courses/1").await.is_refused(421, "read-only-server");
    assert_eq!(standby.ask("GET", "/readyz").await.is_ok().text(), "ready, read-only\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_so_is_refused_at_the_start() {
    let refusal = |database: &str| {
        let mut command = matricula();
        command.args(["--read-only", "--listen", "127.0.0.1:0", "--database", database]);
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let file = Database::file();
    let why = refusal(file.argument().to_str().unwrap());
    assert!(why.contains("--read-only is for a PostgreSQL database"), "{why}");
    let database = Database::new();
    let why = refusal(database.argument().to_str().unwrap());
    assert!(why.contains("run `matricula migrate` on the database that is written to"), "{why}");
    assert!(
        database
            .other_program()
            .column("select tablename::text from pg_tables where schemaname = 'public'")
            .is_empty()
    );
}
