//! The pages: how long the server takes for each, and what it weighs with everything that it loads.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use matricula::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::percentile;
use crate::data::{ENGINES, Engine, serve};
use crate::journal::Measured;
use crate::process::Service;
use crate::{Args, Bench};

/// The size of the school, and the number of requests for each page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSettings {
    pub(crate) students: u32,
    pub(crate) courses: u32,
    requests: usize,
}

impl PageSettings {
    pub(crate) fn from_args(args: &Args) -> Self {
        match (args.rehearsal, args.quick) {
            (true, _) => Self { students: 200, courses: 20, requests: 5 },
            (_, true) => Self { students: 10_000, courses: 200, requests: 100 },
            _ => Self { students: 100_000, courses: 2_000, requests: 300 },
        }
    }
}

/// The name of a page, and a function that returns the path of a random one.
type Page = (&'static str, fn(&PageSettings, &mut Rng) -> String);

const PAGES: [Page; 15] = [
    ("courses", |_, _| "/courses".to_owned()),
    ("courses by name", |_, _| "/courses?sort=name".to_owned()),
    ("courses, a word searched for", |_, _| "/courses?q=logic".to_owned()),
    ("a course", |settings, rng| format!("/courses/{}", rng.u32(1..=settings.courses))),
    ("a course, its roster of a day", |settings, rng| {
        format!("/courses/{}?as_of={}", rng.u32(1..=settings.courses), today())
    }),
    ("a whole roster", |settings, rng| format!("/courses/{}/roster", rng.u32(1..=settings.courses))),
    ("students", |_, _| "/students".to_owned()),
    ("students by name", |_, _| "/students?sort=name".to_owned()),
    ("students, a frequent name searched for", |_, _| "/students?q=tanaka".to_owned()),
    ("students, one searched for", |_, rng| format!("/students?q={}@example", rng.u32(10_000..100_000))),
    ("a student", |settings, rng| format!("/students/{}", rng.u32(1..=settings.students))),
    ("a student, a course searched for", |settings, rng| {
        format!("/students/{}?q=logic", rng.u32(1..=settings.students))
    }),
    ("registration", |_, _| "/registration".to_owned()),
    ("a form", |settings, rng| format!("/students/{}/edit", rng.u32(1..=settings.students))),
    ("deleting", |settings, rng| format!("/courses/{}/delete", rng.u32(1..=settings.courses))),
];

/// The date in UTC: pages refuse days that have not come yet.
fn today() -> String {
    Clock::System.stamp().as_str().chars().take("2026-09-01".len()).collect()
}

/// The goals: at most this many milliseconds for a page, and at most this weight in kB.
pub(crate) const GOALS: (f64, f64) = (10.0, 100.0);

pub(crate) fn names() -> [&'static str; PAGES.len()] {
    PAGES.map(|(name, _)| name)
}

pub(crate) fn time_name(engine: Engine, page: &str) -> String {
    format!("page on {}, {page}", engine.name())
}

pub(crate) fn weight_name(engine: Engine, page: &str) -> String {
    format!("page on {}, {page}, kB", engine.name())
}

fn is_wanted(bench: &Bench) -> bool {
    !bench.settings.sizes.is_empty()
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    if is_wanted(bench) { ENGINES.len() * PAGES.len() * 2 } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let engines = if is_wanted(bench) { &ENGINES[..] } else { &[] };
    for engine in engines.iter().copied() {
        let named = |name: String| format!("{name}, round 1");
        if PAGES.iter().all(|(page, _)| bench.journal.has(&named(weight_name(engine, page)))) {
            continue;
        }
        let settings = bench.settings.pages;
        let database = bench.data.make_sample(engine, settings.students, settings.courses).await?;
        let service = Service::start(&serve(&bench.places.matricula, &database))?;
        for (page, path) in PAGES {
            let (time, weight) = measure_page(&service, &settings, path).await?;
            bench.journal.record(&named(time_name(engine, page)), Measured::Value(time))?;
            bench.journal.record(&named(weight_name(engine, page)), Measured::Value(weight))?;
        }
        service.stop()?;
    }
    Ok(())
}

/// The median response time for a single client in milliseconds, and the weight of the heaviest page in kB.
async fn measure_page(
    service: &Service,
    settings: &PageSettings,
    path: fn(&PageSettings, &mut Rng) -> String,
) -> Result<(f64, f64)> {
    let mut rng = Rng::with_seed(1);
    let (mut times, mut heaviest) = (Vec::new(), 0);
    // The first request warms up. It is not compressed, so that the names of the assets can be read.
    let first = get(service.address, &path(settings, &mut rng), "identity").await?;
    for _ in 0..settings.requests {
        let path = path(settings, &mut rng);
        let sent = Instant::now();
        let response = get(service.address, &path, "gzip").await?;
        times.push(sent.elapsed());
        heaviest = heaviest.max(response.len());
    }
    for asset in String::from_utf8(first)?.split('"').filter(|text| text.starts_with("/assets/")) {
        heaviest += get(service.address, asset, "gzip").await?.len();
    }
    times.sort_unstable();
    let weight = u32::try_from(heaviest).context("a page of gigabytes")?;
    Ok((percentile(&times, 0.5).as_secs_f64() * 1e3, f64::from(weight) / 1e3))
}

/// Requests a page on a new connection; returns all bytes of the response as they were sent.
async fn get(address: SocketAddr, path: &str, encoding: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nAccept-Encoding: {encoding}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut response = Vec::with_capacity(16 * 1024);
    stream.read_to_end(&mut response).await?;
    ensure!(response.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&response));
    Ok(response)
}
