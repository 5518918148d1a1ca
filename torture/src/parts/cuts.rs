//! Cuts connections at any byte of a request or an answer, and sends the request again with the same key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use fastrand::Rng;
use tokio::task::JoinSet;

use super::{Run, grouped};
use crate::answer::{Answer, Outcome};
use crate::load::{Heard, Sent};
use crate::request::{Request, Shape};
use crate::school::School;
use crate::wire::Connection;

/// Requests per school.
const PER_SCHOOL: u64 = 20_000;
/// Requests between two comparisons with the log.
const PER_VERIFICATION: u64 = 500;
/// How often a request is cut at most before it is let through.
const CUTS: u32 = 3;
/// Answers are rarely longer.
const ANSWER: usize = 420;

/// Cuts until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    while run.goes_on(run.progress.get("cuts")) {
        one_school(run).await?;
    }
    let [cuts, requests, confirmed] =
        ["cuts", "requests", "confirmed"].map(|it| grouped(run.progress.get(it)));
    Ok(format!(
        "{cuts} connections cut, {requests} requests sent again with their key, {confirmed} changes confirmed, \
         0 double effects, 0 lost"
    ))
}

async fn one_school(run: &mut Run) -> Result<()> {
    let home = run.folder.join("school");
    run.progress.add(&[("schools", 1)])?;
    let seed = run.seed + run.progress.get("schools");
    let database = run.host.create(&home).await?;
    let mut school = School::new(seed, Shape::KEYED);
    let server = run.serve(&database).await?;
    school.set_up(server.address).await?;
    while school.next < PER_SCHOOL && run.goes_on(run.progress.get("cuts")) {
        let requests = PER_VERIFICATION.min(run.target - run.progress.get("cuts"));
        let (begin, end) = (school.next, school.next + requests);
        let confirmed = school.confirmed;
        school.verifier.sent(end);
        let shared =
            Arc::new(Shared { seed, address: server.address, next: begin.into(), end, cuts: 0.into() });
        let mut tasks = JoinSet::new();
        for _ in 0..run.clients {
            tasks.spawn(client(Arc::clone(&shared)));
        }
        let mut heard = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            heard.append(&mut ended??);
        }
        school.note(Sent { heard, silent: Vec::new(), next: end })?;
        school.verify(server.address).await?;
        let cuts = shared.cuts.load(Ordering::SeqCst);
        let news = [("cuts", cuts), ("requests", requests), ("confirmed", school.confirmed - confirmed)];
        run.progress.add(&news)?;
    }
    school.compare_lists(server.address).await?;
    server.kill()?;
    run.check(&database).await
}

struct Shared {
    seed: u64,
    address: SocketAddr,
    next: AtomicU64,
    end: u64,
    cuts: AtomicU64,
}

async fn client(shared: Arc<Shared>) -> Result<Vec<Heard>> {
    let mut heard = Vec::new();
    loop {
        let number = shared.next.fetch_add(1, Ordering::SeqCst);
        if number >= shared.end {
            return Ok(heard);
        }
        let request = Request::new(shared.seed, number, &Shape::KEYED);
        let bytes = request.bytes();
        let mut chance = Rng::with_seed(shared.seed ^ number);
        for _ in 0..chance.u32(1..=CUTS) {
            let connection = Connection::open(shared.address).await?;
            if chance.bool() {
                connection.send_and_cut(&bytes[..chance.usize(0..bytes.len())], 0).await;
            } else {
                connection.send_and_cut(&bytes, chance.usize(0..ANSWER)).await;
            }
            shared.cuts.fetch_add(1, Ordering::SeqCst);
        }
        let outcome = whole(&request, &bytes, shared.address).await?;
        heard.push(Heard { number, outcome, position: 0 });
    }
}

/// Sends the request until it is answered.
async fn whole(request: &Request, bytes: &[u8], address: SocketAddr) -> Result<Outcome> {
    let mut connection = Connection::open(address).await?;
    for _ in 0..10_000 {
        let reply = connection.send(bytes).await?;
        match Answer::new(request, &reply)? {
            Answer::Settled(outcome) if outcome.status != 503 && outcome.status != 429 => return Ok(outcome),
            Answer::Settled(_) | Answer::Unclear | Answer::Running => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    bail!("{request:?} is never answered")
}
