use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::count::{counted, to_i64};
use crate::db::{Location, migrate};
use crate::files::reading::{self, Encoding, Reading, Source};
use crate::imports::staging::Settings;
use crate::imports::{self, Done, Plan, report};
use crate::mapping;
use crate::registrar::{Actor, Caller};
use crate::server::School;

/// How many refused rows are listed.
const MAX_LISTED: usize = 20;

/// Options of `matricula import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Files, folders and zip archives that belong together: CSV, text with tabs, XLSX
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// What the rows are, where the headings do not say it
    #[arg(long)]
    kind: Option<KindArg>,
    /// The encoding of the files, for example windows-1252
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<Encoding>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Do not ask; needed where nobody can answer, and with --json
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Students,
    Courses,
    Enrollments,
}

fn encoding(label: &str) -> Result<Encoding, String> {
    Encoding::from_label(label)
        .ok_or_else(|| "is not the name of an encoding, such as utf-8 or windows-1252".to_owned())
}

/// Imports files.
///
/// # Errors
/// If a file cannot be read or is refused, the database cannot be opened, or nobody has said yes: then nothing was changed.
/// Also if some steps could not be carried out as planned.
pub(super) async fn run(
    args: ImportArgs,
    database: &Location,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut document = None;
    let done = import(&args, database, clock, &mut document, out).await;
    if args.json {
        let document = document.unwrap_or_else(|| json!({"applied": false}));
        let error = done.as_ref().err().map(|error| format!("{error:#}"));
        writeln!(out, "{:#}", with_error(document, error))?;
    }
    done
}

fn with_error(mut document: Value, error: Option<String>) -> Value {
    document["error"] = error.into();
    document
}

/// Imports files; leaves the report in `document`.
async fn import(
    args: &ImportArgs,
    database: &Location,
    clock: Clock,
    document: &mut Option<Value>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let sources = sources(&args.paths)?;
    let settings = settings(args);
    let reading = reading::read(&sources, &imports::options(&settings));
    if reading.is_refused() {
        *document = Some(report::refused(&reading));
        return refuse(&reading);
    }
    if args.dry_run {
        ensure_migrated(database).await?;
    }
    let school = School::open(database, clock.clone(), None).await?;
    let files = Files { sources, settings };
    let done = carry_out(args, files, reading, &school, &clock, document, out).await;
    school.close().await;
    done
}

/// A dry run changes nothing, so it does not migrate either.
async fn ensure_migrated(database: &Location) -> anyhow::Result<()> {
    let needs_migration = || format!("{database} is not migrated: run `matricula migrate` first");
    if let Location::File(path) = database {
        ensure!(path.exists(), needs_migration());
    }
    let (db, _) = mapping::open_db(database).await.with_context(|| format!("cannot open {database}"))?;
    ensure!(migrate::is_current(&db).await.with_context(|| database.to_string())?, needs_migration());
    Ok(())
}

/// What is imported, and how it is read.
struct Files {
    sources: Vec<Source>,
    settings: Settings,
}

fn sources(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        add_sources(path, &mut sources)?;
    }
    Ok(sources)
}

fn settings(args: &ImportArgs) -> Settings {
    let kind = args.kind.map(|kind| match kind {
        KindArg::Students => "students",
        KindArg::Courses => "courses",
        KindArg::Enrollments => "enrollments",
    });
    let encoding = args.encoding.map(|encoding| encoding.name().to_owned());
    Settings { kind: kind.map(str::to_owned), encoding, ..Settings::default() }
}

/// Reads a file, or the files in a folder in the order of their names. Hidden files are left out.
fn add_sources(path: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.is_dir() {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.push(Source { name: name(path), bytes });
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.is_file() && !name(file).starts_with('.'));
    files.sort();
    ensure!(!files.is_empty(), "there are no files in {}", path.display());
    files.iter().try_for_each(|file| add_sources(file, sources))
}

/// Says why nothing is imported.
fn refuse(reading: &Reading) -> anyhow::Result<()> {
    let of_files = reading
        .files
        .iter()
        .filter_map(|file| Some(format!("{}: {}", file.name, file.refusal.as_ref()?.detail)));
    let of_set = reading.refusal.as_ref().map(|refusal| refusal.detail.clone());
    let why: Vec<_> = of_set.into_iter().chain(of_files).collect();
    bail!("nothing was imported\n{}", why.join("\n"))
}

async fn carry_out(
    args: &ImportArgs,
    files: Files,
    reading: Reading,
    school: &School,
    clock: &Clock,
    document: &mut Option<Value>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let caller = Caller::program(Actor::Cli);
    let plan = imports::make(reading, &school.db, &school.app.tables, clock.stamp(), &caller).await?;
    *document = Some(report::json(&plan, None));
    if !args.json {
        describe(&plan, out)?;
    }
    if args.dry_run || plan.is_empty() {
        return Ok(());
    }
    ensure_confirmed(args, out)?;
    let progress = ProgressBar::new(u64::try_from(plan.steps()).unwrap_or(u64::MAX));
    progress.set_style(ProgressStyle::with_template("importing {wide_bar} {pos}/{len} {eta}")?);
    let Files { sources, settings } = files;
    let imported = school
        .app
        .imports
        .import(&sources, &settings, &plan, &caller, |steps| {
            progress.set_position(u64::try_from(steps).unwrap_or(u64::MAX));
        })
        .await;
    progress.finish_and_clear();
    let (id, done) = imported.context("the import has stopped; a server goes on with it when it runs")?;
    let mut described = report::json(&plan, Some(&done));
    described["id"] = id.into();
    *document = Some(described);
    if !args.json {
        describe_done(id, &plan, &done, out)?;
    }
    let left = done.changed.len();
    ensure!(left == 0, "{} could not be done as planned", counted(to_i64(left), "change"));
    Ok(())
}

/// What the files would change, in words.
fn describe(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    for file in &plan.reading.files {
        let format = file.format.map_or("", |format| format.name());
        let kind = file.kind.map_or("", |kind| kind.slug());
        writeln!(out, "{}: {format}, {kind}, {}", file.name, counted(file.counts.rows.into(), "row"))?;
        let ignored: Vec<_> = file.ignored.iter().map(|column| &*column.heading).collect();
        if !ignored.is_empty() {
            writeln!(out, "  ignored columns: {}", ignored.join(", "))?;
        }
    }
    let counts = plan.counts();
    writeln!(
        out,
        "{} new ({} on a waitlist), {} changed, {} unchanged, {} refused, {} would vanish",
        counts.new, counts.waiting, counts.changed, counts.unchanged, counts.refused, counts.vanishing
    )?;
    let refused: Vec<_> = plan.refusals().collect();
    for line in refused.iter().take(MAX_LISTED) {
        writeln!(out, "  refused: {line}")?;
    }
    if refused.len() > MAX_LISTED {
        writeln!(out, "  ... and {} more; --json lists all", refused.len() - MAX_LISTED)?;
    }
    Ok(())
}

fn describe_done(id: i64, plan: &Plan, done: &Done, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "done: {} (import {id})", counted(to_i64(done.steps), "change"))?;
    for line in plan.not_done(done).take(MAX_LISTED) {
        writeln!(out, "  not done: {line}")?;
    }
    Ok(())
}

/// Asks whether to do it, unless that was said already.
fn ensure_confirmed(args: &ImportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.yes {
        return Ok(());
    }
    ensure!(!args.json && io::stdin().is_terminal(), "nothing was imported: confirm it with --yes");
    write!(out, "Import this? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(answer.trim().eq_ignore_ascii_case("y"), "nothing was imported");
    Ok(())
}
