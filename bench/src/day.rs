//! Registration day: the rehearsal by `matricula rush`, lists as of a past time, and idle listeners.

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

/// The size of the registration day.
#[derive(Debug)]
pub(crate) struct Day {
    school: School,
    /// Number of idle listeners to the event feed.
    pub(crate) listeners: u32,
    /// Number of requests for each kind of list.
    requests: usize,
    /// The flags of the rehearsal.
    rush: [(&'static str, &'static str); 3],
}

impl Day {
    pub(crate) fn from_args(args: &Args) -> Self {
        let (students, listeners, requests, rush) = if args.rehearsal {
            (200, 20, 10, ["60", "4", "0.02"])
        } else if args.quick {
            (10_000, 500, 100, ["2000", "20", "0.1"])
        } else {
            (200_000, 5_000, 400, ["20000", "200", "0.25"])
        };
        let [everybody, courses, minutes] = rush;
        let rush = [("--students", everybody), ("--courses", courses), ("--minutes", minutes)];
        Self { school: School { students }, listeners, requests, rush }
    }
}

/// The rows of the table, with their units.
pub(crate) const ROWS: [&str; 10] = [
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
    if is_wanted(bench) { ENGINES.len() * ROWS.len() } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let engines = if is_wanted(bench) { &ENGINES[..] } else { &[] };
    for engine in engines.iter().copied() {
        let named = |row| format!("{}, round 1", name(engine, row));
        if ROWS.iter().all(|row| bench.journal.has(&named(row))) {
            continue;
        }
        let database = bench.data.copy_for("day", engine, bench.settings.day.school, Tables::Ours).await?;
        let service = Service::start(&serve(&bench.places.matricula, &database))?;
        let listeners = measure_listeners(&bench.settings.day, &service).await?;
        let lists = measure_lists(&bench.settings.day, service.address).await?;
        let rush = rehearse(bench, &service)?;
        for (row, value) in ROWS.iter().zip(rush.into_iter().chain(lists).chain(listeners)) {
            bench.journal.record(&named(row), Measured::Value(value))?;
        }
        service.stop()?;
    }
    Ok(())
}

/// KiB per idle listener, and milliseconds from a commit until all listeners have received it.
async fn measure_listeners(day: &Day, service: &Service) -> Result<[f64; 2]> {
    let last = count_events(service.address).await?;
    let before = service.resident_mib()?;
    let mut open = Vec::new();
    for _ in 0..day.listeners {
        let mut stream = TcpStream::connect(service.address).await?;
        let request = format!(
            "GET /api/v1/events?after={last} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        read_until(&mut stream, "retry: ").await?;
        open.push(stream);
    }
    let each = (service.resident_mib()? - before) * 1024.0 / f64::from(day.listeners);
    let began = Instant::now();
    let course = post("/api/v1/courses", "{\"name\":\"News\",\"level\":\"graduate\"}");
    Connection::open(service.address).await?.send(&course).await?;
    for stream in &mut open {
        read_until(stream, "course.created").await?;
    }
    Ok([each, began.elapsed().as_secs_f64() * 1e3])
}

async fn read_until(stream: &mut TcpStream, text: &str) -> Result<()> {
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains(text) {
        ensure!(stream.read_buf(&mut received).await? > 0, "the stream has ended");
    }
    Ok(())
}

/// The number of entries in the log.
async fn count_events(address: std::net::SocketAddr) -> Result<u64> {
    let mut connection = Connection::open(address).await?;
    connection.send(&get("/api/v1/events?limit=1")).await?;
    let head = connection.head();
    let total = head.split("x-total-count: ").nth(1).and_then(|rest| rest.split('\r').next());
    Ok(total.context("no X-Total-Count")?.parse()?)
}

/// Milliseconds for lists as they are now, and as they were at three quarters of the log: the medians.
async fn measure_lists(day: &Day, address: std::net::SocketAddr) -> Result<[f64; 4]> {
    let mut connection = Connection::open(address).await?;
    let seq = count_events(address).await? * 3 / 4;
    let body = connection.send(&get(&format!("/api/v1/events?after={seq}&limit=1"))).await?;
    let events: serde_json::Value = serde_json::from_slice(body)?;
    let as_of = format!("&as_of={}", events[0]["at"].as_str().context("no time")?);
    let mut rng = Rng::with_seed(3);
    let mut medians = [0.0; 4];
    for (index, median) in medians.iter_mut().enumerate() {
        let mut latencies = Vec::with_capacity(day.requests);
        for _ in 0..day.requests {
            let list = if index < 2 {
                format!("students/{}/courses", rng.u64(1..=day.school.students))
            } else {
                format!("courses/{}/students", rng.u64(1..=School::TAKEN))
            };
            let time = if index % 2 == 0 { "" } else { as_of.as_str() };
            let began = Instant::now();
            connection.send(&get(&format!("/api/v1/{list}?limit=100{time}"))).await?;
            latencies.push(began.elapsed());
        }
        latencies.sort_unstable();
        *median = percentile(&latencies, 0.5).as_secs_f64() * 1e3;
    }
    Ok(medians)
}

/// Answers per second, and three percentiles of the latency in milliseconds.
fn rehearse(bench: &Bench, service: &Service) -> Result<[f64; 4]> {
    let mut command = Command::new(&bench.places.matricula);
    command.args(["rush", "--yes", "--url", &format!("http://{}", service.address)]);
    command.args(bench.settings.day.rush.iter().flat_map(|(name, value)| [name, value]));
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let number = |line: Option<&str>, word: usize| -> Result<f64> {
        let word = line.and_then(|line| line.split_whitespace().nth(word));
        milliseconds(word.context("the rehearsal printed an unexpected line")?)
    };
    let line = |what: &str| text.lines().find(|line| line.contains(what));
    Ok([
        number(line(" answers per second"), 0)?,
        number(line("50th percentile"), 2)?,
        number(line("99th percentile"), 2)?,
        number(line("99.9th percentile"), 2)?,
    ])
}

/// Parses a number, or a duration as Rust prints it, which is converted to milliseconds.
fn milliseconds(text: &str) -> Result<f64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "ms" => 1.0,
        "µs" => 1e-3,
        "s" => 1e3,
        other => anyhow::bail!("unknown unit `{other}`"),
    };
    Ok(digits.parse::<f64>()? * unit)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_are_converted_to_milliseconds() {
        for (text, read) in [("12.5ms", 12.5), ("1.5s", 1_500.0), ("500µs", 0.5), ("19880", 19_880.0)] {
            assert!((milliseconds(text).unwrap() - read).abs() < 1e-9, "{text}");
        }
        assert!(milliseconds("3 h").is_err());
    }

    #[test]
    fn printed_durations_can_be_parsed() {
        let printed = format!("{:.1?}", Duration::from_micros(12_340));
        assert!((milliseconds(&printed).unwrap() - 12.3).abs() < 1e-9);
    }
}
