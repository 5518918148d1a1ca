//! `cargo xtask bench`: the service beside the limits of the machine and beside what people would use instead.
//!
//! Whoever is measured has core 0 for all of its server side, the client core 1. Contenders take turns (A B C A B C ...),
//! medians are told, and ratios are what to remember: the same binary varies by a third between minutes.

mod client;
mod contender;
mod data;
mod day;
mod growth;
mod hello;
mod journal;
mod machine;
mod pages;
mod plot;
mod process;
mod raw;
mod report;
mod targets;
mod turns;
mod work;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

use crate::contender::{Contender, Places};
use crate::data::{Data, School};
use crate::journal::Journal;
use crate::turns::Load;
use crate::work::Kind;

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    /// Smaller schools, one round: in five minutes, for a look
    #[arg(long)]
    quick: bool,
    /// Forget what an earlier run has measured
    #[arg(long)]
    fresh: bool,
    /// Only contenders whose names have this in them, and neither growth nor registration day
    #[arg(long)]
    only: Option<String>,
    /// Only these kinds of work, by always busy clients: R1,W1
    #[arg(long, value_delimiter = ',')]
    work: Vec<Kind>,
    /// Another build of matricula, to compare with
    #[arg(long)]
    against: Option<PathBuf>,
    /// Rounds that the contenders take turns in
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each measurement
    #[arg(long)]
    seconds: Option<f64>,
    /// Where the measurements and their data are kept
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Nothing but whether all of it works: a school of a class, without the peers
    #[arg(long, hide = true)]
    rehearsal: bool,
}

impl Args {
    /// Whether all is measured, as it is told in `bench/RESULTS.md`.
    fn is_whole(&self) -> bool {
        let is_changed = self.only.is_some() || self.rounds.is_some() || self.seconds.is_some();
        !(is_changed || !self.work.is_empty() || self.against.is_some() || self.quick || self.rehearsal)
    }
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Answer a constant (used by the benchmark itself)
    #[command(hide = true)]
    Hello {
        /// Behind all that every request of the service meets
        #[arg(long)]
        guarded: bool,
    },
    /// Write without a service (used by the benchmark itself)
    #[command(hide = true)]
    Raw { database: String, students: u64, milliseconds: u64 },
}

/// A run.
pub(crate) struct Bench {
    settings: Settings,
    contenders: Vec<Contender>,
    places: Places,
    journal: Journal,
    data: Data,
}

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The school of the contenders.
    school: School,
    /// The schools whose growth is looked at.
    sizes: Vec<School>,
    rounds: usize,
    /// Of each measurement by clients that are always busy.
    span: Duration,
    /// Of each measurement at a fixed rate: long enough that not one hiccup of the machine makes the 99th percentile.
    span_at_rate: Duration,
    /// What is asked of the contenders.
    loads: Vec<Load>,
    day: day::Day,
    looks: pages::Looks,
}

impl Settings {
    fn of(args: &Args) -> Self {
        let schools = |sizes: &[u64]| sizes.iter().map(|students| School { students: *students }).collect();
        let (students, sizes, rounds, span) = match (args.rehearsal, args.quick) {
            (true, _) => (200, schools(&[200, 400]), 1, Duration::from_millis(100)),
            (_, true) => (10_000, schools(&[10_000, 50_000]), 1, Duration::from_millis(600)),
            _ => (100_000, schools(&[10_000, 100_000, 1_000_000]), 3, Duration::from_secs(2)),
        };
        let span = args.seconds.map_or(span, Duration::from_secs_f64);
        Self {
            school: School { students },
            // Who looks at some only is not interested in the rest.
            sizes: if args.only.is_some() || !args.work.is_empty() { Vec::new() } else { sizes },
            rounds: args.rounds.unwrap_or(rounds),
            span,
            span_at_rate: if args.is_whole() { span * 3 } else { span },
            loads: turns::loads(&args.work),
            day: day::Day::of(args),
            looks: pages::Looks::of(args),
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match args.task {
        Some(Task::Hello { guarded }) => hello::serve(guarded),
        Some(Task::Raw { database, students, milliseconds }) => {
            let (school, span) = (School { students }, Duration::from_millis(milliseconds));
            let rate = runtime()?.block_on(raw::measure(&database, school, span))?;
            Ok(writeln!(io::stdout(), "{rate}")?)
        }
        None => runtime()?.block_on(run(&args)),
    }
}

async fn run(args: &Args) -> Result<()> {
    let settings = Settings::of(args);
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this program has no folder")?;
    let folder = absolute(&args.folder)?;
    let places = Places {
        matricula: beside.join("matricula"),
        peers: folder.join("peers"),
        python: folder.join("venv/bin"),
    };
    ensure!(places.matricula.exists(), "{} has to be built first", places.matricula.display());
    // A look at something else does not cost a whole run what it has measured.
    let measured = folder.join(if args.is_whole() { "run" } else { "look" });
    if args.fresh && measured.exists() {
        std::fs::remove_dir_all(&measured)?;
    }
    let against = args.against.as_deref().map(absolute).transpose()?;
    let how = format!("{settings:?} {:?} {against:?}", args.only);
    // A newer build brings its own copy to its schema; an older one could not read a newer schema.
    let maker = against.clone().unwrap_or_else(|| places.matricula.clone());
    let mut contenders = Contender::all(against, !args.rehearsal);
    if let Some(only) = &args.only {
        contenders.retain(|contender| contender.name().contains(only.as_str()));
        ensure!(!contenders.is_empty(), "no contender has `{only}` in its name");
    }
    let journal = Journal::open(&measured, &how, &places.matricula)?;
    let data = Data::open(measured.join("data"), maker)?;
    let mut bench = Bench { settings, contenders, places, journal, data };
    bench.journal.expect(
        turns::measurements(&bench)
            + growth::measurements(&bench)
            + day::measurements(&bench)
            + pages::measurements(&bench),
    );
    turns::measure(&mut bench).await?;
    growth::measure(&mut bench).await?;
    day::measure(&mut bench).await?;
    pages::measure(&mut bench).await?;
    // Only a whole run is worth keeping.
    let results = if args.is_whole() { absolute(Path::new("bench"))? } else { folder };
    report::write(&bench, &results)?;
    Ok(writeln!(io::stdout(), "{}", results.join("RESULTS.md").display())?)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
