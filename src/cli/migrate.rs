//! `matricula migrate`: migrates a database to the schema of this program, or prints how.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};

use crate::adoption::{self, MigrateOptions};
use crate::clock::Clock;
use crate::config::SchoolsArgs;
use crate::count::{counted, to_i64};
use crate::db::Location;
use crate::mapping::Mapping;
use crate::redact::without_passwords;
use crate::schools::settings::{self, FoundSchools};

/// Options of `matricula migrate`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct MigrateArgs {
    /// Print what would run, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// A TOML file that says where the students, courses and enrollments are; `matricula adopt` writes one
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Create missing tables students and courses, empty, in a database that has other tables
    #[arg(long, conflicts_with = "mapping")]
    new_school: bool,
    /// Migrate the databases of all schools of --schools; if one cannot be migrated, the others are
    #[arg(long, requires = "schools", conflicts_with_all = ["database", "mapping", "new_school", "dry_run"])]
    all: bool,
    #[command(flatten)]
    list: SchoolsArgs,
}

impl MigrateArgs {
    fn options(&self) -> anyhow::Result<MigrateOptions> {
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Mapping::parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
        };
        let mapping = self.mapping.as_ref().map(read).transpose()?;
        Ok(MigrateOptions { mapping, new_school: self.new_school, progress: Some(show) })
    }
}

/// Shows a step on standard error.
#[expect(clippy::let_underscore_must_use, reason = "nobody may be there to see it")]
pub(super) fn show(step: &str) {
    let _ = writeln!(std::io::stderr(), "{step} ...");
}

/// Migrates the database and prints what was done, or with `--dry-run` what would be done.
///
/// # Errors
/// If the database cannot be migrated, or `out` cannot be written to.
pub(super) async fn run(
    args: MigrateArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if let (true, Some(schools)) = (args.all, &args.list.schools) {
        return migrate_all(schools, clock, out).await;
    }
    ensure!(
        args.list.schools.is_none(),
        "--schools (MATRICULA_SCHOOLS) is for --all: add it, or leave out the list to migrate one database"
    );
    let options = args.options()?;
    if args.dry_run {
        let plan = adoption::dry_run(database, clock, &options).await?;
        // For reading only: run by hand, the statements would not be recorded as applied.
        for line in &plan.found {
            writeln!(out, "-- {line}")?;
        }
        match plan.statements.as_slice() {
            [] => writeln!(out, "-- {database} is up to date")?,
            statements => {
                writeln!(out, "\nbegin;\n\n{}\n\ncommit;", statements.join("\n\n"))?;
            }
        }
        return Ok(());
    }
    migrate(&options, database, clock, out).await
}

/// Migrates the databases of all schools, one after the other.
async fn migrate_all(schools: &Path, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let FoundSchools { schools, broken } = settings::read(schools)?;
    let all = schools.len() + broken.len();
    let mut failed = broken.len();
    for (name, why) in &broken {
        writeln!(out, "{name}: {why}")?;
    }
    for (name, school) in &schools {
        let options = MigrateOptions { new_school: school.new_school, ..MigrateOptions::default() };
        let mut lines = Vec::new();
        let migrated = migrate(&options, &school.database, clock, &mut lines).await;
        for line in String::from_utf8_lossy(&lines).lines() {
            writeln!(out, "{name}: {line}")?;
        }
        if let Err(error) = migrated {
            failed += 1;
            writeln!(out, "{name}: {}", without_passwords(&format!("{error:#}")))?;
        }
    }
    ensure!(failed == 0, "{failed} of {} cannot be migrated", counted(to_i64(all), "school"));
    Ok(())
}

/// Migrates the database and prints what was done.
///
/// # Errors
/// As [`run`].
pub(super) async fn migrate(
    options: &MigrateOptions,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let report = adoption::migrate_with(database, clock, options).await?;
    for line in &report.found {
        writeln!(out, "{line}")?;
    }
    for name in &report.applied {
        writeln!(out, "applied {name}")?;
    }
    if report.adopted > 0 {
        writeln!(out, "adopted {}", counted(report.adopted, "enrollment"))?;
    }
    Ok(writeln!(out, "{database} is up to date")?)
}
