//! The service alone, as the school grows: rates, start time and memory.

use std::time::Instant;

use anyhow::Result;

use crate::Bench;
use crate::client::{self, Connection};
use crate::contender::Program;
use crate::data::{ENGINES, Engine, School, Tables, serve};
use crate::journal::Measured;
use crate::process::Service;
use crate::turns::CONNECTIONS;
use crate::work::{Kind, Work};

/// Concurrent clients when everybody comes at once.
pub(crate) const CROWD: usize = 256;
/// The kinds of work, each with the number of clients.
pub(crate) const LOADS: [(Kind, usize); 5] = [
    (Kind::R1, CONNECTIONS),
    (Kind::W1, CONNECTIONS),
    (Kind::WS, CONNECTIONS),
    (Kind::R1, CROWD),
    (Kind::W1, CROWD),
];
/// Milliseconds from the start of the program to the end of its first answer.
pub(crate) const START: &str = "start to first answer";
/// Resident memory of the program after the loads, in MiB.
pub(crate) const MEMORY: &str = "memory";

pub(crate) fn name(engine: Engine, school: School, what: &str) -> String {
    format!("{} students on {}, {what}", school.students, engine.name())
}

pub(crate) fn load_name(engine: Engine, school: School, (kind, clients): (Kind, usize)) -> String {
    name(engine, school, &format!("{} by {clients}", kind.name()))
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    bench.settings.rounds * bench.settings.sizes.len() * ENGINES.len() * (LOADS.len() + 2)
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let sizes = bench.settings.sizes.clone();
    let cases: Vec<_> = sizes.iter().flat_map(|school| ENGINES.map(|engine| (*school, engine))).collect();
    let mut works: Vec<_> = cases.iter().map(|(school, _)| Work::new(*school)).collect();
    for round in 1..=bench.settings.rounds {
        for ((school, engine), work) in cases.iter().zip(&mut works) {
            measure_one(bench, *school, *engine, work, round).await?;
        }
    }
    Ok(())
}

/// Measures everything or nothing, since memory depends on the requests before.
async fn measure_one(
    bench: &mut Bench,
    school: School,
    engine: Engine,
    work: &mut Work,
    round: usize,
) -> Result<()> {
    let in_round = |name: String| format!("{name}, round {round}");
    let last = in_round(name(engine, school, MEMORY));
    if bench.journal.has(&last) {
        return Ok(());
    }
    let owner = format!("growing {}", Program::Matricula.on(engine).name());
    let database = bench.data.copy_for(&owner, engine, school, Tables::Ours).await?;
    let began = Instant::now();
    let service = Service::start(&serve(&bench.places.matricula, &database))?;
    Connection::open(service.address).await?.send(&work.next(Kind::R1)).await?;
    let started = began.elapsed().as_secs_f64() * 1e3;
    bench.journal.record(&in_round(name(engine, school, START)), Measured::Value(started))?;
    for kind in [Kind::R1, Kind::W1] {
        client::saturate(service.address, work, kind, CONNECTIONS, bench.settings.span / 3).await?;
    }
    for load in LOADS {
        let (kind, clients) = load;
        let figures = client::saturate(service.address, work, kind, clients, bench.settings.span).await?;
        bench.journal.record(&in_round(load_name(engine, school, load)), Measured::Load(figures))?;
    }
    bench.journal.record(&last, Measured::Value(service.resident_mib()?))?;
    service.stop()
}
