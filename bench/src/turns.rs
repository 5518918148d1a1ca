//! All contenders in turn, on the same school.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::client;
use crate::contender::Contender;
use crate::data::{ENGINES, Engine, Tables};
use crate::journal::Measured;
use crate::process::{Service, on_the_servers_core};
use crate::work::{KINDS, Kind, Work};

/// Clients at a time.
pub(crate) const CONNECTIONS: usize = 64;
/// What is also asked at a fixed rate, requests a second.
pub(crate) const RATES: [(Kind, u32); 4] =
    [(Kind::R1, 2_000), (Kind::R2, 2_000), (Kind::W1, 1_000), (Kind::M, 2_000)];

/// How a kind of work is asked: by clients that are always busy, or at a fixed rate.
pub(crate) type Load = (Kind, Option<u32>);

/// The name under which a load is kept.
pub(crate) fn name(contender: &Contender, (kind, rate): Load) -> String {
    let how = rate.map_or_else(|| "saturated".to_owned(), |rate| format!("at {rate}/s"));
    format!("{}, {} {how}", contender.name(), kind.name())
}

/// The name under which the raw rate of an engine is kept.
pub(crate) fn raw_name(engine: Engine) -> String {
    format!("rows of enrollments into {}", engine.name())
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    bench.settings.rounds * (bench.contenders.len() * bench.settings.loads.len() + raw_engines(bench).len())
}

/// All of them, or those of these kinds by clients that are always busy.
pub(crate) fn loads(wanted: &[Kind]) -> Vec<Load> {
    if !wanted.is_empty() {
        return wanted.iter().map(|kind| (*kind, None)).collect();
    }
    let saturated = KINDS.into_iter().map(|kind| (kind, None));
    let at_rate = RATES.into_iter().map(|(kind, rate)| (kind, Some(rate)));
    let mut loads: Vec<Load> = saturated.chain(at_rate).collect();
    // Reads first: who has written a while ago is still cleaning up.
    loads.sort_by_key(|(kind, _)| kind.writes());
    loads
}

/// The engines of which it is asked how fast they write.
fn raw_engines(bench: &Bench) -> Vec<Engine> {
    let writes = bench.settings.loads.contains(&(Kind::W1, None));
    let is_there = |engine: &Engine| bench.contenders.iter().any(|it| it.engine == Some(*engine));
    ENGINES.into_iter().filter(|engine| writes && is_there(engine)).collect()
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let contenders = bench.contenders.clone();
    let mut works: Vec<_> = contenders.iter().map(|_| Work::on(bench.settings.school)).collect();
    for round in 1..=bench.settings.rounds {
        for (contender, work) in contenders.iter().zip(&mut works) {
            measure_one(bench, contender, work, round).await?;
        }
        for engine in raw_engines(bench) {
            let name = format!("{}, round {round}", raw_name(engine));
            if !bench.journal.has(&name) {
                let rate = raw(bench, engine).await?;
                bench.journal.note(&name, Measured::Value(rate))?;
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
        let most = match bench.journal.get(&named((load.0, None))) {
            Some(Measured::Load(figures)) => figures.rate,
            _ => f64::INFINITY,
        };
        let measured = match load {
            (_, Some(rate)) if f64::from(rate) > most => Measured::NotHeld,
            load => ask(bench, &service, work, load).await?,
        };
        bench.journal.note(&named(load), measured)?;
    }
    service.stop()
}

async fn ask(bench: &Bench, service: &Service, work: &mut Work, (kind, rate): Load) -> Result<Measured> {
    let (address, span) = (service.address, bench.settings.span);
    let span_at_rate = bench.settings.span_at_rate;
    // What was asked before has warmed up other parts, and may have left something behind.
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

/// In a process of its own, on the core of those who are measured.
async fn raw(bench: &mut Bench, engine: Engine) -> Result<f64> {
    let school = bench.settings.school;
    let database = bench.data.of("raw", engine, school, Tables::Ours).await?;
    let (students, time) = (school.students.to_string(), bench.settings.span.as_millis().to_string());
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["raw", &database, &students, &time]);
    let told = on_the_servers_core(|| Ok(command.output()?))?;
    ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?.trim().parse()?)
}
