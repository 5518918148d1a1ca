use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::open::open_migrated;
use crate::clock::Clock;
use crate::count::{counted, to_i64};
use crate::db::Location;
use crate::files::reading::{
    self, Correction, Encoding, Kind, KnownSections, MAX_BYTES, Options, Reading, Source,
};
use crate::imports::{self, Done, Mode, NotMade, Obstacle, Plan, Settings, report};
use crate::registrar::{Actor, Caller, GroupName, Override};
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
    kind: Option<Kind>,
    /// add: what the files do not mention stays; full: it vanishes, of each kind of which they have rows
    #[arg(long, default_value = "add")]
    mode: Mode,
    /// The encoding of the files, for example windows-1252
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    /// How a column is to be read: its heading, = and a field (number, name, email, code, ..., ignore); may be repeated
    #[arg(long = "column", value_name = "HEADING=FIELD", value_parser = column)]
    columns: Vec<Correction>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Enroll students although a course is full, others wait for it, or its registration is not open: the reason, which the
    /// log has for good
    #[arg(long, value_name = "REASON")]
    r#override: Option<Override>,
    /// Do not ask; needed where nobody can answer, and with --json
    #[arg(long)]
    yes: bool,
    /// Confirm how many students, courses and enrollments vanish; needed where that is more than five and a tenth of them
    #[arg(long, value_name = "NUMBER")]
    confirm: Option<usize>,
}

fn column(text: &str) -> Result<Correction, String> {
    Correction::parse(text, '=')
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Students, Self::Courses, Self::Enrollments]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Students => "students",
            Self::Courses => "courses",
            Self::Enrollments => "enrollments",
        }))
    }
}

impl ValueEnum for Mode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Add, Self::Full]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Add => "add",
            Self::Full => "full",
        }))
    }
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
        writeln!(out, "{:#}", with_error(document, done.as_ref().err())).map_err(|error| unsaid(&error))?;
    }
    done
}

fn with_error(mut document: Value, error: Option<&anyhow::Error>) -> Value {
    document["error"] = error.map(|error| format!("{error:#}")).into();
    document["error_code"] =
        error.and_then(|error| error.downcast_ref::<Stop>()).map(|stop| stop.0.code).into();
    document
}

/// Why a plan is not carried out.
#[derive(Debug, thiserror::Error)]
#[error("nothing was imported: {}", .0.detail)]
struct Stop(Obstacle);

/// The report could not be written. A reader that has gone is no success here: nobody knows what would happen.
fn unsaid(error: &io::Error) -> anyhow::Error {
    anyhow!("the report could not be written: {error}")
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
    let reading = reading::read(&sources, &settings.reading, &KnownSections::default());
    if reading.is_refused() {
        return refuse(&reading, document);
    }
    if args.dry_run {
        // It changes nothing, so it does not migrate either.
        open_migrated(database).await?;
    }
    let school = School::open(database, clock.clone(), None).await?;
    let files = Files { sources, settings };
    let done = carry_out(args, files, reading, &school, &clock, document, out).await;
    school.close().await;
    done
}

/// What is imported, and how it is read.
struct Files {
    sources: Vec<Source>,
    settings: Settings,
}

impl Files {
    fn read(&self, known: &KnownSections) -> Reading {
        reading::read(&self.sources, &self.settings.reading, known)
    }
}

fn sources(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        add_sources(path, &mut sources)?;
    }
    Ok(sources)
}

fn settings(args: &ImportArgs) -> Settings {
    let ImportArgs { kind, encoding, mode, .. } = *args;
    let reading = Options { kind, encoding, corrections: args.columns.clone() };
    Settings { reading, mode, r#override: args.r#override.clone() }
}

/// Reads a file, or the files in a folder and its folders in the order of their names. Hidden ones are left out. Each is named as it was
/// given: two folders may have files of the same name.
fn add_sources(path: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    if !path.is_dir() {
        let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(about.is_file(), "{} is no file and no folder", path.display());
        ensure!(about.len() <= MAX_BYTES, "{} has more than {MAX_BYTES} bytes: split it", path.display());
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.push(Source { name: path.to_string_lossy().into_owned(), bytes });
        return Ok(());
    }
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| !is_hidden(file));
    files.sort();
    ensure!(!files.is_empty(), "there are no files in {}", path.display());
    files.iter().try_for_each(|file| add_sources(file, sources))
}

/// Says why nothing is imported.
fn refuse(reading: &Reading, document: &mut Option<Value>) -> anyhow::Result<()> {
    *document = Some(report::refused(reading));
    bail!("nothing was imported\n{}", reading.why_refused())
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
    let known = imports::known_sections(&school.db).await?;
    let reading = if known.is_empty() { reading } else { files.read(&known) };
    let mut plan = match plan(reading, &files.settings, school, clock, &caller).await {
        Err(Unplanned::Refused(reading)) => return refuse(&reading, document),
        Err(Unplanned::Other(error)) => return Err(error),
        Ok(plan) => plan,
    };
    loop {
        if args.json {
            *document = Some(report::json(&plan, None));
        } else {
            describe(&plan, out).map_err(|error| unsaid(&error))?;
        }
        // A dry run says what has to be confirmed.
        if !args.dry_run || args.confirm.is_some() {
            plan.ensure_confirmed(args.confirm).map_err(Stop)?;
        }
        if args.dry_run || plan.is_empty() {
            return Ok(());
        }
        // Nobody has to agree to no change.
        if args.yes || plan.steps() == 0 {
            break;
        }
        ensure_agreed(args, out)?;
        // Somebody may take long to answer.
        let reading = files.read(&imports::known_sections(&school.db).await?);
        let now = match self::plan(reading, &files.settings, school, clock, &caller).await {
            Err(Unplanned::Refused(reading)) => return refuse(&reading, document),
            Err(Unplanned::Other(error)) => return Err(error),
            Ok(plan) => plan,
        };
        if now.digest() == plan.digest() {
            break;
        }
        plan = now;
        writeln!(out, "The data have changed in the meantime, and nothing was imported yet. The plan now:")
            .map_err(|error| unsaid(&error))?;
    }
    let progress = ProgressBar::new(u64::try_from(plan.steps()).unwrap_or(u64::MAX));
    progress.set_style(ProgressStyle::with_template("importing {wide_bar} {pos}/{len} {eta}")?);
    let Files { sources, settings } = files;
    let imported = school
        .app
        .imports
        .import(sources, &settings, &plan, &caller, |steps| {
            progress.set_position(u64::try_from(steps).unwrap_or(u64::MAX));
        })
        .await;
    progress.finish_and_clear();
    let (id, done) = imported.context("the import has stopped; a server goes on with it when it runs")?;
    if args.json {
        let mut described = report::json(&plan, Some(&done));
        described["id"] = id.into();
        *document = Some(described);
    } else {
        describe_done(id, &plan, &done, out).map_err(|error| unsaid(&error))?;
    }
    let left = done.changed.len();
    ensure!(left == 0, "{} could not be done as planned", counted(to_i64(left), "change"));
    Ok(())
}

/// Why there is no plan.
enum Unplanned {
    Refused(Box<Reading>),
    Other(anyhow::Error),
}

async fn plan(
    reading: Reading,
    settings: &Settings,
    school: &School,
    clock: &Clock,
    caller: &Caller,
) -> Result<Plan, Unplanned> {
    let made = imports::make(reading, settings, &school.db, &school.app.tables, clock.stamp(), caller).await;
    made.map_err(|why| match why {
        NotMade::Refused(reading) => Unplanned::Refused(reading),
        NotMade::Db(error) => Unplanned::Other(error.into()),
    })
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
    if counts.overridden > 0 {
        writeln!(
            out,
            "  beyond the limits, by the override: {}",
            counted(to_i64(counts.overridden), "change")
        )?;
    }
    if counts.promoted > 0 {
        writeln!(out, "  moving up from a waitlist: {}", counted(to_i64(counts.promoted), "student"))?;
    }
    if counts.new_groups > 0 {
        let names: Vec<_> = plan.groups.new.iter().take(MAX_LISTED).map(GroupName::as_str).collect();
        let more = if counts.new_groups > names.len() { ", ..." } else { "" };
        let groups = counted(to_i64(counts.new_groups), "new group");
        writeln!(out, "  {groups}: {}{more}", names.join(", "))?;
    }
    if plan.steps() == 0 && counts.new_sections > 0 {
        let sections = counted(to_i64(counts.new_sections), "section");
        writeln!(out, "  for later files: which courses {sections} of Canvas are")?;
    }
    for held_back in &plan.held_back {
        writeln!(
            out,
            "  not in the files and kept: {} {}. {}",
            held_back.count, held_back.kind, held_back.why.detail
        )?;
    }
    list("refused", plan.refusals(), out)?;
    list("vanishes", plan.departures(), out)?;
    list("note", plan.warnings(), out)?;
    if let Some(number) = plan.to_confirm() {
        writeln!(out, "this much has to be confirmed: --confirm {number}")?;
    }
    Ok(())
}

fn list(what: &str, lines: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = lines.fuse();
    for line in lines.by_ref().take(MAX_LISTED) {
        writeln!(out, "  {what}: {line}")?;
    }
    match lines.count() {
        0 => Ok(()),
        more => writeln!(out, "  ... and {more} more; --json lists all"),
    }
}

fn describe_done(id: i64, plan: &Plan, done: &Done, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "done: {} (import {id})", counted(to_i64(done.steps), "change"))?;
    for line in plan.not_done(done).take(MAX_LISTED) {
        writeln!(out, "  not done: {line}")?;
    }
    Ok(())
}

/// Asks whether to do it, unless that was said already.
fn ensure_agreed(args: &ImportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.yes {
        return Ok(());
    }
    ensure!(!args.json && io::stdin().is_terminal(), "nothing was imported: confirm it with --yes");
    write!(out, "Import this? [y/N] ").and_then(|()| out.flush()).map_err(|error| unsaid(&error))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(answer.trim().eq_ignore_ascii_case("y"), "nothing was imported");
    Ok(())
}
