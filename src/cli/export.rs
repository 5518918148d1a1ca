//! `matricula export`: students, courses, enrollments and waitlists as files.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use futures_util::TryStreamExt as _;

use super::open::open_migrated;
use crate::clock::{Clock, Stamp};
use crate::db::{Db, Location};
use crate::exports::{ExportFile, Opener, System, What, archive, table};
use crate::files::writing::TableFormat;
use crate::registrar::CourseId;
use crate::viewer::Viewer;

/// Options of `matricula export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// What to export
    what: Kind,
    /// The id of the course, of a roster, or of one waitlist
    #[arg(long, value_name = "ID")]
    course: Option<CourseId>,
    /// Enrollments or a roster as they were at this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    as_of: Option<Stamp>,
    /// The format of a table; without it, what the ending of the file says, otherwise CSV
    #[arg(long)]
    format: Option<Format>,
    /// Who opens a CSV file: in a spreadsheet, formulas are made harmless
    #[arg(long = "for", value_name = "WHO", default_value = "spreadsheet")]
    opener: Opener,
    /// Begin a CSV file with a byte order mark, by which Excel recognizes UTF-8
    #[arg(long)]
    bom: bool,
    /// Write to this file, and not to standard output; it appears when it is complete
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// All students
    Students,
    /// All courses
    Courses,
    /// All enrollments, now or at a time
    Enrollments,
    /// The students of a course, now or at a time
    Roster,
    /// All waitlists, or that of a course
    Waitlists,
    /// Canvas SIS CSV, a zip archive
    Canvas,
    /// OneRoster CSV 1.2, a zip archive
    Oneroster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Xlsx,
}

impl ValueEnum for Opener {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Spreadsheet, Self::Machine]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Spreadsheet => "spreadsheet",
            Self::Machine => "machine",
        }))
    }
}

/// What is written.
enum Wanted {
    Table(What, TableFormat),
    Archive(System),
}

/// Exports to a file or to `out`.
///
/// # Errors
/// If the options do not fit together, the database cannot be read, or the file cannot be written; then there is no file.
pub(super) async fn run(
    args: ExportArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let wanted = args.wanted()?;
    if let Some(time) = &args.as_of {
        clock.ensure_past(time).map_err(|error| anyhow!("--as-of {time} {error}"))?;
    }
    let is_binary = !matches!(wanted, Wanted::Table(_, TableFormat::Csv { .. }));
    ensure!(
        args.output.is_some() || !is_binary || !io::stdout().is_terminal(),
        "this is no text: name a file with --output"
    );
    let db = open_migrated(database).await?;
    let file = export(wanted, &db, &clock.stamp()).await?;
    let written = match &args.output {
        Some(path) => save(file, path).await.with_context(|| format!("cannot write {}", path.display())),
        None => write(file, out).await,
    };
    written.context("the export is not complete")
}

async fn export(wanted: Wanted, db: &Db, today: &Stamp) -> anyhow::Result<ExportFile> {
    let (viewer, seen) = (Viewer::of_program(db), Box::new(|_| ()));
    Ok(match wanted {
        Wanted::Table(what, format) => {
            table(&viewer, what, format, today, seen).await.map_err(|refusal| anyhow!("{refusal}"))?
        }
        Wanted::Archive(system) => archive(&viewer, system, today, seen).await?,
    })
}

async fn write(mut file: ExportFile, out: &mut dyn Write) -> anyhow::Result<()> {
    while let Some(bytes) = file.bytes.try_next().await? {
        out.write_all(&bytes)?;
    }
    Ok(out.flush()?)
}

/// Writes next to the file first, so that a file with its name is always complete.
async fn save(file: ExportFile, path: &Path) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return write(file, &mut File::create(path)?).await;
    }
    let name = path.file_name().context("it is not the name of a file")?.to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write_new(file, &part).await.and_then(|()| Ok(fs::rename(&part, path)?));
    if written.is_err() {
        #[expect(clippy::let_underscore_must_use, reason = "the failure before is what is reported")]
        let _ = fs::remove_file(&part);
    }
    written
}

async fn write_new(file: ExportFile, path: &Path) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write(file, &mut out).await?;
    Ok(out.get_ref().sync_all()?)
}

impl ExportArgs {
    fn wanted(&self) -> anyhow::Result<Wanted> {
        let is_set = matches!(self.what, Kind::Canvas | Kind::Oneroster);
        let has_course = matches!(self.what, Kind::Roster | Kind::Waitlists);
        let has_time = matches!(self.what, Kind::Enrollments | Kind::Roster);
        ensure!(self.course.is_none() || has_course, "--course is for a roster or a waitlist");
        ensure!(self.as_of.is_none() || has_time, "--as-of is for enrollments and rosters");
        let format = self.table_format();
        let is_csv = !is_set && format != TableFormat::Xlsx;
        ensure!(!is_set || self.format.is_none(), "--format is for tables; this is a zip archive");
        ensure!(is_csv || !self.bom && self.opener == Opener::Spreadsheet, "--bom and --for are for CSV");
        let what = match (self.what, self.course) {
            (Kind::Students, _) => What::Students,
            (Kind::Courses, _) => What::Courses,
            (Kind::Enrollments, _) => What::Enrollments(self.as_of.clone()),
            (Kind::Roster, Some(course)) => What::Roster(course, self.as_of.clone()),
            (Kind::Roster, None) => bail!("--course says of which course"),
            (Kind::Waitlists, None) => What::Waitlists,
            (Kind::Waitlists, Some(course)) => What::Waitlist(course),
            (Kind::Canvas, _) => return Ok(Wanted::Archive(System::Canvas)),
            (Kind::Oneroster, _) => return Ok(Wanted::Archive(System::OneRoster)),
        };
        Ok(Wanted::Table(what, format))
    }

    fn table_format(&self) -> TableFormat {
        let ending = self.output.as_ref().and_then(|path| path.extension());
        let says_xlsx = || ending.is_some_and(|ending| ending.eq_ignore_ascii_case("xlsx"));
        if self.format == Some(Format::Xlsx) || self.format.is_none() && says_xlsx() {
            return TableFormat::Xlsx;
        }
        TableFormat::Csv { form: self.opener.form(), bom: self.bom }
    }
}
