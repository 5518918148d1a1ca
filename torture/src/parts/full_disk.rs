//! Fills the disk at each byte of a commit: the answer is an honest refusal, and with room the service goes on.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;

use super::{Run, grouped};
use crate::answer::{Answer, Outcome};
use crate::disk::{self, Room};
use crate::load::{Heard, Sent};
use crate::program::{Program, Server};
use crate::request::{Request, Shape};
use crate::school::School;
use crate::wire::{self, Connection};

/// Full disks per school.
const PER_SCHOOL: u64 = 500;
/// Requests after which a disk must be full: most of them write.
const PATIENCE: u64 = 2_000;
/// How soon the service must go on once there is room: it says to come again after a second.
const RECOVERY: Duration = Duration::from_secs(10);

/// A school on a disk that is sometimes full.
struct Cramped {
    school: School,
    room: Room,
    program: Program,
    database: String,
    server: Server,
    chance: Rng,
}

/// Fills the disk until the target is reached or the time is over.
pub(super) async fn run(run: &mut Run) -> Result<String> {
    let library = disk::library(&run.folder)?;
    while run.goes_on(run.progress.get("fills")) {
        one_school(run, &library).await?;
    }
    let [fills, confirmed, starts] = ["fills", "confirmed", "starts"].map(|it| grouped(run.progress.get(it)));
    Ok(format!(
        "full {fills} times, a byte further into a commit each time, {starts} restarts on a full disk, \
         {confirmed} changes confirmed, 0 lost, 0 dishonest refusals"
    ))
}

async fn one_school(run: &mut Run, library: &std::path::Path) -> Result<()> {
    let home = run.folder.join("school");
    run.progress.add(&[("schools", 1)])?;
    let seed = run.seed + run.progress.get("schools");
    let database = run.host.create(&home).await?;
    let room = Room::new(&run.folder.join("room"))?;
    let program = run.program.with([
        ("LD_PRELOAD", library.to_owned()),
        ("TORTURE_FOLDER", home),
        ("TORTURE_ROOM", room.path.clone()),
    ]);
    let server = program.serve(&database, &run.errors()).await?;
    let school = School::new(seed, Shape::BUSY);
    school.set_up(server.address).await?;
    ensure!(room.written()? > 0, "the library was not loaded");
    let mut cramped = Cramped { school, room, program, database, server, chance: Rng::with_seed(seed) };
    let mut fills = 0;
    while fills < PER_SCHOOL && run.goes_on(run.progress.get("fills")) {
        let confirmed = cramped.school.confirmed;
        // A byte further than the last time; a commit of this school writes less than this.
        let bytes = i64::try_from(run.progress.get("fills"))?;
        cramped.fill(bytes).await.with_context(|| format!("with room for {bytes} bytes"))?;
        fills += 1;
        run.progress.add(&[("fills", 1), ("confirmed", cramped.school.confirmed - confirmed)])?;
        if fills.is_multiple_of(20) {
            cramped = cramped.restart(run).await?;
            run.progress.add(&[("starts", 1)])?;
        }
        cramped.school.verify(cramped.server.address).await?;
    }
    cramped.school.compare_lists(cramped.server.address).await?;
    cramped.server.kill()?;
    run.check(&cramped.database).await
}

impl Cramped {
    /// Sends requests to a disk with room for so many bytes until one is refused; then makes room.
    async fn fill(&mut self, bytes: i64) -> Result<()> {
        let address = self.server.address;
        let mut connection = Connection::open(address).await?;
        let next = self.request(&mut connection).await?;
        ensure!(next.status != 503, "the disk has room, and the answer is 503");
        self.room.limit(self.room.written()? + bytes)?;
        let mut sent = 0;
        while self.request(&mut connection).await?.status != 503 {
            sent += 1;
            ensure!(sent < PATIENCE, "the disk is not full after {sent} requests");
        }
        let list = wire::ask(address, "GET", "/api/v1/students?limit=1", "").await?;
        ensure!(list.status == 200, "a full disk stops reads: {list:?}");
        let alive = wire::ask(address, "GET", "/healthz", "").await?;
        ensure!(alive.status == 200, "a full disk stops the service: {alive:?}");
        self.room.limit(i64::MAX)?;
        self.goes_on(&mut connection).await
    }

    /// Waits until a request that writes is carried out.
    async fn goes_on(&mut self, connection: &mut Connection) -> Result<()> {
        let began = Instant::now();
        while self.request(connection).await?.status >= 300 {
            ensure!(began.elapsed() < RECOVERY, "the disk has room again, and the service does not go on");
        }
        Ok(())
    }

    /// Sends the next request.
    async fn request(&mut self, connection: &mut Connection) -> Result<Outcome> {
        let number = self.school.next;
        self.school.verifier.sent(number + 1);
        let request = Request::new(self.school.seed, number, &self.school.shape);
        let reply = connection.send(&request.bytes()).await?;
        let outcome = match Answer::new(&request, &reply)? {
            Answer::Settled(outcome) => outcome,
            answer => bail!("{request:?}: {answer:?}: {reply:?}"),
        };
        if outcome.status == 503 {
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            ensure!(text.contains("is full"), "the refusal does not say that the disk is full: {text}");
        }
        let heard = vec![Heard { number, outcome, position: 0 }];
        self.school.note(Sent { heard, silent: Vec::new(), next: number + 1 })?;
        Ok(outcome)
    }

    /// Kills the server on a full disk, and starts it there: it may refuse to start, and must lose nothing.
    async fn restart(mut self, run: &Run) -> Result<Self> {
        self.room.limit(self.room.written()?)?;
        self.server.kill()?;
        // The count begins again with the server.
        self.room.limit(self.chance.i64(0..20_000))?;
        if let Ok(server) = self.program.serve(&self.database, &run.errors()).await {
            server.kill()?;
        }
        self.room.limit(i64::MAX)?;
        self.server = self.program.serve(&self.database, &run.errors()).await?;
        Ok(self)
    }
}
