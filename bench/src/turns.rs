//! All contenders in turn, on the same school.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::client;
use crate::contender::Contender;
use crate::data::{ENGINES, Engine, Tables};
use crate::journal::Measured;
use crate::process::{Service, on_server_core};
use crate::work::{KINDS, Kind, Work};

/// Concurrent clients.
pub(crate) const CONNECTIONS: usize = 64;
/// The kinds of work that are also measured at a fixed rate, in requests per second.
pub(crate) const RATES: [(Kind, u32); 4] =
    [(Kind::R1, 2_000), (Kind::R2, 2_000), (Kind::W1, 1_000), (Kind::M, 2_000)];

/// A kind of work at a rate in requests per second; `None` for clients that are always busy.
pub(crate) type Load = (Kind, Option<u32>);

/// The name of a load in the journal.
pub(crate) fn name(contender: &Contender, (kind, rate): Load) -> String {
    let how = rate.map_or_else(|| "saturated".to_owned(), |rate| format!("at {rate}/s"));
    format!("{}, {} {how}", contender.name(), kind.name())
}

/// The name of the raw rate of an engine in the journal.
pub(crate) fn raw_name(engine: Engine) -> String {
    format!("rows of enrollments into {}", engine.name())
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    bench.settings.rounds * (bench.contenders.len() * bench.settings.loads.len() + raw_engines(bench).len())
}

/// All loads; if kinds of work are given, only those, by clients that are always busy.
pub(crate) fn loads(wanted: &[Kind]) -> Vec<Load> {
    if !wanted.is_empty() {
        return wanted.iter().map(|kind| (*kind, None)).collect();
    }
    let saturated = KINDS.into_iter().map(|kind| (kind, None));
    let at_rate = RATES.into_iter().map(|(kind, rate)| (kind, Some(rate)));
    let mut loads: Vec<Load> = saturated.chain(at_rate).collect();
    // Reads first: a server is still cleaning up for a while after writes.
    loads.sort_by_key(|(kind, _)| kind.writes());
    loads
}

/// The engines whose raw rate is measured.
fn raw_engines(bench: &Bench) -> Vec<Engine> {
    let writes = bench.settings.loads.contains(&(Kind::W1, None));
    let is_there = |engine: &Engine| bench.contenders.iter().any(|it| it.engine == Some(*engine));
    ENGINES.into_iter().filter(|engine| writes && is_there(engine)).collect()
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let contenders = bench.contenders.clone();
    let mut works: Vec<_> = contenders.iter().map(|_| Work::new(bench.settings.school)).collect();
    for round in 1..=bench.settings.rounds {
        for (contender, work) in contenders.iter().zip(&mut works) {
            measure_one(bench, contender, work, round).await?;
        }
        for engine in raw_engines(bench) {
            let name = format!("{}, round {round}", raw_name(engine));
            if !bench.journal.has(&name) {
                let rate = measure_raw(bench, engine).await?;
                bench.journal.record(&name, Measured::Value(rate))?;
            }
        }
    }
    Ok(())
}

async fn measure_one(bench: &mut Bench, contender: &Contender, work: &mut Work, round: usize) -> Result<()> {
    let named = |load| format!("{}, round {round}", name(contender, load));
    let loads = bench.settings.loads.iter().copied();
    let missing: Vec<_> = loads.filter(|load| !bench.journal.has(&named(*load))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let school = bench.settings.school;
    let service = contender.start(&bench.places, &mut bench.data, school).await?;
    for load in missing {
        let saturated = match bench.journal.get(&named((load.0, None))) {
            Some(Measured::Load(figures)) => figures.rate,
            _ => f64::INFINITY,
        };
        let measured = match load {
            (_, Some(rate)) if f64::from(rate) > saturated => Measured::NotHeld,
            load => run_load(bench, &service, work, load).await?,
        };
        bench.journal.record(&named(load), measured)?;
    }
    service.stop()
}

async fn run_load(bench: &Bench, service: &Service, work: &mut Work, (kind, rate): Load) -> Result<Measured> {
    let (address, span) = (service.address, bench.settings.span);
    let span_at_rate = bench.settings.span_at_rate;
    // Warms up first: the load before has warmed up other parts, and may have left work to do.
    Ok(match rate {
        None => {
            client::saturate(address, work, kind, CONNECTIONS, span / 3).await?;
            Measured::Load(client::saturate(address, work, kind, CONNECTIONS, span).await?)
        }
        Some(rate) => {
            client::at_rate(address, work, kind, CONNECTIONS, rate, span / 3).await?;
            client::at_rate(address, work, kind, CONNECTIONS, rate, span_at_rate)
                .await?
                .map_or(Measured::NotHeld, Measured::Load)
        }
    })
}

/// Measures the raw rate of an engine, in a process of its own on the server's core.
async fn measure_raw(bench: &mut Bench, engine: Engine) -> Result<f64> {
    let school = bench.settings.school;
    let database = bench.data.copy_for("raw", engine, school, Tables::Ours).await?;
    let (students, time) = (school.students.to_string(), bench.settings.span.as_millis().to_string());
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["raw", &database, &students, &time]);
    let output = on_server_core(|| Ok(command.output()?))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
