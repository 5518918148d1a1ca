//! `matricula migrate`: brings a database to this version, or says what that would do.

use std::io::Write;

use crate::adoption;
use crate::clock::Clock;
use crate::db::Location;

/// Options of `matricula migrate`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct MigrateArgs {
    /// Print what would run, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Migrates the database and says what was done, or what would be.
///
/// # Errors
/// When the database cannot be migrated, or `out` not be written to.
pub(super) async fn run(
    args: MigrateArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if args.dry_run {
        let plan = adoption::dry_run(database, clock).await?;
        // Comments beside the statements. It is for reading: run by hand, they would lack their record.
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
        writeln!(out, "adopted {} enrollments", report.adopted)?;
    }
    Ok(writeln!(out, "{database} is up to date")?)
}
