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
use crate::page_data::{GROUP, Shown, USER, make_accounts};
use crate::process::Service;
use crate::{Args, Bench};

/// The size of the school, and the number of requests for each page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSettings {
    pub(crate) students: u32,
    pub(crate) courses: u32,
    requests: usize,
    pub(crate) is_wanted: bool,
}

impl PageSettings {
    pub(crate) fn from_args(args: &Args) -> Self {
        let (students, courses, requests) = match (args.rehearsal, args.quick) {
            (true, _) => (200, 20, 5),
            (_, true) => (10_000, 200, 100),
            _ => (100_000, 2_000, 300),
        };
        Self { students, courses, requests, is_wanted: !(args.is_partial() || args.import || args.search) }
    }
}

/// The name of a page, and a function that returns the path of a random one.
type Page = (&'static str, fn(&Shown, &mut Rng) -> String);

/// What the staff sees.
const OF_STAFF: [Page; 25] = [
    ("courses", |_, _| "/courses".to_owned()),
    ("courses by name", |_, _| "/courses?sort=name".to_owned()),
    ("courses, a word searched for", |_, _| "/courses?q=logic".to_owned()),
    ("a course", |shown, rng| format!("/courses/{}", rng.u32(1..=shown.courses))),
    ("a course, its roster of a day", |shown, rng| {
        format!("/courses/{}?as_of={}", rng.u32(1..=shown.courses), today())
    }),
    ("a whole roster", |shown, rng| format!("/courses/{}/roster", rng.u32(1..=shown.courses))),
    ("students", |_, _| "/students".to_owned()),
    ("students by name", |_, _| "/students?sort=name".to_owned()),
    ("students, a frequent name searched for", |_, _| "/students?q=tanaka".to_owned()),
    ("students, one searched for", |_, rng| format!("/students?q={}@example", rng.u32(10_000..100_000))),
    ("a student", |shown, rng| format!("/students/{}", rng.u32(1..=shown.students))),
    ("a student, a course searched for", |shown, rng| {
        format!("/students/{}?q=logic", rng.u32(1..=shown.students))
    }),
    ("registration", |_, _| "/registration".to_owned()),
    ("registration, on a wall", |_, _| "/registration?wall=true".to_owned()),
    ("a form", |shown, rng| format!("/students/{}/edit", rng.u32(1..=shown.students))),
    ("deleting", |shown, rng| format!("/courses/{}/delete", rng.u32(1..=shown.courses))),
    ("groups", |_, _| "/groups".to_owned()),
    ("a group", |_, _| format!("/groups/of/{GROUP}")),
    ("finding, three letters of a name", |_, _| "/find?q=tan".to_owned()),
    ("imports", |_, _| "/imports".to_owned()),
    ("an import", |shown, _| format!("/imports/{}?show=new", shown.import)),
    ("an import, its refused rows", |shown, _| format!("/imports/{}?show=refused", shown.import)),
    ("changes of seats", |_, _| "/seat-changes".to_owned()),
    ("a new change of seats", |_, _| "/seat-changes/new".to_owned()),
    ("a change of the seats of all courses", |shown, _| format!("/seat-changes/{}", shown.change)),
];

/// What an admin sees.
const OF_ADMIN: [Page; 3] = [
    ("accounts", |_, _| "/accounts".to_owned()),
    ("tokens", |_, _| "/tokens".to_owned()),
    ("my account", |_, _| "/account".to_owned()),
];

/// What a student sees.
const OF_STUDENT: [Page; 11] = [
    ("my courses", |_, _| "/my".to_owned()),
    ("courses for a student", |_, _| "/courses".to_owned()),
    ("courses for a student, with free seats", |_, _| "/courses?open=true&free=true".to_owned()),
    ("courses for a student, a word searched for", |_, _| "/courses?q=logic".to_owned()),
    ("a course for a student", |shown, rng| format!("/courses/{}", rng.u32(1..=shown.courses))),
    ("dropping, for a student", |shown, _| format!("/my/courses/{}/drop", shown.held)),
    ("leaving a waitlist, for a student", |shown, _| format!("/my/courses/{}/drop", shown.waited_for)),
    ("swapping, for a student", |shown, _| format!("/my/courses/{}/swap", shown.other)),
    ("a confirmation of a seat", |shown, _| format!("/my/confirmations/{}", shown.enrolled)),
    ("a confirmation of a drop", |shown, _| format!("/my/confirmations/{}", shown.dropped)),
    ("my record", |_, _| "/my/record".to_owned()),
];

fn pages() -> impl Iterator<Item = Page> {
    OF_STAFF.into_iter().chain(OF_ADMIN).chain(OF_STUDENT)
}

/// The date in UTC: pages refuse days that have not come yet.
fn today() -> String {
    Clock::System.stamp().as_str().chars().take("2026-09-01".len()).collect()
}

/// The goals: at most this many milliseconds for a page, and at most this weight in kB.
pub(crate) const GOALS: (f64, f64) = (10.0, 100.0);

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    pages().map(|(name, _)| name)
}

pub(crate) fn time_name(engine: Engine, page: &str) -> String {
    format!("page on {}, {page}", engine.name())
}

pub(crate) fn weight_name(engine: Engine, page: &str) -> String {
    format!("page on {}, {page}, kB", engine.name())
}

pub(crate) fn measurements(bench: &Bench) -> usize {
    if bench.settings.pages.is_wanted { ENGINES.len() * names().count() * 2 } else { 0 }
}

pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    let engines = if bench.settings.pages.is_wanted { &ENGINES[..] } else { &[] };
    for engine in engines.iter().copied() {
        let named = |name: String| format!("{name}, round 1");
        if names().all(|page| bench.journal.has(&named(weight_name(engine, page)))) {
            continue;
        }
        let settings = bench.settings.pages;
        let database = bench.data.make_sample(engine, settings.students, settings.courses).await?;
        let service = Service::start(&serve(&bench.places.matricula, &database))?;
        let shown = Shown::make(service.address, &settings).await?;
        let mut measured = Vec::new();
        for (page, path) in OF_STAFF {
            measured.push((page, measure_page(&service, &settings, &shown, path, "").await?));
        }
        let admin = make_accounts(service.address).await?;
        service.stop()?;
        let mut behind_proxy = serve(&bench.places.matricula, &database);
        behind_proxy.args(["--trust-user-header", USER, "--trusted-proxy", "127.0.0.1"]);
        let service = Service::start(&behind_proxy)?;
        // It has read everything that searches need.
        get(service.address, "/find?q=tan", "identity", &admin).await?;
        for (page, path) in OF_ADMIN {
            measured.push((page, measure_page(&service, &settings, &shown, path, &admin).await?));
        }
        for (page, path) in OF_STUDENT {
            measured.push((page, measure_page(&service, &settings, &shown, path, &shown.student).await?));
        }
        service.stop()?;
        for (page, (time, weight)) in measured {
            bench.journal.record(&named(time_name(engine, page)), Measured::Value(time))?;
            bench.journal.record(&named(weight_name(engine, page)), Measured::Value(weight))?;
        }
    }
    Ok(())
}

/// The median response time for a single client in milliseconds, and the weight of the heaviest page in kB.
async fn measure_page(
    service: &Service,
    settings: &PageSettings,
    shown: &Shown,
    path: fn(&Shown, &mut Rng) -> String,
    user: &str,
) -> Result<(f64, f64)> {
    let mut rng = Rng::with_seed(1);
    let (mut times, mut heaviest) = (Vec::new(), 0);
    // The first request warms up. It is not compressed, so that the names of the assets can be read.
    let first = get(service.address, &path(shown, &mut rng), "identity", user).await?;
    for _ in 0..settings.requests {
        let path = path(shown, &mut rng);
        let sent = Instant::now();
        let response = get(service.address, &path, "gzip", user).await?;
        times.push(sent.elapsed());
        heaviest = heaviest.max(response.len());
    }
    for asset in String::from_utf8(first)?.split('"').filter(|text| text.starts_with("/assets/")) {
        heaviest += get(service.address, asset, "gzip", user).await?.len();
    }
    times.sort_unstable();
    let weight = u32::try_from(heaviest).context("a page of gigabytes")?;
    Ok((percentile(&times, 0.5).as_secs_f64() * 1e3, f64::from(weight) / 1e3))
}

/// Requests a page, with the line of the header that names a student.
async fn get(address: SocketAddr, path: &str, encoding: &str, user: &str) -> Result<Vec<u8>> {
    let request =
        format!("GET {path} HTTP/1.1\r\nAccept: text/html\r\nAccept-Encoding: {encoding}\r\n{user}");
    let response = exchange(address, &request, "").await?;
    ensure!(response.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&response));
    Ok(response)
}

/// Sends the request line and these headers on a new connection; returns all bytes of the response as they were sent.
pub(crate) async fn exchange(address: SocketAddr, head: &str, body: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let request =
        format!("{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::with_capacity(16 * 1024);
    stream.read_to_end(&mut response).await?;
    Ok(response)
}
