//! Histories of concurrent requests, with servers that are killed in the middle, are linearizable.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use porcupine_rs::{Operation, check_operations};
use tokio::task::JoinSet;

use super::{Run, grouped};
use crate::host::Engine;
use crate::model::{Asked, CAPACITY, Exchange, Said, Sequential, WAITLIST};
use crate::program::Server;
use crate::wire::{self, Reply};

const CLIENTS: usize = 9;
const STUDENTS: usize = 9;
const COURSES: usize = 3;
const REQUESTS: usize = 540;
const KILLS: usize = 2;
/// Histories per database.
const PER_DATABASE: u64 = 50;

/// Checks histories until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    while run.goes_on(run.progress.get("requests")) {
        one_database(run).await?;
    }
    let [requests, kills, silent] = ["requests", "kills", "silent"].map(|it| grouped(run.progress.get(it)));
    Ok(format!(
        "{requests} requests, {kills} kills, {silent} without an answer, every history is linearizable"
    ))
}

async fn one_database(run: &mut Run) -> Result<()> {
    let database = run.host.create(&run.folder.join("school")).await?;
    let mut servers = vec![run.serve(&database).await?];
    if run.host.engine() == Engine::Postgresql {
        servers.push(run.serve(&database).await?);
    }
    for _ in 0..PER_DATABASE {
        if !run.goes_on(run.progress.get("requests")) {
            break;
        }
        let seed = run.seed + run.progress.get("histories");
        let (history, next) = record(run, &database, servers, seed).await?;
        servers = next;
        let (requests, silent) = (history.len(), history.iter().filter(|it| it.op.said.is_none()).count());
        ensure!(requests > REQUESTS / 2, "only {requests} of {REQUESTS} requests are in the history");
        let path = run.folder.join("history.txt");
        let is_linearizable = tokio::task::spawn_blocking(move || {
            let is_linearizable = check_operations(&history);
            (is_linearizable, if is_linearizable { String::new() } else { format!("{history:#?}") })
        });
        let (is_linearizable, text) = is_linearizable.await?;
        if !is_linearizable {
            std::fs::write(&path, text)?;
            bail!("the history {} is not linearizable", path.display());
        }
        let news = [("histories", 1), ("requests", requests as u64), ("silent", silent as u64)];
        run.progress.add(&news)?;
        run.progress.add(&[("kills", KILLS as u64)])?;
    }
    for server in servers {
        server.kill()?;
    }
    run.check(&database).await
}

/// What the clients share.
struct Shared {
    servers: Mutex<Vec<SocketAddr>>,
    history: Mutex<Vec<Operation<Sequential>>>,
    students: Vec<u64>,
    courses: Vec<u64>,
    began: Instant,
    sent: AtomicUsize,
}

impl Shared {
    fn servers(&self) -> std::sync::MutexGuard<'_, Vec<SocketAddr>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records one history about new students and courses. Returns it, and the servers that run afterwards.
async fn record(
    run: &Run,
    database: &str,
    mut servers: Vec<Server>,
    seed: u64,
) -> Result<(Vec<Operation<Sequential>>, Vec<Server>)> {
    let address = servers[0].address;
    let (mut students, mut courses) = (Vec::new(), Vec::new());
    for _ in 0..STUDENTS {
        students.push(create(address, "students", r#"{"name":"Student","email":"s@example.edu"}"#).await?);
    }
    for _ in 0..COURSES {
        let course = create(address, "courses", r#"{"name":"Course","level":"one"}"#).await?;
        let seats = format!(r#"{{"capacity":{CAPACITY},"waitlist_capacity":{WAITLIST}}}"#);
        let reply = wire::ask(address, "PUT", &format!("/api/v1/courses/{course}/seats"), &seats).await?;
        ensure!(reply.status == 200, "{reply:?}");
        courses.push(course);
    }
    let shared = Arc::new(Shared {
        servers: Mutex::new(servers.iter().map(|server| server.address).collect()),
        history: Mutex::default(),
        students,
        courses,
        began: Instant::now(),
        sent: AtomicUsize::new(0),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(run_client(number, seed, Arc::clone(&shared)));
    }
    for kill in 1..=KILLS {
        while shared.sent.load(Ordering::SeqCst) < REQUESTS * kill / (KILLS + 1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let killed = servers.remove(0);
        shared.servers().retain(|other| *other != killed.address);
        killed.kill()?;
        let new = run.serve(database).await?;
        shared.servers().push(new.address);
        servers.push(new);
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let history = std::mem::take(&mut *shared.history.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((history, servers))
}

async fn create(address: SocketAddr, kind: &str, body: &str) -> Result<u64> {
    let reply = wire::ask(address, "POST", &format!("/api/v1/{kind}"), body).await?;
    ensure!(reply.status == 201, "{reply:?}");
    reply.json()?["id"].as_u64().context("no id")
}

/// One client, which sends random requests to random servers until enough were sent.
async fn run_client(number: usize, seed: u64, shared: Arc<Shared>) -> Result<()> {
    let now = || i64::try_from(shared.began.elapsed().as_nanos());
    let mut chance = Rng::with_seed(seed << 8 | number as u64);
    let some = |chance: &mut Rng, all: &[u64]| chance.choice(all.iter().copied()).unwrap_or_default();
    while shared.sent.fetch_add(1, Ordering::SeqCst) < REQUESTS {
        let (course, student) = (some(&mut chance, &shared.courses), some(&mut chance, &shared.students));
        let address = loop {
            let running = shared.servers().clone();
            match chance.choice(running) {
                Some(address) => break address,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        let courses = format!("/api/v1/students/{student}/courses");
        let (asked, method, path, body) = match chance.u8(..7) {
            0..=2 => (Asked::Enroll(student), "POST", courses, format!(r#"{{"course_id":{course}}}"#)),
            3..=5 => (Asked::Drop(student), "DELETE", format!("{courses}/{course}"), String::new()),
            _ => (Asked::Roster, "GET", format!("/api/v1/courses/{course}/students"), String::new()),
        };
        let call_time = now()?;
        let said = match wire::ask(address, method, &path, &body).await {
            Ok(reply) => said(asked, &reply)?,
            Err(error) if error.is::<wire::Hung>() => return Err(error.context(format!("{asked:?}"))),
            Err(_) => None,
        };
        if said.is_none() && asked == Asked::Roster {
            continue;
        }
        let return_time = if said.is_some() { now()? } else { i64::MAX };
        let op = Exchange { course, asked, said };
        let operation =
            Operation { client_id: u32::try_from(number).ok(), call_time, return_time, op, metadata: None };
        shared.history.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }
    Ok(())
}

/// The answer in a reply, if it says what was done.
fn said(asked: Asked, reply: &Reply) -> Result<Option<Said>> {
    if reply.status == 503 {
        return Ok(None);
    }
    let body = if reply.body.is_empty() { serde_json::Value::Null } else { reply.json()? };
    let kind = if reply.status < 300 { "" } else { body["type"].as_str().unwrap_or_default() };
    let position = || -> Result<usize> {
        Ok(usize::try_from(body["position"].as_u64().with_context(|| format!("no position: {reply:?}"))?)?)
    };
    Ok(Some(match (asked, reply.status, kind) {
        (Asked::Roster, 200, _) => {
            let students = body.as_array().into_iter().flatten();
            Said::Roster(students.filter_map(|student| student["id"].as_u64()).collect())
        }
        (Asked::Enroll(_), 201, _) => Said::Enrolled,
        (Asked::Enroll(_), 202, _) => Said::Waitlisted(position()?),
        (Asked::Drop(_), 204, _) => Said::Dropped,
        (_, _, "/problems/waitlist-full") => Said::Full,
        (_, _, "/problems/already-enrolled") => Said::AlreadyEnrolled,
        (_, _, "/problems/already-waitlisted") => Said::AlreadyWaitlisted(position()?),
        (_, _, "/problems/enrollment-not-found") => Said::NotEnrolled,
        _ => bail!("{asked:?}: {reply:?}"),
    }))
}
