//! `cargo xtask torture`: kills, power cuts, full disks and lost connections, and the proof that nothing was lost or
//! sold twice. Drives the program over HTTP alone, and keeps its own record of what was confirmed.

mod answer;
mod disk;
mod host;
mod load;
mod model;
mod oversell;
mod parts;
mod program;
mod record;
mod request;
mod school;
mod verify;
mod wire;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::host::{Engine, Host};
use crate::parts::{Bounds, Part, Run};
use crate::program::Program;

/// The parts that run if none is named. The quick ones come first.
const PARTS: [Part; 6] =
    [Part::Operations, Part::Cuts, Part::Kills, Part::Histories, Part::FullDisk, Part::PowerLoss];

#[derive(Debug, Parser)]
struct Args {
    /// The parts to run; all of them if none is named
    parts: Vec<Part>,
    /// The program under test; otherwise the one next to this program
    #[arg(long)]
    matricula: Option<PathBuf>,
    /// Only on this engine
    #[arg(long)]
    engine: Option<Engine>,
    /// How long each part runs on each engine, unless its rounds are done before
    #[arg(long)]
    seconds: Option<u64>,
    /// How many kills, power cuts, operations, cut connections, full disks or requests are enough
    #[arg(long)]
    rounds: Option<u64>,
    /// Where everything random begins; the summary has it
    #[arg(long)]
    seed: Option<u64>,
    /// Number of clients at a time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Where the databases and the progress are: a run that was interrupted goes on there
    #[arg(long, default_value = "target/torture")]
    folder: PathBuf,
    /// Forget the progress of earlier runs
    #[arg(long)]
    fresh: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    // A server ends with the thread that has started it, so the threads of the runtime start them.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?
        .block_on(async { tokio::spawn(run(args)).await? })
}

async fn run(args: Args) -> Result<()> {
    let folder = std::path::absolute(&args.folder)?;
    if args.fresh && folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let program = Program::new(&match &args.matricula {
        Some(binary) => std::path::absolute(binary)?,
        None => std::env::current_exe()?.with_file_name("matricula"),
    })?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(1..1 << 32));
    // Each engine has its own databases, so both are tortured at the same time.
    let engines = [Engine::Sqlite, Engine::Postgresql];
    let wanted = engines.into_iter().filter(|engine| args.engine.is_none_or(|only| only == *engine));
    let mut lanes = tokio::task::JoinSet::new();
    for engine in wanted {
        let parts = if args.parts.is_empty() { PARTS.to_vec() } else { args.parts.clone() };
        let parts = parts.into_iter().filter(|part| part.runs_on(engine)).collect();
        let bounds = Bounds { seconds: args.seconds, rounds: args.rounds };
        lanes.spawn(lane(engine, parts, program.clone(), folder.clone(), (seed, args.clients), bounds));
    }
    while let Some(ended) = lanes.join_next().await {
        // The first violation ends everything, so that its databases stay as they are.
        ended??;
    }
    Ok(())
}

/// Runs the parts on one engine, one after the other.
async fn lane(
    engine: Engine,
    parts: Vec<Part>,
    program: Program,
    folder: PathBuf,
    chance: (u64, usize),
    bounds: Bounds,
) -> Result<()> {
    if engine == Engine::Postgresql && xtask::postgres::programs().is_none() {
        return print(&format!("{}: SKIPPED: it is not installed", engine.name()));
    }
    let mut host = Host::start(engine)?;
    for part in parts {
        let (next, result) = Run::part(part, &program, host, &folder, chance, bounds).await;
        host = next;
        match result {
            Ok(line) => print(&line)?,
            Err(error) => {
                print(&format!("FAILED: {error:#}"))?;
                keep(&host, &folder, part)?;
                bail!("{} on {} failed", part.name(), engine.name());
            }
        }
    }
    Ok(())
}

/// Says where the database of a failed run is. That of PostgreSQL ends with this program, so it is copied.
fn keep(host: &Host, folder: &Path, part: Part) -> Result<()> {
    let Host::Postgres { server, .. } = host else { return Ok(()) };
    let copy = folder.join(format!("{}-postgresql-data", part.name()));
    let status = std::process::Command::new("cp").arg("-a").arg(server.data()).arg(&copy).status();
    status.context("cannot copy the data of PostgreSQL")?;
    print(&format!("the data of PostgreSQL was copied to {}", copy.display()))
}

fn print(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
