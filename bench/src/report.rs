//! `RESULTS.md`: what was measured, as ratios first.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::client::Figures;
use crate::contender::{Contender, Program};
use crate::data::{ENGINES, Engine, School};
use crate::growth::{CROWD, MEMORY, START};
use crate::journal::Journal;
use crate::turns::{CONNECTIONS, RATES};
use crate::work::{KINDS, Kind};
use crate::{Bench, day, growth, machine, plot, turns};

/// Writes it, and its plot, into a folder.
pub(crate) fn write(bench: &Bench, folder: &Path) -> Result<()> {
    let mut text = String::new();
    introduction(bench, &mut text)?;
    ratios(bench, &mut text)?;
    rates(bench, &mut text)?;
    latencies(bench, &mut text)?;
    if !bench.settings.sizes.is_empty() {
        growing(bench, &mut text)?;
        registration_day(bench, &mut text)?;
    }
    machine::describe(bench, &mut text)?;
    fs::write(folder.join("RESULTS.md"), text)?;
    Ok(fs::write(folder.join("results.svg"), plot::rates(bench)?)?)
}

/// What a ratio has to reach.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(bound) => value >= bound,
            AtMost(bound) => value <= bound,
        }
    }
}

type Value<'a> = Box<dyn Fn(Engine) -> Option<f64> + 'a>;

/// The targets, for both engines in their order.
fn targets(bench: &Bench) -> Vec<(String, Value<'_>, [Bound; 2])> {
    let journal = &bench.journal;
    let load = move |contender: &Contender, kind, rate| journal.load(&turns::name(contender, (kind, rate)));
    let ours = move |engine, kind, rate| load(&Program::Matricula.on(engine), kind, rate);
    let to_hello = move |kind| -> Value<'_> {
        Box::new(move |engine| {
            Some(ours(engine, kind, None)?.rate / load(&Contender::HELLO, kind, None)?.rate)
        })
    };
    let to_peer = move |kind, peer: Program| -> Value<'_> {
        Box::new(move |engine| {
            Some(ours(engine, kind, None)?.rate / load(&peer.clone().on(engine), kind, None)?.rate)
        })
    };
    let of_size =
        move |school, kind, engine| journal.load(&growth::load_name(engine, school, (kind, CONNECTIONS)));
    let sizes = &bench.settings.sizes;
    let (first, last) = (sizes.first().copied(), sizes.last().copied());
    let grown = move |kind| -> Value<'_> {
        Box::new(move |engine| Some(of_size(last?, kind, engine)?.rate / of_size(first?, kind, engine)?.rate))
    };
    let number = |school: Option<School>, what: &'static str| -> Value<'_> {
        Box::new(move |engine| journal.value(&growth::name(engine, school?, what)))
    };
    let crowd = Box::new(move |engine| {
        let p99 = |kind| Some(journal.load(&growth::load_name(engine, last?, (kind, CROWD)))?.p99);
        Some(p99(Kind::R1)?.max(p99(Kind::W1)?))
    });
    let count = |school: Option<School>| school.map_or(0, |school| school.students);
    let (middle, large) = (sizes.get(1).or(sizes.first()).copied(), last);
    vec![
        ("R1 : hello".into(), to_hello(Kind::R1), [AtLeast(0.55), AtLeast(0.22)]),
        ("R2 : hello".into(), to_hello(Kind::R2), [AtLeast(0.62), AtLeast(0.30)]),
        (
            "W1 : the same rows written without HTTP".into(),
            Box::new(move |engine| {
                Some(ours(engine, Kind::W1, None)?.rate / journal.value(&turns::raw_name(engine))?)
            }),
            [AtLeast(0.80), AtLeast(0.60)],
        ),
        ("R1 : Flask's".into(), to_peer(Kind::R1, Program::Flask), [AtLeast(50.0), AtLeast(30.0)]),
        ("R1 : Fastify's".into(), to_peer(Kind::R1, Program::Fastify), [AtLeast(3.5), AtLeast(4.5)]),
        ("W1 : Flask's".into(), to_peer(Kind::W1, Program::Flask), [AtLeast(30.0), AtLeast(35.0)]),
        ("W1 : Fastify's".into(), to_peer(Kind::W1, Program::Fastify), [AtLeast(5.0), AtLeast(10.0)]),
        (
            "W2 : W1".into(),
            Box::new(move |engine| {
                Some(ours(engine, Kind::W2, None)?.rate / ours(engine, Kind::W1, None)?.rate)
            }),
            [AtLeast(0.9), AtLeast(0.9)],
        ),
        (
            "p99 of R1 at 2000/s : hello's".into(),
            Box::new(move |engine| {
                let rate = Some(2_000);
                Some(ours(engine, Kind::R1, rate)?.p99 / load(&Contender::HELLO, Kind::R1, rate)?.p99)
            }),
            [AtMost(2.0), AtMost(3.0)],
        ),
        (
            "p99 of W1 at 1000/s, ms".into(),
            Box::new(move |engine| Some(ours(engine, Kind::W1, Some(1_000))?.p99)),
            [AtMost(2.0), AtMost(2.0)],
        ),
        (
            format!("p99 of {CROWD} busy clients, {} students, ms", count(large)),
            crowd,
            [AtMost(200.0), AtMost(200.0)],
        ),
        (
            format!("R1 with {} students : with {}", count(last), count(first)),
            grown(Kind::R1),
            [AtLeast(0.9), AtLeast(0.9)],
        ),
        (
            format!("W1 with {} students : with {}", count(last), count(first)),
            grown(Kind::W1),
            [AtLeast(0.75), AtLeast(0.75)],
        ),
        (
            format!("memory, {} students, MiB", count(middle)),
            number(middle, MEMORY),
            [AtMost(96.0), AtMost(32.0)],
        ),
        (
            format!("memory, {} students, MiB", count(large)),
            number(large, MEMORY),
            [AtMost(160.0), AtMost(32.0)],
        ),
        (
            format!("start to first answer, {} students, ms", count(large)),
            number(large, START),
            [AtMost(20.0), AtMost(40.0)],
        ),
    ]
}

fn introduction(bench: &Bench, text: &mut String) -> Result<()> {
    let settings = &bench.settings;
    writeln!(
        text,
        "# How fast\n\n\
         Written by `cargo xtask bench`, which measures all of it anew. One core for all of the server side (PostgreSQL\n\
         included), one for the client; contenders take turns, and every figure is the median of {} rounds of {} s\n\
         ({} of what grows). Ratios carry over to another machine, rates do not.\n\n\
         {} students with up to five of {} courses each; {CONNECTIONS} connections that are always busy:\n\n\
         - **R1** `GET /api/v1/students/{{id}}/courses` of a random student; **R2** `GET /api/v1/students/{{id}}`;\n\
         - **W1** `POST /api/v1/students/{{id}}/courses`, each a new row, answered when it is on stable storage; **W2** the\n  \
           same in {} courses with seats that are counted; **M** nine R1 to one W1;\n\
         - *hello* is the same HTTP stack answering a constant of the same size. The rows without HTTP are those of an\n  \
           enrollment and its event, 64 a commit.\n\n\
         ![Requests a second](results.svg)\n",
        settings.rounds,
        settings.span.as_secs_f64(),
        settings.growth_rounds,
        settings.school.students,
        School::TAKEN,
        School::HOT,
    )?;
    Ok(())
}

fn ratios(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(text, "## Ratios\n\n| | SQLite | to reach | PostgreSQL | to reach |\n|---|---|---|---|---|")?;
    for (what, value, bounds) in targets(bench) {
        write!(text, "| {what} |")?;
        for (engine, bound) in ENGINES.into_iter().zip(bounds) {
            let measured = value(engine);
            let told = measured.map_or_else(|| "–".to_owned(), short);
            let told =
                if measured.is_none_or(|value| bound.holds(value)) { told } else { format!("**{told}**") };
            let bound = match bound {
                AtLeast(bound) => format!("≥ {bound}"),
                AtMost(bound) => format!("≤ {bound}"),
            };
            write!(text, " {told} | {bound} |")?;
        }
        writeln!(text)?;
    }
    Ok(writeln!(text, "\nBold is what is not reached.\n")?)
}

/// Three digits, or all before the point.
fn short(value: f64) -> String {
    let places = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.places$}")
}

fn rates(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(text, "## Answers a second\n\nThe median, and the lowest and highest round.\n")?;
    writeln!(text, "| | {} |", KINDS.map(Kind::name).join(" | "))?;
    writeln!(text, "|---|{}", "---|".repeat(KINDS.len()))?;
    for contender in &bench.contenders {
        write!(text, "| {} |", contender.name())?;
        for kind in KINDS {
            write!(text, " {} |", rate(&bench.journal, &turns::name(contender, (kind, None))))?;
        }
        writeln!(text)?;
    }
    for engine in ENGINES {
        let name = turns::raw_name(engine);
        let told = bench.journal.value(&name).zip(bench.journal.spread(&name));
        let told = told
            .map_or_else(|| "–".to_owned(), |(rate, (low, high))| format!("{rate:.0} ({low:.0}–{high:.0})"));
        writeln!(text, "| {name} | | | {told} | | |")?;
    }
    Ok(writeln!(text)?)
}

fn rate(journal: &Journal, name: &str) -> String {
    let told = journal.load(name).zip(journal.spread(name));
    told.map_or_else(
        || "–".to_owned(),
        |(Figures { rate, .. }, (low, high))| format!("{rate:.0} ({low:.0}–{high:.0})"),
    )
}

fn latencies(bench: &Bench, text: &mut String) -> Result<()> {
    let heads: Vec<_> = RATES.iter().map(|(kind, rate)| format!("{} at {rate}/s", kind.name())).collect();
    writeln!(
        text,
        "## Latencies at a fixed rate\n\n50th / 99th / 99.9th percentile in milliseconds, each from when the request was due.\n\n\
         | | {} |\n|---|{}",
        heads.join(" | "),
        "---|".repeat(heads.len())
    )?;
    for contender in &bench.contenders {
        write!(text, "| {} |", contender.name())?;
        for (kind, rate) in RATES {
            let name = turns::name(contender, (kind, Some(rate)));
            let measured = bench.journal.rounds(&name).next().is_some();
            let told = match bench.journal.load(&name) {
                Some(Figures { p50, p99, p999, .. }) => format!("{p50:.2} / {p99:.2} / {p999:.2}"),
                None if measured => "not held".to_owned(),
                None => "–".to_owned(),
            };
            write!(text, " {told} |")?;
        }
        writeln!(text)?;
    }
    Ok(writeln!(text)?)
}

fn growing(bench: &Bench, text: &mut String) -> Result<()> {
    let heads: Vec<_> =
        growth::LOADS.iter().map(|(kind, many)| format!("{} by {many}", kind.name())).collect();
    writeln!(
        text,
        "## As the school grows\n\nmatricula alone. By {CROWD} clients also the 99th percentile.\n\n\
         | | students | {} | memory | start to first answer |\n|---|---|{}---|---|",
        heads.join(" | "),
        "---|".repeat(heads.len())
    )?;
    for engine in ENGINES {
        for school in &bench.settings.sizes {
            write!(text, "| {} | {} |", engine.name(), school.students)?;
            for load in growth::LOADS {
                let name = growth::load_name(engine, *school, load);
                let p99 = bench.journal.load(&name).filter(|_| load.1 == CROWD);
                let p99 = p99.map(|figures| format!(", p99 {:.1} ms", figures.p99)).unwrap_or_default();
                write!(text, " {}{p99} |", rate(&bench.journal, &name))?;
            }
            let value = |what| bench.journal.value(&growth::name(engine, *school, what)).unwrap_or(f64::NAN);
            writeln!(text, " {:.0} MiB | {:.1} ms |", value(MEMORY), value(START))?;
        }
    }
    let binary = fs::metadata(&bench.places.matricula)?.len() / (1024 * 1024);
    Ok(writeln!(text, "\nThe program is one file of {binary} MiB.\n")?)
}

fn registration_day(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(
        text,
        "## Registration day\n\n`matricula rush` from 256 connections; then lists as of a past time, and {} idle listeners.\n\n\
         | | SQLite | PostgreSQL |\n|---|---|---|",
        bench.settings.day.listeners
    )?;
    for what in day::WHAT {
        let told = ENGINES.map(|engine| {
            bench.journal.value(&day::name(engine, what)).map_or_else(|| "–".to_owned(), short)
        });
        writeln!(text, "| {what} | {} |", told.join(" | "))?;
    }
    Ok(writeln!(text)?)
}
