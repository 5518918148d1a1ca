//! `matricula migrate`: migrates a database to the schema of this program, or prints how.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use crate::adoption::{self, MigrateOptions};
use crate::clock::Clock;
use crate::count::counted;
use crate::db::Location;
use crate::mapping::Mapping;

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
