//! `cargo bench --bench load`: the service against the same server answering a constant, side by side.
//!
//! The server side has core 0 for itself, the client core 1. Contenders take turns (A B A B ...), medians are told, and
//! ratios are what to remember: the same binary varies by a third between minutes. The client at a fixed rate is open
//! loop: a latency counts from when the request was due, not from when it could be sent.

mod client;
mod constant;
mod day;
mod postgres;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use client::{Load, percentile};

#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Args {
    /// Students in the database, five courses each at most
    #[arg(long, default_value_t = 100_000)]
    students: u32,
    /// Rounds that the contenders take turns in
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Requests a second where the rate is fixed
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Measure PostgreSQL beside a file instead
    #[arg(long)]
    postgres: bool,
    /// Measure registration day instead: the rehearsal, past rosters, idle listeners
    #[arg(long)]
    day: bool,
    /// Serve a constant instead (used by the benchmark itself)
    #[arg(long, hide = true)]
    constant: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const COURSES: u32 = 1000;
const CONNECTIONS: usize = 64;

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.constant {
        return runtime.block_on(constant::serve());
    }
    if args.postgres {
        return runtime.block_on(postgres::measure(&args, &mut std::io::stdout()));
    }
    if args.day {
        return runtime.block_on(day::measure(&args, &mut std::io::stdout()));
    }
    pin(std::process::id(), 1);
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("bench.db");
    let mut out = std::io::stdout();
    writeln!(out, "making {} students, {COURSES} courses, up to 5 courses a student ...", args.students)?;
    make(database.as_os_str(), args.students)?;

    let ours = Server::start(
        Command::new(env!("CARGO_BIN_EXE_matricula")).arg("--database").arg(&database).args([
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
        ]),
    )?;
    let constant = Server::start(Command::new(std::env::current_exe()?).arg("--constant"))?;
    runtime.block_on(measure(&args, &ours, &constant, &mut out))
}

fn make(database: &OsStr, students: u32) -> Result<()> {
    let sample = |students: u32, courses: u32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_matricula"));
        command.arg("sample").arg("--database").arg(database);
        command.args(["--students", &students.to_string(), "--courses", &courses.to_string()]);
        anyhow::ensure!(command.stdout(Stdio::null()).status()?.success(), "sample failed");
        Ok(())
    };
    sample(students, COURSES)
}

async fn measure(args: &Args, ours: &Server, constant: &Server, out: &mut impl Write) -> Result<()> {
    let span = Duration::from_secs(args.seconds);
    let students = u64::from(args.students);
    // Courses that nobody takes yet, so that every enrollment is a new row.
    let fresh = client::add_courses(ours.address, 400).await?;
    let mut read = Load::reads(students);
    let mut write = Load::enrollments(students, fresh);

    let mut rates = [const { Vec::new() }; 4];
    for round in 1..=args.rounds {
        for (place, (server, load)) in
            [(ours, &mut read), (constant, &mut Load::reads(students))].into_iter().enumerate()
        {
            rates[place].push(client::saturate(server.address, load, CONNECTIONS, span).await?);
        }
        for (place, (server, load)) in
            [(ours, &mut write), (constant, &mut Load::posts(students))].into_iter().enumerate()
        {
            rates[2 + place].push(client::saturate(server.address, load, CONNECTIONS, span).await?);
        }
        writeln!(out, "round {round} of {} done", args.rounds)?;
    }
    let [r1, r0, w1, w0] = rates.map(|mut round| {
        round.sort_by(f64::total_cmp);
        round[round.len() / 2]
    });

    let mut late = Vec::new();
    for (server, load) in [
        (ours, &mut read),
        (constant, &mut Load::reads(students)),
        (ours, &mut write),
        (constant, &mut Load::posts(students)),
    ] {
        let mut latencies = client::at_rate(server.address, load, CONNECTIONS, args.rate, span * 2).await?;
        latencies.sort_unstable();
        late.push([0.50, 0.99, 0.999].map(|p| percentile(&latencies, p)));
    }

    writeln!(
        out,
        "\n{} students; {CONNECTIONS} connections; medians of {} rounds of {} s",
        args.students, args.rounds, args.seconds
    )?;
    writeln!(
        out,
        "| | requests/s | the same server, a constant | ratio | p50 / p99 / p99.9 at {}/s | constant's |",
        args.rate
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for (name, one, other, at, constant_at) in [
        ("GET /students/{id}/courses", r1, r0, late[0], late[1]),
        ("POST /students/{id}/courses, durable", w1, w0, late[2], late[3]),
    ] {
        let times = |at: [Duration; 3]| at.map(|time| format!("{:.2}", time.as_secs_f64() * 1e3)).join(" / ");
        writeln!(
            out,
            "| {name} | {one:.0} | {other:.0} | {:.2} | {} ms | {} ms |",
            one / other,
            times(at),
            times(constant_at)
        )?;
    }
    Ok(())
}

/// A server in a process of its own, on core 0; stopped when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        pin(child.id(), 0);
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split([' ', '\n']).next());
        let address = address.with_context(|| format!("no address in {line:?}"))?.parse()?;
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where there is no `taskset` the figures are noisier, not wrong.
fn pin(process: u32, core: u32) {
    let process = process.to_string();
    let core = core.to_string();
    let _ = Command::new("taskset").args(["-a", "-c", "-p", &core, &process]).stdout(Stdio::null()).status();
}
