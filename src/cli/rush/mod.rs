//! `matricula rush`: simulates registration day on a running server, then checks the result.

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

use self::client::Target;
use self::day::{Applicant, Stats, run_client};
use crate::clock::{Clock, Stamp};
use crate::config::whole_number;

/// Options of `matricula rush`.
#[derive(Debug, Args)]
pub(super) struct RushArgs {
    /// The server, http://host:port
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Number of students, who all come at once
    #[arg(long, default_value_t = 20_000, value_parser = whole_number(1_u32..=1_000_000))]
    students: u32,
    /// Number of courses; the first ones are the most popular
    #[arg(long, default_value_t = 200, value_parser = whole_number(1_u32..=10_000))]
    courses: u32,
    /// Seats of each course
    #[arg(long, default_value_t = 30, value_parser = whole_number(0_u32..=1_000_000))]
    seats: u32,
    /// Places on the waitlist of each course
    #[arg(long, default_value_t = 10, value_parser = whole_number(0_u32..=1_000_000))]
    waitlist: u32,
    /// How long students enroll, drop and swap, in minutes
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Number of connections
    #[arg(long, default_value_t = 256, value_parser = whole_number(1_u16..=10_000))]
    clients: u16,
    /// The same seed gives the same choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rehearse in a school that has students or courses; the ones that rush adds stay there
    #[arg(long)]
    yes: bool,
}

/// Time until registration opens, in which all clients start asking.
const OPENING_DELAY: Duration = Duration::from_secs(1);
/// The number of findings that are printed.
const MAX_FINDINGS: usize = 20;

/// Creates students and courses on the server, opens registration, and checks the result.
///
/// # Errors
/// If the server cannot be used, has a school that is not empty, or a check fails.
pub(super) async fn run(args: RushArgs, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let span = Duration::try_from_secs_f64(args.minutes * 60.0).context("--minutes")?;
    let server = Target::parse(&args.url)?;
    let mut rng = Rng::with_seed(args.seed);
    if !args.yes {
        ensure_empty(&server).await?;
    }
    let courses = create(
        &server,
        args.courses,
        "courses",
        |number| json!({"name": format!("Rush {number}"), "level": "rush"}),
    )
    .await?;
    let students = create(&server, args.students, "students", |number| {
        json!({"name": format!("Student {number}"), "email": format!("student{number}@example.edu")})
    })
    .await?;
    let opens_at = Stamp::from(clock.now() + OPENING_DELAY);
    set_seats(&server, &courses, &args, opens_at.as_str()).await?;
    let mut students: Vec<_> =
        students.into_iter().map(|id| Applicant::new(id, &courses, &mut rng)).collect();
    rng.shuffle(&mut students);

    writeln!(
        out,
        "{} students for {} courses with {} seats and {} places on the waitlist each; registration opens at {opens_at}",
        args.students, args.courses, args.seats, args.waitlist
    )?;
    out.flush()?;
    let (stats, took) = rush(&server, &mut students, span, &args, &mut rng).await;
    print_stats(&stats, took, out)?;

    let mut findings = proof::verify(&mut server.client(), &courses, &students).await?;
    findings
        .extend(stats.changed_answers.into_iter().map(|what| format!("a retry got another answer: {what}")));
    if findings.is_empty() {
        writeln!(
            out,
            "ok: no seat was given twice, no confirmed change was lost, nobody is in a course twice, and every waitlist is in \
            the order of the log"
        )?;
        return Ok(());
    }
    for finding in findings.iter().take(MAX_FINDINGS) {
        writeln!(out, "- {finding}")?;
    }
    bail!("{} checks failed", findings.len())
}

async fn rush(
    server: &Target,
    students: &mut [Applicant],
    span: Duration,
    args: &RushArgs,
    rng: &mut Rng,
) -> (Stats, Duration) {
    let each = students.len().div_ceil(usize::from(args.clients));
    let progress = ProgressBar::new(span.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} s") {
        progress.set_style(style);
    }
    let began = Instant::now();
    let until = began + OPENING_DELAY + span;
    let clients = students.chunks_mut(each).map(|students| run_client(server, students, until, rng.fork()));
    let mut going = futures_util::future::join_all(clients);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let stats = loop {
        tokio::select! {
            stats = &mut going => break stats,
            _ = second.tick() => progress.set_position(began.elapsed().as_secs()),
        }
    };
    progress.finish_and_clear();
    let mut all = Stats::default();
    for stats in stats {
        all.add(stats);
    }
    (all, began.elapsed().saturating_sub(OPENING_DELAY))
}

/// Refuses a school with students or courses, which a rehearsal would fill with invented ones.
async fn ensure_empty(server: &Target) -> anyhow::Result<()> {
    let mut client = server.client();
    for kind in ["students", "courses"] {
        let found = client.get(&format!("/api/v1/{kind}?limit=1")).await?;
        if found.as_array().is_none_or(|found| !found.is_empty()) {
            bail!(
                "the school has {kind} already; rush adds its own, which stay. To rehearse there all the same, say --yes"
            );
        }
    }
    Ok(())
}

/// Creates `count` records with POST and returns their ids.
async fn create(
    server: &Target,
    count: u32,
    kind: &str,
    body: impl Fn(u32) -> Value,
) -> anyhow::Result<Vec<i64>> {
    let path = format!("/api/v1/{kind}");
    let numbers: Vec<u32> = (1..=count).collect();
    let parts = numbers.chunks(numbers.len().div_ceil(64)).map(|part| {
        let (path, body) = (&path, &body);
        async move {
            let mut client = server.client();
            let mut ids = Vec::with_capacity(part.len());
            for number in part {
                let answer = client.send(Method::POST, path, None, Some(&body(*number))).await?;
                ids.push(answer.id()?);
            }
            anyhow::Ok(ids)
        }
    });
    let parts: Vec<Vec<i64>> = stream::iter(parts).buffered(64).try_collect().await?;
    Ok(parts.concat())
}

async fn set_seats(server: &Target, courses: &[i64], args: &RushArgs, opens_at: &str) -> anyhow::Result<()> {
    let mut client = server.client();
    let body = json!({"capacity": args.seats, "waitlist_capacity": args.waitlist, "opens_at": opens_at});
    for course in courses {
        let path = format!("/api/v1/courses/{course}/seats");
        let answer = client.send(Method::PUT, &path, None, Some(&body)).await?;
        if !answer.problem().is_empty() {
            bail!("PUT {path}: {}", answer.body);
        }
    }
    Ok(())
}

fn print_stats(stats: &Stats, took: Duration, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut sorted = stats.latencies.clone();
    sorted.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = |count: u64| count as f64 / took.as_secs_f64();
    let (mut adds, mut all) = (0, 0);
    let mut answers: Vec<_> = stats.answers.iter().collect();
    answers.sort();
    writeln!(out, "answers:")?;
    for (answer, count) in answers {
        writeln!(out, "  {count:>9} {answer}")?;
        all += count;
        adds += if ["201", "202"].contains(&answer.as_str()) { *count } else { 0 };
    }
    writeln!(
        out,
        "{:.0} answers per second, of which {:.0} enrolled a student or put one on a waitlist",
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
