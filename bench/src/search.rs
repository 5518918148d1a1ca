//! Searches in a large school: how long they take, and how long it takes until the first one is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::client::percentile;
use crate::data::{ENGINES, Engine, School, Tables, serve};
use crate::journal::Measured;
use crate::pages::exchange;
use crate::process::Service;
use crate::{Args, Bench};

/// The size of the school, and the number of searches of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchSettings {
    pub(crate) school: School,
    requests: usize,
    pub(crate) is_wanted: bool,
}

impl SearchSettings {
    pub(crate) fn from_args(args: &Args) -> Self {
        let (students, requests) = match (args.rehearsal, args.quick) {
            (true, _) => (400, 5),
            (_, true) => (50_000, 100),
            _ => (1_000_000, 300),
        };
        let is_wanted = !(args.is_partial() || args.import || args.pages || args.setups);
        Self { school: School { students }, requests, is_wanted }
    }
}

/// What people search for: its name, and a function that returns a random one.
type Kind = (&'static str, fn(&mut Rng) -> String);

/// Names that many students of a sample school have.
const FIRST_NAMES: [&str; 4] = ["liam", "keiko", "camille", "deniz"];
const LAST_NAMES: [&str; 4] = ["tanaka", "garcia", "jansen", "gupta"];

const KINDS: [Kind; 6] = [
    ("a name", |rng| pick(rng, &LAST_NAMES).to_owned()),
    ("two words", |rng| format!("{}+{}", pick(rng, &LAST_NAMES), pick(rng, &FIRST_NAMES))),
    ("a number", |rng| rng.u32(10_000..100_000).to_string()),
    ("one letter", |rng| rng.lowercase().to_string()),
    ("two letters of a word", |rng| pick(rng, &LAST_NAMES).chars().take(2).collect()),
    ("two single letters", |rng| format!("{}+{}", rng.lowercase(), rng.lowercase())),
];

/// Where people search: the name, the start of the path, and the media type.
pub(crate) const PLACES: [(&str, &str, &str); 2] =
    [("API", "/api/v1/students?limit=50&q=", "application/json"), ("page", "/students?q=", "text/html")];

/// Milliseconds from the start of the program to the end of the first answer to a search.
pub(crate) const READY: &str = "start to the first answer";
/// Resident memory after all searches, in MiB.
pub(crate) const MEMORY: &str = "memory";
/// The share of the searches that are faster.
pub(crate) const PERCENTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];
/// The goal in milliseconds.
pub(crate) const GOAL: f64 = 20.0;

fn pick(rng: &mut Rng, words: &[&'static str]) -> &'static str {
    words[rng.usize(..words.len())]
}

pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|(kind, _)| kind)
}

pub(crate) fn name(engine: Engine, what: &str) -> String {
    format!("search on {}, {what}", engine.name())
}

pub(crate) fn time_name(engine: Engine, kind: &str, place: &str, percentile: &str) -> String {
    name(engine, &format!("{kind}, {place}, {percentile}"))
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    let each = KINDS.len() * PLACES.len() * PERCENTILES.len() + 2;
    if bench.settings.search.is_wanted { ENGINES.len() * each } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let engines = if bench.settings.search.is_wanted { &ENGINES[..] } else { &[] };
    for engine in engines.iter().copied() {
        let named = |name: String| format!("{name}, round 1");
        let last = named(name(engine, MEMORY));
        if bench.journal.has(&last) {
            continue;
        }
        let SearchSettings { school, requests, .. } = bench.settings.search;
        let database = bench.data.copy_for("searching", engine, school, Tables::Ours).await?;
        let began = Instant::now();
        let service = Service::start(&serve(&bench.places.matricula, &database))?;
        let mut measured = Vec::new();
        search(service.address, PLACES[0], "tanaka").await?;
        measured.push((name(engine, READY), began.elapsed().as_secs_f64() * 1e3));
        // A list that is sorted by names is made for the first page.
        search(service.address, PLACES[1], "tanaka").await?;
        for (kind, random) in KINDS {
            for place in PLACES {
                let mut rng = Rng::with_seed(1);
                let mut times = Vec::with_capacity(requests);
                for _ in 0..requests {
                    times.push(search(service.address, place, &random(&mut rng)).await?);
                }
                times.sort_unstable();
                for (label, share) in PERCENTILES {
                    let time = percentile(&times, share).as_secs_f64() * 1e3;
                    measured.push((time_name(engine, kind, place.0, label), time));
                }
            }
        }
        measured.push((name(engine, MEMORY), service.resident_mib()?));
        service.stop()?;
        for (name, value) in measured {
            bench.journal.record(&named(name), Measured::Value(value))?;
        }
    }
    Ok(())
}

/// Searches for a text on a new connection; returns how long the answer took.
async fn search(
    address: SocketAddr,
    (_, path, media_type): (&str, &str, &str),
    text: &str,
) -> Result<Duration> {
    let sent = Instant::now();
    let request = format!("GET {path}{text} HTTP/1.1\r\nAccept: {media_type}\r\n");
    let response = exchange(address, &request, "").await?;
    let took = sent.elapsed();
    ensure!(response.starts_with(b"HTTP/1.1 200 "), "{text}: {}", String::from_utf8_lossy(&response));
    Ok(took)
}
