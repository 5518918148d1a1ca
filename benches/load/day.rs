//! Registration day: the rehearsal, rosters as of a past time, and idle listeners, on a file and on PostgreSQL.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{self, percentile};
use crate::{Args, Server, make};

/// Listeners to whom nothing happens.
const LISTENERS: usize = 5_000;
/// Past rosters and lists that are asked for.
const LOOKS: usize = 400;

pub(crate) async fn measure(args: &Args, out: &mut impl Write) -> Result<()> {
    let durable = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
    let postgres = xtask::postgres::Server::start_with(&durable, |_| Ok(()))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bench.db");
    for (engine, database) in [("a file", file.as_os_str()), ("PostgreSQL", postgres.url().as_ref())] {
        writeln!(out, "\n## {engine}")?;
        make(database, args.students)?;
        let server = Server::start(
            Command::new(env!("CARGO_BIN_EXE_matricula")).arg("--database").arg(database).args([
                "--listen",
                "127.0.0.1:0",
                "--log",
                "warn",
            ]),
        )?;
        listeners(&server, out).await?;
        past(&server, args, out).await?;
        rush(&server, args, out)?;
    }
    Ok(())
}

/// What each idle listener takes, and how soon all have heard.
async fn listeners(server: &Server, out: &mut impl Write) -> Result<()> {
    let last = client::get(server.address, "/api/v1/events?limit=1").await?;
    let last = last.total.context("no X-Total-Count")?;
    let before = resident(server)?;
    let mut open = Vec::with_capacity(LISTENERS);
    for _ in 0..LISTENERS {
        let mut stream = TcpStream::connect(server.address).await?;
        let ask = format!(
            "GET /api/v1/events?after={last} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        until(&mut stream, "retry: ").await?;
        open.push(stream);
    }
    let after = resident(server)?;
    let began = Instant::now();
    client::add_courses(server.address, 1).await?;
    let told = began.elapsed();
    for stream in &mut open {
        until(stream, "course.created").await?;
    }
    writeln!(
        out,
        "{LISTENERS} idle listeners: {:.1} KiB each ({before} to {after} KiB); a commit was answered in {told:.1?} and heard by \
         all after {:.1?}",
        f64::from(u32::try_from(after.saturating_sub(before))?) / f64::from(u32::try_from(LISTENERS)?),
        began.elapsed()
    )?;
    Ok(())
}

async fn until(stream: &mut TcpStream, what: &str) -> Result<()> {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(what) {
        ensure!(stream.read_buf(&mut heard).await? > 0, "the stream has ended");
    }
    Ok(())
}

/// KiB of the server's process.
fn resident(server: &Server) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Pages of rosters and courses of students, as they are and as they were.
async fn past(server: &Server, args: &Args, out: &mut impl Write) -> Result<()> {
    let log = client::get(server.address, "/api/v1/events?limit=1").await?;
    let events = log.total.context("no X-Total-Count")?;
    let middle =
        client::get(server.address, &format!("/api/v1/events?after={}&limit=1", events * 3 / 4)).await?;
    let at = String::from_utf8_lossy(&middle.body).into_owned();
    let at =
        at.split("\"at\":\"").nth(1).and_then(|rest| rest.split('"').next()).context("no time")?.to_owned();
    writeln!(out, "{events} events in the log; as of three quarters of it:")?;
    let mut chance = fastrand::Rng::with_seed(3);
    for (what, then) in [("now", String::new()), ("as of", format!("&as_of={at}"))] {
        for kind in ["courses of a student", "roster of a course, 100 of it"] {
            let (mut took, mut rows) = (Vec::new(), 0);
            for _ in 0..LOOKS {
                let path = if kind.starts_with("courses") {
                    format!("/api/v1/students/{}/courses?limit=100{then}", chance.u32(1..=args.students))
                } else {
                    format!("/api/v1/courses/{}/students?limit=100{then}", chance.u32(1..=crate::COURSES))
                };
                let began = Instant::now();
                rows += client::get(server.address, &path).await?.total.unwrap_or_default();
                took.push(began.elapsed());
            }
            took.sort_unstable();
            let [half, most] = [0.5, 0.99].map(|p| percentile(&took, p));
            let rows = rows / i64::try_from(LOOKS)?;
            writeln!(
                out,
                "  {kind}, {what}: p50 {half:.2?}, p99 {most:.2?} ({rows} rows in all on average)"
            )?;
        }
    }
    Ok(())
}

fn rush(server: &Server, args: &Args, out: &mut impl Write) -> Result<()> {
    out.flush()?;
    let minutes = Duration::from_secs(args.seconds * 3).as_secs_f64() / 60.0;
    let mut command = Command::new(env!("CARGO_BIN_EXE_matricula"));
    command.args(["rush", "--url", &format!("http://{}", server.address), "--minutes", &minutes.to_string()]);
    ensure!(command.status()?.success(), "the proof failed");
    Ok(())
}
