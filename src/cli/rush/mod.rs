//! `matricula rush`: registration day on a running server, and the proof that it went right.

mod client;
mod day;
mod proof;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::http::Method;
use clap::Args;
use fastrand::Rng;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::client::Server;
use self::day::{Student, Tally, go_through};
use crate::clock::{Clock, stamp};

/// How large a rush.
#[derive(Debug, Args)]
pub(super) struct RushArgs {
    /// The server, http://host:port
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Students who come, all at once
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    students: u32,
    /// Courses; the first ones are everybody's favorites
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    courses: u32,
    /// Seats of each course
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    seats: u32,
    /// Places on the waitlist of each course
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    waitlist: u32,
    /// How long they go on to enroll, to drop and to swap
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Connections at once
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: u16,
    /// The same seed makes the same wishes
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Between the setting of the seats and the opening: everybody is there before.
const BEFORE_OPENING: Duration = Duration::from_secs(1);
/// Findings that are printed.
const TOLD: usize = 20;

/// Makes a school on the server, lets everybody in at once, and proves what came of it.
///
/// # Errors
/// When the server cannot be used, or a proof fails.
pub(super) async fn run(args: RushArgs, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let span = Duration::try_from_secs_f64(args.minutes * 60.0).context("--minutes")?;
    let server = Server::at(&args.url)?;
    let mut chance = Rng::with_seed(args.seed);
    let courses = make(
        &server,
        args.courses,
        "courses",
        |number| json!({"name": format!("Rush {number}"), "level": "rush"}),
    )
    .await?;
    let students = make(&server, args.students, "students", |number| {
        json!({"name": format!("Student {number}"), "email": format!("student{number}@example.edu")})
    })
    .await?;
    let opens_at = stamp(clock.now() + BEFORE_OPENING);
    set_seats(&server, &courses, &args, &opens_at).await?;
    let mut students: Vec<_> =
        students.into_iter().map(|id| Student::new(id, &courses, &mut chance)).collect();
    chance.shuffle(&mut students);

    writeln!(
        out,
        "{} students want seats in {} courses of {}, {} wait at most; registration opens at {opens_at}",
        args.students, args.courses, args.seats, args.waitlist
    )?;
    out.flush()?;
    let (tally, took) = rush(&server, &mut students, span, &args, &mut chance).await;
    tell(&tally, took, out)?;

    let mut findings = proof::prove(&mut server.client(), &courses, &students).await?;
    findings.extend(tally.broken.into_iter().map(|what| format!("asked twice, answered twice: {what}")));
    if findings.is_empty() {
        writeln!(
            out,
            "proved: no seat was sold twice, nothing acknowledged was lost, nobody is there twice, every waitlist is in the \
             order of the log"
        )?;
        return Ok(());
    }
    for finding in findings.iter().take(TOLD) {
        writeln!(out, "- {finding}")?;
    }
    bail!("{} findings against the server", findings.len())
}

async fn rush(
    server: &Server,
    students: &mut [Student],
    span: Duration,
    args: &RushArgs,
    chance: &mut Rng,
) -> (Tally, Duration) {
    let each = students.len().div_ceil(usize::from(args.clients));
    let progress = ProgressBar::new(span.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} s") {
        progress.set_style(style);
    }
    let began = Instant::now();
    let until = began + BEFORE_OPENING + span;
    let everybody =
        students.chunks_mut(each).map(|students| go_through(server, students, until, chance.fork()));
    let mut going = futures_util::future::join_all(everybody);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let tallies = loop {
        tokio::select! {
            tallies = &mut going => break tallies,
            _ = second.tick() => progress.set_position(began.elapsed().as_secs()),
        }
    };
    progress.finish_and_clear();
    let mut all = Tally::default();
    for tally in tallies {
        all.add(tally);
    }
    (all, began.elapsed().saturating_sub(BEFORE_OPENING))
}

/// Adds many of a kind; their ids.
async fn make(
    server: &Server,
    many: u32,
    kind: &str,
    body: impl Fn(u32) -> Value,
) -> anyhow::Result<Vec<i64>> {
    let path = format!("/api/v1/{kind}");
    let numbers: Vec<u32> = (1..=many).collect();
    let parts = numbers.chunks(numbers.len().div_ceil(64)).map(|part| {
        let (path, body) = (&path, &body);
        async move {
            let mut client = server.client();
            let mut ids = Vec::with_capacity(part.len());
            for number in part {
                let answer = client.ask(Method::POST, path, None, Some(&body(*number))).await?;
                ids.push(answer.id()?);
            }
            anyhow::Ok(ids)
        }
    });
    let parts: Vec<Vec<i64>> = stream::iter(parts).buffered(64).try_collect().await?;
    Ok(parts.concat())
}

async fn set_seats(server: &Server, courses: &[i64], args: &RushArgs, opens_at: &str) -> anyhow::Result<()> {
    let mut client = server.client();
    let body = json!({"capacity": args.seats, "waitlist_capacity": args.waitlist, "opens_at": opens_at});
    for course in courses {
        let path = format!("/api/v1/courses/{course}/seats");
        let answer = client.ask(Method::PUT, &path, None, Some(&body)).await?;
        if !answer.problem().is_empty() {
            bail!("PUT {path}: {}", answer.body);
        }
    }
    Ok(())
}

fn tell(tally: &Tally, took: Duration, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut sorted = tally.latencies.clone();
    sorted.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = |count: u64| count as f64 / took.as_secs_f64();
    let (mut adds, mut all) = (0, 0);
    let mut answers: Vec<_> = tally.answers.iter().collect();
    answers.sort();
    writeln!(out, "answers:")?;
    for (answer, count) in answers {
        writeln!(out, "  {count:>9} {answer}")?;
        all += count;
        adds += if ["201", "202"].contains(&answer.as_str()) { *count } else { 0 };
    }
    writeln!(
        out,
        "{:.0} answers a second, of which {:.0} added a student to a course",
        rate(all),
        rate(adds)
    )?;
    for (name, per_mille) in [("50th", 500), ("99th", 990), ("99.9th", 999)] {
        if let Some(latency) = sorted.get(sorted.len() * per_mille / 1000) {
            writeln!(out, "{name} percentile {latency:.1?}")?;
        }
    }
    Ok(())
}
