//! The pages: what the server takes for each, and what it weighs with everything that it loads.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::percentile;
use crate::data::{ENGINES, Engine, serve};
use crate::journal::Measured;
use crate::process::Service;
use crate::{Args, Bench};

/// How large a school is looked at, and how often each page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    pub(crate) students: u32,
    pub(crate) courses: u32,
    times: usize,
}

impl Looks {
    pub(crate) fn of(args: &Args) -> Self {
        match (args.rehearsal, args.quick) {
            (true, _) => Self { students: 200, courses: 20, times: 5 },
            (_, true) => Self { students: 10_000, courses: 200, times: 100 },
            _ => Self { students: 100_000, courses: 2_000, times: 300 },
        }
    }
}

/// A page by its name, and the path of one of its kind.
type Page = (&'static str, fn(&Looks, &mut Rng) -> String);

const PAGES: [Page; 15] = [
    ("courses", |_, _| "/courses".to_owned()),
    ("courses by name", |_, _| "/courses?sort=name".to_owned()),
    ("courses, a word searched for", |_, _| "/courses?q=logic".to_owned()),
    ("a course", |looks, chance| format!("/courses/{}", chance.u32(1..=looks.courses))),
    ("a course, its roster of a day", |looks, chance| {
        format!("/courses/{}?as_of=2200-01-01", chance.u32(1..=looks.courses))
    }),
    ("a whole roster", |looks, chance| format!("/courses/{}/roster", chance.u32(1..=looks.courses))),
    ("students", |_, _| "/students".to_owned()),
    ("students by name", |_, _| "/students?sort=name".to_owned()),
    ("students, a frequent name searched for", |_, _| "/students?q=tanaka".to_owned()),
    ("students, one searched for", |_, chance| {
        format!("/students?q={}@example", chance.u32(10_000..100_000))
    }),
    ("a student", |looks, chance| format!("/students/{}", chance.u32(1..=looks.students))),
    ("a student, a course searched for", |looks, chance| {
        format!("/students/{}?q=logic", chance.u32(1..=looks.students))
    }),
    ("registration", |_, _| "/registration".to_owned()),
    ("a form", |looks, chance| format!("/students/{}/edit", chance.u32(1..=looks.students))),
    ("deleting", |looks, chance| format!("/courses/{}/delete", chance.u32(1..=looks.courses))),
];

/// What the server may take for a page, in milliseconds, and what a page may weigh, in kB.
pub(crate) const MOST: (f64, f64) = (10.0, 100.0);

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
        let looks = bench.settings.looks;
        let database = bench.data.sample(engine, looks.students, looks.courses).await?;
        let service = Service::that_tells(&serve(&bench.places.matricula, &database))?;
        for (page, path) in PAGES {
            let (time, weight) = look(&service, &looks, path).await?;
            bench.journal.note(&named(time_name(engine, page)), Measured::Value(time))?;
            bench.journal.note(&named(weight_name(engine, page)), Measured::Value(weight))?;
        }
        service.stop()?;
    }
    Ok(())
}

/// The median of what one client waits for the page, in milliseconds, and the weight of the heaviest, in kB.
async fn look(service: &Service, looks: &Looks, path: fn(&Looks, &mut Rng) -> String) -> Result<(f64, f64)> {
    let mut chance = Rng::with_seed(1);
    let (mut times, mut heaviest) = (Vec::new(), 0);
    // The first look warms up.
    let first = ask(service.address, &path(looks, &mut chance), "identity").await?;
    for _ in 0..looks.times {
        let path = path(looks, &mut chance);
        let asked = Instant::now();
        let told = ask(service.address, &path, "gzip").await?;
        times.push(asked.elapsed());
        heaviest = heaviest.max(told.len());
    }
    for asset in String::from_utf8(first)?.split('"').filter(|text| text.starts_with("/assets/")) {
        heaviest += ask(service.address, asset, "gzip").await?.len();
    }
    times.sort_unstable();
    let weight = u32::try_from(heaviest).context("a page of gigabytes")?;
    Ok((percentile(&times, 0.5).as_secs_f64() * 1e3, f64::from(weight) / 1e3))
}

/// All bytes of an answer, as they travel, on a connection of its own.
async fn ask(address: SocketAddr, path: &str, packed: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nAccept-Encoding: {packed}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut told = Vec::with_capacity(16 * 1024);
    stream.read_to_end(&mut told).await?;
    ensure!(told.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&told));
    Ok(told)
}
