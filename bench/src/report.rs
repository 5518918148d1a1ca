//! Writes `RESULTS.md`: ratios first, then the measurements.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::client::Figures;
use crate::data::{ENGINES, School};
use crate::growth::{CROWD, MEMORY, START};
use crate::journal::Journal;
use crate::targets::{self, Bound};
use crate::turns::{CONNECTIONS, RATES};
use crate::work::{KINDS, Kind};
use crate::{Bench, day, growth, import, machine, pages, plot, search, turns};

/// Writes the report and its plot into a folder.
pub(crate) fn write(bench: &Bench, folder: &Path) -> Result<()> {
    let mut text = String::new();
    introduction(bench, &mut text)?;
    ratios(bench, &mut text)?;
    rates(bench, &mut text)?;
    latencies(bench, &mut text)?;
    if !bench.settings.sizes.is_empty() {
        growth_table(bench, &mut text)?;
        registration_day(bench, &mut text)?;
    }
    if bench.settings.pages.is_wanted {
        page_table(bench, &mut text)?;
    }
    if bench.settings.search.is_wanted {
        search_table(bench, &mut text)?;
    }
    if bench.settings.import.is_wanted {
        import_table(bench, &mut text)?;
    }
    machine::describe(bench, &mut text)?;
    fs::write(folder.join("RESULTS.md"), text)?;
    Ok(fs::write(folder.join("results.svg"), plot::rates(bench)?)?)
}

fn introduction(bench: &Bench, text: &mut String) -> Result<()> {
    let settings = &bench.settings;
    writeln!(
        text,
        "# How fast\n\n\
         Written by `cargo xtask bench`, which measures everything again. All server processes share one core\n\
         (PostgreSQL included), and the client has the other. Contenders take turns, and each figure is the median of\n\
         {} rounds of {} s, or of {} s at a fixed rate.\n\
         Ratios carry over to another machine, rates do not.\n\n\
         {} students with up to five of {} courses each; {CONNECTIONS} connections that are always busy:\n\n\
         - **R1** `GET /api/v1/students/{{id}}/courses` of a random student; **R2** `GET /api/v1/students/{{id}}`;\n\
         - **W1** `POST /api/v1/students/{{id}}/courses`, each a new row, confirmed once it is safely on disk;\n  \
           **WS** the same, each in another course; **W2** in {} courses with limited seats; **M** nine R1 to one W1;\n\
         - *hello* is the same router and accept loop without layers, answering with a constant of the same size;\n  \
           *guarded* adds the layers that every request to the service passes (request id, metrics, checks of the\n  \
           origin, time limit). The rows without HTTP are those of an enrollment and its event, 64 per commit, with\n  \
           the settings of the service. The service logs every request to a file, as it does by default.\n\n\
         ![Requests per second](results.svg)\n",
        settings.rounds,
        settings.span.as_secs_f64(),
        settings.span_at_rate.as_secs_f64(),
        settings.school.students,
        School::TAKEN,
        School::HOT,
    )?;
    Ok(())
}

fn ratios(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(text, "## Ratios\n\n| | SQLite | to reach | PostgreSQL | to reach |\n|---|---|---|---|---|")?;
    for (what, value, bounds) in targets::all(bench) {
        write!(text, "| {what} |")?;
        for (engine, bound) in ENGINES.into_iter().zip(bounds) {
            let measured = value(engine);
            let cell = measured.map_or_else(|| "–".to_owned(), short);
            let cell =
                if measured.is_none_or(|value| bound.holds(value)) { cell } else { format!("**{cell}**") };
            let bound = match bound {
                Bound::AtLeast(bound) => format!("≥ {bound}"),
                Bound::AtMost(bound) => format!("≤ {bound}"),
                Bound::Any => String::new(),
            };
            write!(text, " {cell} | {bound} |")?;
        }
        writeln!(text)?;
    }
    Ok(writeln!(text, "\nGoals that are not reached are bold.\n")?)
}

/// Formats three digits, or all digits before the point if there are more.
fn short(value: f64) -> String {
    let places = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.places$}")
}

fn rates(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(text, "## Answers per second\n\nThe median, and the lowest and highest round.\n")?;
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
        writeln!(text, "| {name} | | | {} | | | |", rate(&bench.journal, &name))?;
    }
    Ok(writeln!(text)?)
}

fn rate(journal: &Journal, name: &str) -> String {
    let median = journal.load(name).map(|figures| figures.rate).or_else(|| journal.value(name));
    match median.zip(journal.spread(name)) {
        Some((median, (low, high))) if low < high => format!("{median:.0} ({low:.0}–{high:.0})"),
        Some((median, _)) => format!("{median:.0}"),
        None => "–".to_owned(),
    }
}

fn latencies(bench: &Bench, text: &mut String) -> Result<()> {
    let heads: Vec<_> = RATES.iter().map(|(kind, rate)| format!("{} at {rate}/s", kind.name())).collect();
    writeln!(
        text,
        "## Latencies at a fixed rate\n\n\
         50th / 99th / 99.9th percentile in milliseconds, each from when the request was due.\n\n\
         | | {} |\n|---|{}",
        heads.join(" | "),
        "---|".repeat(heads.len())
    )?;
    for contender in &bench.contenders {
        write!(text, "| {} |", contender.name())?;
        for (kind, rate) in RATES {
            let name = turns::name(contender, (kind, Some(rate)));
            let measured = bench.journal.rounds(&name).next().is_some();
            let cell = match bench.journal.load(&name) {
                Some(Figures { p50, p99, p999, .. }) => format!("{p50:.2} / {p99:.2} / {p999:.2}"),
                None if measured => "not held".to_owned(),
                None => "–".to_owned(),
            };
            write!(text, " {cell} |")?;
        }
        writeln!(text)?;
    }
    Ok(writeln!(text)?)
}

fn growth_table(bench: &Bench, text: &mut String) -> Result<()> {
    let heads: Vec<_> =
        growth::LOADS.iter().map(|(kind, many)| format!("{} by {many}", kind.name())).collect();
    writeln!(
        text,
        "## As the school grows\n\nmatricula alone. With {CROWD} clients, also the 99th percentile.\n\n\
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

fn page_table(bench: &Bench, text: &mut String) -> Result<()> {
    let (settings, (time, weight)) = (bench.settings.pages, pages::GOALS);
    writeln!(
        text,
        "## Pages\n\n\
         {} students, {} courses. The median response time of a page for a single client, and the weight of the page\n\
         with everything that it loads. The goals are {time} ms and {weight} kB.\n\n\
         | | SQLite, ms | PostgreSQL, ms | kB |\n|---|---|---|---|",
        settings.students, settings.courses
    )?;
    let cell = |value: Option<f64>, goal: f64| match value {
        Some(value) if value > goal => format!("**{}**", short(value)),
        Some(value) => short(value),
        None => "–".to_owned(),
    };
    for page in pages::names() {
        let times = ENGINES.map(|engine| cell(bench.journal.value(&pages::time_name(engine, page)), time));
        let heaviest =
            ENGINES.iter().filter_map(|engine| bench.journal.value(&pages::weight_name(*engine, page)));
        let heaviest = cell(heaviest.max_by(f64::total_cmp), weight);
        writeln!(text, "| {page} | {} | {heaviest} |", times.join(" | "))?;
    }
    Ok(writeln!(text)?)
}

fn search_table(bench: &Bench, text: &mut String) -> Result<()> {
    let value = |name: String| bench.journal.value(&name);
    let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), short);
    writeln!(
        text,
        "## Search\n\n\
         {} students. Response times for a single client: the median and the 99th percentile. The goal is {} ms.\n\n\
         | | SQLite, API, ms | SQLite, page, ms | PostgreSQL, API, ms | PostgreSQL, page, ms |\n|---|---|---|---|---|",
        bench.settings.search.school.students,
        search::GOAL
    )?;
    for kind in search::kinds() {
        write!(text, "| {kind} |")?;
        for engine in ENGINES {
            for (place, ..) in search::PLACES {
                let times = search::PERCENTILES
                    .map(|(percentile, _)| value(search::time_name(engine, kind, place, percentile)));
                let is_slow = times[0].is_some_and(|median| median > search::GOAL);
                let times = times.map(cell).join(" / ");
                write!(text, " {} |", if is_slow { format!("**{times}**") } else { times })?;
            }
        }
        writeln!(text)?;
    }
    for (what, unit) in [(search::READY, "ms"), (search::MEMORY, "MiB")] {
        let [sqlite, postgres] = ENGINES.map(|engine| cell(value(search::name(engine, what))));
        writeln!(text, "| {what}, {unit} | {sqlite} | | {postgres} | |")?;
    }
    Ok(writeln!(text)?)
}

fn registration_day(bench: &Bench, text: &mut String) -> Result<()> {
    writeln!(
        text,
        "## Registration day\n\n\
         `matricula rush` from 256 connections; then lists as of a past time, and {} idle listeners.\n\n\
         | | SQLite | PostgreSQL |\n|---|---|---|",
        bench.settings.day.listeners
    )?;
    for row in day::ROWS {
        let cells = ENGINES
            .map(|engine| bench.journal.value(&day::name(engine, row)).map_or_else(|| "–".to_owned(), short));
        writeln!(text, "| {row} | {} |", cells.join(" | "))?;
    }
    Ok(writeln!(text)?)
}

fn import_table(bench: &Bench, text: &mut String) -> Result<()> {
    let rows = bench.settings.import.rows;
    writeln!(
        text,
        "## Import\n\n\
         `matricula import` of three CSV files: {} students, {} courses, {} enrollments. First alone, into an empty\n\
         school; the bulk load writes the same rows, with their events, in one transaction without any rules. Then into\n\
         a school that is served to clients at the same time, which enroll students at {}/s.\n\n\
         | | SQLite | PostgreSQL |\n|---|---|---|",
        rows.students,
        rows.courses,
        rows.enrollments,
        import::RATE
    )?;
    for row in import::ROWS {
        let cells = ENGINES.map(|engine| {
            bench.journal.value(&import::name(engine, row)).map_or_else(|| "–".to_owned(), short)
        });
        writeln!(text, "| {row} | {} |", cells.join(" | "))?;
    }
    Ok(writeln!(text)?)
}
