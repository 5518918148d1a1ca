//! The service alone, as the school grows: rates, starts, memory.

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

/// Clients at a time when everybody comes at once.
pub(crate) const CROWD: usize = 256;
/// What is asked, by how many clients.
pub(crate) const LOADS: [(Kind, usize); 4] =
    [(Kind::R1, CONNECTIONS), (Kind::W1, CONNECTIONS), (Kind::R1, CROWD), (Kind::W1, CROWD)];
/// Milliseconds from the start of the program to the end of its first answer.
pub(crate) const START: &str = "start to first answer";
/// MiB of the program in memory after the loads.
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
    let places: Vec<_> = sizes.iter().flat_map(|school| ENGINES.map(|engine| (*school, engine))).collect();
    let mut works: Vec<_> = places.iter().map(|(school, _)| Work::on(*school)).collect();
    for round in 1..=bench.settings.rounds {
        for ((school, engine), work) in places.iter().zip(&mut works) {
            measure_one(bench, *school, *engine, work, round).await?;
        }
    }
    Ok(())
}

/// All of it or none: what is in memory depends on what was asked before.
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
    let database = bench.data.of(&owner, engine, school, Tables::Ours).await?;
    let began = Instant::now();
    let service = Service::that_tells(&serve(&bench.places.matricula, &database))?;
    Connection::open(service.address).await?.ask(&work.next(Kind::R1)).await?;
    let started = began.elapsed().as_secs_f64() * 1e3;
    bench.journal.note(&in_round(name(engine, school, START)), Measured::Value(started))?;
    for kind in [Kind::R1, Kind::W1] {
        client::saturate(service.address, work, kind, CONNECTIONS, bench.settings.span / 3).await?;
    }
    for load in LOADS {
        let (kind, clients) = load;
        let figures = client::saturate(service.address, work, kind, clients, bench.settings.span).await?;
        bench.journal.note(&in_round(load_name(engine, school, load)), Measured::Load(figures))?;
    }
    bench.journal.note(&last, Measured::Value(service.resident()?))?;
    service.stop()
}
