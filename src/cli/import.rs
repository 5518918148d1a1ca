use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;
use crate::count::{counted, to_i64};
use crate::db::Location;
use crate::files::reading::{self, Encoding, Kind, Options, Reading, Source};
use crate::imports::{self, Done, Mode, Plan, report};
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
    /// add: what the files do not mention stays; full: it vanishes
    #[arg(long, default_value = "add")]
    mode: ModeArg,
    /// The encoding of the files, for example windows-1252
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<Encoding>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Confirm how many students, courses and enrollments vanish, where that is more than a tenth
    #[arg(long, value_name = "NUMBER")]
    confirm: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Students,
    Courses,
    Enrollments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    Add,
    Full,
}

fn encoding(label: &str) -> Result<Encoding, String> {
    Encoding::from_label(label)
        .ok_or_else(|| "is not the name of an encoding, such as utf-8 or windows-1252".to_owned())
}

/// Imports files.
///
/// # Errors
/// If a file cannot be read or is refused, or the database cannot be opened, or what would vanish is not confirmed. Then
/// nothing was changed.
pub(super) async fn run(
    args: ImportArgs,
    database: &Location,
    clock: Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let reading = read(&args)?;
    if reading.is_refused() {
        return refuse(&args, &reading, out);
    }
    let school = School::open(database, clock.clone(), None).await?;
    let done = import(&args, reading, &school, &clock, out).await;
    school.close().await;
    done
}

fn read(args: &ImportArgs) -> anyhow::Result<Reading> {
    let mut sources = Vec::new();
    for path in &args.paths {
        add_sources(path, &mut sources)?;
    }
    let kind = args.kind.map(|kind| match kind {
        KindArg::Students => Kind::Students,
        KindArg::Courses => Kind::Courses,
        KindArg::Enrollments => Kind::Enrollments,
    });
    Ok(reading::read(&sources, &Options { kind, encoding: args.encoding, ..Options::default() }))
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
fn refuse(args: &ImportArgs, reading: &Reading, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.json {
        writeln!(out, "{:#}", report::refused(reading))?;
    }
    let of_files = reading
        .files
        .iter()
        .filter_map(|file| Some(format!("{}: {}", file.name, file.refusal.as_ref()?.detail)));
    let of_set = reading.refusal.as_ref().map(|refusal| refusal.detail.clone());
    let why: Vec<_> = of_set.into_iter().chain(of_files).collect();
    bail!("nothing was imported\n{}", why.join("\n"))
}

async fn import(
    args: &ImportArgs,
    reading: Reading,
    school: &School,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mode = match args.mode {
        ModeArg::Add => Mode::Add,
        ModeArg::Full => Mode::Full,
    };
    if mode == Mode::Full && reading.is_empty() {
        if args.json {
            writeln!(out, "{:#}", report::refused(&reading))?;
        }
        bail!("nothing was imported: the files have no rows, and with --mode full everything would vanish");
    }
    let caller = Caller::program(Actor::Cli);
    let (viewer, tables) = (&school.db, &school.app.tables);
    let plan = imports::make(reading, mode, viewer, tables, clock.stamp(), &caller).await?;
    if !args.json {
        describe(&plan, out)?;
    }
    if args.dry_run || plan.is_empty() {
        if args.json {
            writeln!(out, "{:#}", report::json(&plan, None))?;
        }
        return Ok(());
    }
    ensure_confirmed(args, &plan, out)?;
    let progress = ProgressBar::new(u64::try_from(plan.steps()).unwrap_or(u64::MAX));
    progress.set_style(ProgressStyle::with_template("importing {wide_bar} {pos}/{len} {eta}")?);
    let done = plan
        .carry_out(&school.app.registrar, &caller, |steps| {
            progress.set_position(u64::try_from(steps).unwrap_or(u64::MAX));
        })
        .await;
    progress.finish_and_clear();
    let done = done?;
    if args.json {
        writeln!(out, "{:#}", report::json(&plan, Some(&done)))?;
    } else {
        describe_done(&done, out)?;
    }
    ensure!(done.changed.is_empty(), "the data have changed since the plan was made; import the files again");
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
    if plan.vanishing.held_back > 0 {
        writeln!(out, "{} more would vanish if no row were refused", plan.vanishing.held_back)?;
    }
    let refused: Vec<_> = plan.refusals().collect();
    for line in refused.iter().take(MAX_LISTED) {
        writeln!(out, "  refused: {line}")?;
    }
    if refused.len() > MAX_LISTED {
        writeln!(out, "  ... and {} more; --json lists all", refused.len() - MAX_LISTED)?;
    }
    Ok(())
}

fn describe_done(done: &Done, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "done: {}", counted(to_i64(done.steps), "change"))?;
    for (_, obstacle) in done.changed.iter().take(MAX_LISTED) {
        writeln!(out, "  not done: {}", obstacle.detail)?;
    }
    Ok(())
}

/// Asks whether to do it, unless that was said already.
fn ensure_confirmed(args: &ImportArgs, plan: &Plan, out: &mut dyn Write) -> anyhow::Result<()> {
    let gone = plan.counts().vanishing;
    if plan.vanishing.is_alarming && args.confirm != Some(gone) {
        if args.json {
            writeln!(out, "{:#}", report::json(plan, None))?;
        }
        bail!(
            "nothing was imported: {gone} students, courses and enrollments would vanish, more than a tenth of what there is; confirm it with --confirm {gone}"
        );
    }
    if args.yes || args.json {
        return Ok(());
    }
    ensure!(io::stdin().is_terminal(), "nothing was imported: confirm it with --yes");
    write!(out, "Import this? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(answer.trim().eq_ignore_ascii_case("y"), "nothing was imported");
    Ok(())
}
