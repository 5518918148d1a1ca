//! `matricula migrate`: migrates a database to the schema of this program, or prints how.

use std::io::Write;

use crate::adoption;
use crate::clock::Clock;
use crate::count::counted;
use crate::db::Location;

/// Options of `matricula migrate`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct MigrateArgs {
    /// Print what would run, and change nothing
    #[arg(long)]
    dry_run: bool,
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
    if args.dry_run {
        let plan = adoption::dry_run(database, clock).await?;
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
    let report = adoption::migrate(database, clock).await?;
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
