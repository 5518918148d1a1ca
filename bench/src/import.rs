//! `matricula import` of large files: alone, next to the engine's own bulk load of the same rows, and next to a server
//! that enrolls students at a fixed rate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client::{self, Figures};
use crate::data::{ENGINES, Engine, School, Tables, serve};
use crate::files::Rows;
use crate::journal::Measured;
use crate::process::{Service, on_server_core};
use crate::turns::CONNECTIONS;
use crate::work::{Kind, Work};
use crate::{Args, Bench};

/// The size of the import.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import {
    pub(crate) rows: Rows,
    /// The school that is served to clients.
    school: School,
    pub(crate) is_wanted: bool,
}

/// Enrollments per second by the clients of the server.
pub(crate) const RATE: u32 = 500;

/// Seconds of `matricula import --dry-run` into an empty school.
pub(crate) const PLAN: &str = "plan, s";
/// Seconds of `matricula import --yes`, which makes the plan first.
pub(crate) const APPLIED: &str = "plan and apply, s";
/// Seconds of `matricula import --dry-run` when all rows exist.
pub(crate) const PLAN_AGAIN: &str = "plan once everything is there, s";
/// Seconds that the engine takes to write the same rows.
pub(crate) const BULK: &str = "the engine's own bulk load, s";
/// Like [`PLAN`], next to a server with clients.
pub(crate) const PLAN_WITH_CLIENTS: &str = "plan next to clients, s";
/// Like [`APPLIED`], next to a server with clients.
pub(crate) const APPLIED_WITH_CLIENTS: &str = "plan and apply next to clients, s";
/// The peak of resident memory of all of these programs, in MiB.
pub(crate) const MEMORY: &str = "memory at most, MiB";
/// The latency of the clients while nothing is imported.
pub(crate) const P99_ALONE: &str = "clients alone: 99th percentile, ms";
/// The latency of the clients while the import is planned and applied.
pub(crate) const P99_DURING: &str = "clients next to an import: 99th percentile, ms";

/// The rows of the table, with their units.
pub(crate) const ROWS: [&str; 9] =
    [PLAN, APPLIED, PLAN_AGAIN, BULK, PLAN_WITH_CLIENTS, APPLIED_WITH_CLIENTS, MEMORY, P99_ALONE, P99_DURING];

impl Import {
    pub(crate) fn from_args(args: &Args) -> Self {
        let (rows, students) = if args.rehearsal {
            (Rows { students: 200, courses: 20, enrollments: 1_000 }, 200)
        } else if args.quick {
            (Rows { students: 20_000, courses: 400, enrollments: 100_000 }, 10_000)
        } else {
            (Rows { students: 100_000, courses: 2_000, enrollments: 500_000 }, 10_000)
        };
        Self {
            rows,
            school: School { students },
            is_wanted: !(args.is_partial() || args.pages || args.search),
        }
    }
}

pub(crate) fn name(engine: Engine, what: &str) -> String {
    format!("import on {}, {what}", engine.name())
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    if bench.settings.import.is_wanted { ENGINES.len() * ROWS.len() } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    if !bench.settings.import.is_wanted {
        return Ok(());
    }
    let files = bench.data.folder().join("files");
    bench.settings.import.rows.write(&files)?;
    for engine in ENGINES {
        let named = |row| format!("{}, round 1", name(engine, row));
        if ROWS.iter().all(|row| bench.journal.has(&named(row))) {
            continue;
        }
        let (alone, memory) = measure_alone(bench, engine, &files).await?;
        for (row, value) in [PLAN, APPLIED, PLAN_AGAIN, BULK].iter().zip(alone) {
            bench.journal.record(&named(row), Measured::Value(value))?;
        }
        let (with_clients, memory_with_clients) = measure_with_clients(bench, engine, &files).await?;
        let rows = [PLAN_WITH_CLIENTS, APPLIED_WITH_CLIENTS, P99_ALONE, P99_DURING];
        for (row, value) in rows.iter().zip(with_clients) {
            bench.journal.record(&named(row), Measured::Value(value))?;
        }
        bench.journal.record(&named(MEMORY), Measured::Value(memory.max(memory_with_clients)))?;
    }
    Ok(())
}

/// The seconds of three imports into an empty school and of the bulk load; the peak of memory in MiB.
async fn measure_alone(bench: &mut Bench, engine: Engine, files: &Path) -> Result<([f64; 4], f64)> {
    let matricula = bench.places.matricula.clone();
    let imported = bench.data.make_empty(engine, "imported").await?;
    let mut memory: f64 = 0.0;
    let mut seconds = [0.0; 4];
    for (place, flag) in ["--dry-run", "--yes", "--dry-run"].into_iter().enumerate() {
        let mut program = Importing::start(&matricula, &imported, files, flag)?;
        while program.is_running()? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (seconds[place], memory) = (program.seconds, memory.max(program.mebibytes));
    }
    let copied = bench.data.make_empty(engine, "copied").await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bulk", &imported, &copied]);
    let output = on_server_core(|| Ok(command.output()?))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    seconds[3] = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok((seconds, memory))
}

/// The seconds of a plan and of an import next to a server with clients, and the latency of the clients before and
/// during both; the peak of memory in MiB.
async fn measure_with_clients(bench: &mut Bench, engine: Engine, files: &Path) -> Result<([f64; 4], f64)> {
    let matricula = bench.places.matricula.clone();
    let school = bench.settings.import.school;
    let owner = format!("imported into {}", engine.name());
    let database = bench.data.copy_for(&owner, engine, school, Tables::Ours).await?;
    let service = Service::start(&serve(&matricula, &database))?;
    let mut work = Work::new(school);
    let (began, span) = (Instant::now(), bench.settings.span_at_rate);
    let alone = clients(&service, &mut work, || Ok(began.elapsed() < span)).await?;
    let mut programs = Vec::new();
    let mut p99: f64 = 0.0;
    for flag in ["--dry-run", "--yes"] {
        let mut program = Importing::start(&matricula, &database, files, flag)?;
        let during = clients(&service, &mut work, || program.is_running()).await?;
        p99 = p99.max(during.p99);
        programs.push(program);
    }
    service.stop()?;
    let memory = programs.iter().map(|program| program.mebibytes).fold(0.0, f64::max);
    Ok(([programs[0].seconds, programs[1].seconds, alone.p99, p99], memory))
}

async fn clients(
    service: &Service,
    work: &mut Work,
    goes_on: impl FnMut() -> Result<bool>,
) -> Result<Figures> {
    client::at_rate_while(service.address, work, Kind::W1, CONNECTIONS, RATE, goes_on).await
}

/// A running `matricula import`.
struct Importing {
    child: Child,
    began: Instant,
    /// How long it has taken so far.
    seconds: f64,
    /// The peak of its resident memory so far.
    mebibytes: f64,
    status: PathBuf,
}

impl Importing {
    fn start(matricula: &Path, database: &str, files: &Path, flag: &str) -> Result<Self> {
        let mut command = Command::new(matricula);
        command.args(["import", "--database", database, flag]).arg(files);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let began = Instant::now();
        let child = on_server_core(|| Ok(command.spawn()?))?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        Ok(Self { child, began, seconds: 0.0, mebibytes: 0.0, status })
    }

    /// Whether it is still running. Call it every few milliseconds, so that it sees the peak of memory.
    ///
    /// # Errors
    /// When it has failed.
    fn is_running(&mut self) -> Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            ensure!(status.success(), "the import ended with {status}");
            return Ok(false);
        }
        self.seconds = self.began.elapsed().as_secs_f64();
        let peak = fs::read_to_string(&self.status)?;
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        if let Some(kibibytes) = peak {
            self.mebibytes = kibibytes.parse::<f64>()? / 1024.0;
        }
        Ok(true)
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        #[expect(clippy::let_underscore_must_use, reason = "it has ended, unless there was an error")]
        let _ = self.child.kill();
        #[expect(clippy::let_underscore_must_use, reason = "`drop` cannot report errors")]
        let _ = self.child.wait();
    }
}
