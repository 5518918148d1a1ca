//! `cargo xtask bench`: compares the service with the limits of the machine and with what people would use instead.
//!
//! All server processes run on core 0, the client on core 1. The same binary varies by a third from one minute to the
//! next, so contenders take turns (A B C A B C ...), each figure is a median, and the report begins with ratios.

mod bulk;
mod client;
mod contender;
mod data;
mod day;
mod files;
mod growth;
mod hello;
mod import;
mod journal;
mod machine;
mod page_data;
mod pages;
mod plot;
mod process;
mod raw;
mod report;
mod search;
mod setups;
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
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    /// Smaller schools and one round, in five minutes
    #[arg(long)]
    quick: bool,
    /// Discard the measurements of an earlier run
    #[arg(long)]
    fresh: bool,
    /// Only contenders whose names contain this; no growth, registration day or pages
    #[arg(long)]
    only: Option<String>,
    /// Only these kinds of work, by clients that are always busy: R1,W1
    #[arg(long, value_delimiter = ',')]
    work: Vec<Kind>,
    /// Only the import
    #[arg(long, conflicts_with_all = ["only", "work"])]
    import: bool,
    /// Only the pages
    #[arg(long, conflicts_with_all = ["only", "work", "import"])]
    pages: bool,
    /// Only the searches
    #[arg(long, conflicts_with_all = ["only", "work", "import", "pages"])]
    search: bool,
    /// Only R1 with a token, in tables of a school's own, and next to clients that page
    #[arg(long, conflicts_with_all = ["only", "work", "import", "pages", "search"])]
    setups: bool,
    /// Another build of matricula to compare with
    #[arg(long)]
    against: Option<PathBuf>,
    /// Number of rounds in which the contenders take turns
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds per measurement
    #[arg(long)]
    seconds: Option<f64>,
    /// Where the measurements and their data are stored
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Only check that everything works: a tiny school, without the peers
    #[arg(long, hide = true)]
    rehearsal: bool,
}

impl Args {
    /// Whether this run measures everything that `bench/RESULTS.md` reports, with the default settings.
    fn is_full_run(&self) -> bool {
        let is_changed = self.rounds.is_some() || self.seconds.is_some() || self.against.is_some();
        !(is_changed || self.is_partial() || self.is_single_part() || self.quick || self.rehearsal)
    }

    /// Whether only one of the parts is measured that follow the contenders.
    fn is_single_part(&self) -> bool {
        self.import || self.pages || self.search || self.setups
    }

    /// Whether only some of the contenders or some of the work are measured.
    fn is_partial(&self) -> bool {
        self.only.is_some() || !self.work.is_empty()
    }
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Answer with a constant (used by the benchmark itself)
    #[command(hide = true)]
    Hello {
        /// With the layers that every request to the service passes
        #[arg(long)]
        guarded: bool,
    },
    /// Write rows without a service (used by the benchmark itself)
    #[command(hide = true)]
    Raw { database: String, students: u64, milliseconds: u64 },
    /// Write the rows of an import without a service (used by the benchmark itself)
    #[command(hide = true)]
    Bulk { from: String, into: String },
}

/// A run of the benchmark.
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
    /// The school that the contenders serve.
    school: School,
    /// The schools on which growth is measured, in ascending order.
    sizes: Vec<School>,
    rounds: usize,
    /// Duration of each measurement by clients that are always busy.
    span: Duration,
    /// Duration of each measurement at a fixed rate: long enough that the 99th percentile is not a single hiccup of the
    /// machine.
    span_at_rate: Duration,
    /// The loads that the contenders are measured with.
    loads: Vec<Load>,
    day: day::Day,
    import: import::Import,
    pages: pages::PageSettings,
    search: search::SearchSettings,
    /// Whether R1 is measured in other set-ups.
    has_setups: bool,
}

impl Settings {
    fn from_args(args: &Args) -> Self {
        let schools = |sizes: &[u64]| sizes.iter().map(|students| School { students: *students }).collect();
        let (students, sizes, rounds, span) = match (args.rehearsal, args.quick) {
            (true, _) => (200, schools(&[200, 400]), 1, Duration::from_millis(100)),
            (_, true) => (10_000, schools(&[10_000, 50_000]), 1, Duration::from_millis(600)),
            _ => (100_000, schools(&[10_000, 100_000, 1_000_000]), 3, Duration::from_secs(2)),
        };
        let span = args.seconds.map_or(span, Duration::from_secs_f64);
        Self {
            school: School { students },
            // A partial run also skips growth, registration day and pages.
            sizes: if args.is_partial() || args.is_single_part() { Vec::new() } else { sizes },
            rounds: args.rounds.unwrap_or(rounds),
            span,
            span_at_rate: if args.is_full_run() { span * 3 } else { span },
            loads: if args.is_single_part() { Vec::new() } else { turns::loads(&args.work) },
            day: day::Day::from_args(args),
            import: import::Import::from_args(args),
            pages: pages::PageSettings::from_args(args),
            search: search::SearchSettings::from_args(args),
            has_setups: setups::is_wanted(args),
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
        Some(Task::Bulk { from, into }) => {
            let seconds = runtime()?.block_on(bulk::copy(&from, &into))?;
            Ok(writeln!(io::stdout(), "{seconds}")?)
        }
        None => runtime()?.block_on(run(&args)),
    }
}

async fn run(args: &Args) -> Result<()> {
    let settings = Settings::from_args(args);
    let program = std::env::current_exe()?;
    let directory = program.parent().context("this program has no folder")?;
    let folder = absolute(&args.folder)?;
    let places = Places {
        matricula: directory.join("matricula"),
        peers: folder.join("peers"),
        python: folder.join("venv/bin"),
    };
    ensure!(places.matricula.exists(), "build {} first", places.matricula.display());
    // A folder of its own, so that a partial run does not delete the measurements of a full one.
    let measured = folder.join(if args.is_full_run() { "run" } else { "look" });
    if args.fresh && measured.exists() {
        std::fs::remove_dir_all(&measured)?;
    }
    let against = args.against.as_deref().map(absolute).transpose()?;
    let described = format!("{settings:?} {:?} {against:?}", args.only);
    // The older build makes the data: a newer one migrates its copy, but an older one cannot read a newer schema.
    let oldest = against.clone().unwrap_or_else(|| places.matricula.clone());
    let mut contenders = Contender::all(against, !args.rehearsal);
    if let Some(only) = &args.only {
        contenders.retain(|contender| contender.name().contains(only.as_str()));
        ensure!(!contenders.is_empty(), "no contender has `{only}` in its name");
    }
    let journal = Journal::open(&measured, &described, &places.matricula)?;
    let data = Data::open(measured.join("data"), oldest)?;
    let mut bench = Bench { settings, contenders, places, journal, data };
    bench.journal.expect(
        turns::measurements(&bench)
            + growth::measurements(&bench)
            + day::measurements(&bench)
            + import::measurements(&bench)
            + pages::measurements(&bench)
            + search::measurements(&bench)
            + setups::measurements(&bench),
    );
    turns::measure(&mut bench).await?;
    growth::measure(&mut bench).await?;
    day::measure(&mut bench).await?;
    import::measure(&mut bench).await?;
    pages::measure(&mut bench).await?;
    search::measure(&mut bench).await?;
    setups::measure(&mut bench).await?;
    // Only a full run replaces the committed results.
    let results = if args.is_full_run() { absolute(Path::new("bench"))? } else { folder };
    report::write(&bench, &results)?;
    Ok(writeln!(io::stdout(), "{}", results.join("RESULTS.md").display())?)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
