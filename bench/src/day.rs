//! Registration day: the rehearsal, rosters as of a past time, and idle listeners.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Connection, percentile};
use crate::data::{ENGINES, Engine, School, Tables, serve};
use crate::journal::Measured;
use crate::process::Service;
use crate::work::{get, post};
use crate::{Args, Bench};

/// How large a day.
#[derive(Debug)]
pub(crate) struct Day {
    school: School,
    /// Listeners to whom nothing happens.
    pub(crate) listeners: u32,
    /// Past rosters and lists that are asked for.
    looks: usize,
    /// The rehearsal's settings.
    rush: [(&'static str, &'static str); 3],
}

impl Day {
    pub(crate) fn of(args: &Args) -> Self {
        let (students, listeners, looks, rush) = if args.rehearsal {
            (200, 20, 10, ["60", "4", "0.02"])
        } else if args.quick {
            (10_000, 500, 100, ["2000", "20", "0.1"])
        } else {
            (200_000, 5_000, 400, ["20000", "200", "0.25"])
        };
        let [everybody, courses, minutes] = rush;
        let rush = [("--students", everybody), ("--courses", courses), ("--minutes", minutes)];
        Self { school: School { students }, listeners, looks, rush }
    }
}

/// Each with its unit.
pub(crate) const WHAT: [&str; 10] = [
    "rehearsal: answers a second",
    "rehearsal: 50th percentile, ms",
    "rehearsal: 99th percentile, ms",
    "rehearsal: 99.9th percentile, ms",
    "courses of a student, now: median, ms",
    "courses of a student, as of: median, ms",
    "100 of a roster, now: median, ms",
    "100 of a roster, as of: median, ms",
    "an idle listener, KiB",
    "a commit until all listeners have heard, ms",
];

pub(crate) fn name(engine: Engine, what: &str) -> String {
    format!("registration day on {}, {what}", engine.name())
}

fn is_wanted(bench: &Bench) -> bool {
    !bench.settings.sizes.is_empty()
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    if is_wanted(bench) { ENGINES.len() * WHAT.len() } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let engines = if is_wanted(bench) { &ENGINES[..] } else { &[] };
    for engine in engines.iter().copied() {
        let named = |what| format!("{}, round 1", name(engine, what));
        if WHAT.iter().all(|what| bench.journal.has(&named(what))) {
            continue;
        }
        let database = bench.data.of("day", engine, bench.settings.day.school, Tables::Ours).await?;
        let service = Service::that_tells(&serve(&bench.places.matricula, &database))?;
        let listening = listeners(&bench.settings.day, &service).await?;
        let looking = past(&bench.settings.day, service.address).await?;
        let rushing = rush(bench, &service)?;
        for (what, value) in WHAT.iter().zip(rushing.into_iter().chain(looking).chain(listening)) {
            bench.journal.note(&named(what), Measured::Value(value))?;
        }
        service.stop()?;
    }
    Ok(())
}

/// What each idle listener takes, and how soon all have heard.
async fn listeners(day: &Day, service: &Service) -> Result<[f64; 2]> {
    let last = events(service.address).await?;
    let before = service.resident()?;
    let mut open = Vec::new();
    for _ in 0..day.listeners {
        let mut stream = TcpStream::connect(service.address).await?;
        let ask = format!(
            "GET /api/v1/events?after={last} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        until(&mut stream, "retry: ").await?;
        open.push(stream);
    }
    let each = (service.resident()? - before) * 1024.0 / f64::from(day.listeners);
    let began = Instant::now();
    let course = post("/api/v1/courses", "{\"name\":\"News\",\"level\":\"graduate\"}");
    Connection::open(service.address).await?.ask(&course).await?;
    for stream in &mut open {
        until(stream, "course.created").await?;
    }
    Ok([each, began.elapsed().as_secs_f64() * 1e3])
}

async fn until(stream: &mut TcpStream, what: &str) -> Result<()> {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(what) {
        ensure!(stream.read_buf(&mut heard).await? > 0, "the stream has ended");
    }
    Ok(())
}

/// How many events the log has.
async fn events(address: std::net::SocketAddr) -> Result<u64> {
    let mut connection = Connection::open(address).await?;
    connection.ask(&get("/api/v1/events?limit=1")).await?;
    let head = connection.head();
    let total = head.split("x-total-count: ").nth(1).and_then(|rest| rest.split('\r').next());
    Ok(total.context("no X-Total-Count")?.parse()?)
}

/// Lists as they are, and as they were at three quarters of the log.
async fn past(day: &Day, address: std::net::SocketAddr) -> Result<[f64; 4]> {
    let mut connection = Connection::open(address).await?;
    let middle = events(address).await? * 3 / 4;
    let told = connection.ask(&get(&format!("/api/v1/events?after={middle}&limit=1"))).await?;
    let told: serde_json::Value = serde_json::from_slice(told)?;
    let as_of = format!("&as_of={}", told[0]["at"].as_str().context("no time")?);
    let mut chance = Rng::with_seed(3);
    let mut medians = [0.0; 4];
    for (place, median) in medians.iter_mut().enumerate() {
        let mut took = Vec::with_capacity(day.looks);
        for _ in 0..day.looks {
            let list = if place < 2 {
                format!("students/{}/courses", chance.u64(1..=day.school.students))
            } else {
                format!("courses/{}/students", chance.u64(1..=School::TAKEN))
            };
            let time = if place % 2 == 0 { "" } else { as_of.as_str() };
            let began = Instant::now();
            connection.ask(&get(&format!("/api/v1/{list}?limit=100{time}"))).await?;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        *median = percentile(&took, 0.5).as_secs_f64() * 1e3;
    }
    Ok(medians)
}

fn rush(bench: &Bench, service: &Service) -> Result<[f64; 4]> {
    let mut command = Command::new(&bench.places.matricula);
    command.args(["rush", "--url", &format!("http://{}", service.address)]);
    command.args(bench.settings.day.rush.iter().flat_map(|(name, value)| [name, value]));
    let told = command.output()?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    ensure!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    let number = |line: Option<&str>, word: usize| -> Result<f64> {
        let word = line.and_then(|line| line.split_whitespace().nth(word));
        milliseconds(word.context("the rehearsal printed something else")?)
    };
    let line = |what: &str| text.lines().find(|line| line.contains(what));
    Ok([
        number(line(" answers per second"), 0)?,
        number(line("50th percentile"), 2)?,
        number(line("99th percentile"), 2)?,
        number(line("99.9th percentile"), 2)?,
    ])
}

/// A number, or a time as Rust writes it.
fn milliseconds(text: &str) -> Result<f64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "ms" => 1.0,
        "µs" => 1e-3,
        "s" => 1e3,
        other => anyhow::bail!("`{other}` is no unit"),
    };
    Ok(digits.parse::<f64>()? * unit)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_read_in_milliseconds() {
        for (text, read) in [("12.5ms", 12.5), ("1.5s", 1_500.0), ("500µs", 0.5), ("19880", 19_880.0)] {
            assert!((milliseconds(text).unwrap() - read).abs() < 1e-9, "{text}");
        }
        assert!(milliseconds("3 h").is_err());
    }

    #[test]
    fn durations_print_as_they_are_read() {
        let printed = format!("{:.1?}", Duration::from_micros(12_340));
        assert!((milliseconds(&printed).unwrap() - 12.3).abs() < 1e-9);
    }
}
