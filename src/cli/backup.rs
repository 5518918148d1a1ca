//! `matricula backup`: copies a database file, also while a server writes to it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::check::{ensure_none, report, write_finding};
use super::new_file::NewFile;
use super::open::{ensure_exists, open_existing};
use super::stop::StopSignals;
use crate::audit::{Finding, INTACT, audit};
use crate::clock::Clock;
use crate::db::migrate::{HistoryError, SchemaState};
use crate::db::{Copying, Db, DbError, Location};

/// Options of `matricula backup`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The new file; a file that exists is not overwritten
    #[arg(value_name = "TO")]
    to: PathBuf,
}

/// Copies the database into a new file, and checks the copy.
///
/// # Errors
/// If it cannot be copied, or the copy is not intact: then there is no new file. Also if the tables and the log do not
/// agree: then there is one, since a copy of what is there is better than none.
pub(super) async fn run(
    args: BackupArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Location::File(from) = database else {
        bail!(
            "matricula copies database files only. For {database} use PostgreSQL's own tools, such as \
             `pg_dump --format=custom`: see \"PostgreSQL\" in docs/operate/backup.md"
        );
    };
    ensure_exists(database)?;
    let mut signals = StopSignals::listen()?;
    let began = clock.now();
    let file = NewFile::create(&args.to)?;
    let copying = Copying::start(from, file.path()).with_context(|| format!("cannot open {database}"))?;
    let is_complete = copying.finish(signals.wait()).await.map_err(|error| unwritten(error, &args.to))?;
    ensure!(is_complete, "stopped; {} was not created", args.to.display());
    let copy = Location::File(file.path().to_owned());
    let findings = tokio::select! {
        findings = check_copy(&copy, clock, out) => findings?,
        () = signals.wait() => bail!("stopped; {} was not created", args.to.display()),
    };
    if findings.iter().any(|finding| finding.promise == INTACT) {
        bail!("{} was not created: the copy is damaged", args.to.display());
    }
    let size = in_bytes(file.publish()?);
    let took = clock.now().duration_since(began).as_secs_f64();
    writeln!(out, "copied {database} to {} ({size}, {took:.1} s)", args.to.display())?;
    ensure_none(&findings).context("the copy is complete, but so are the faults of the database")
}

/// Names the disk that is full: it is not that of the database.
pub(super) fn unwritten(error: DbError, to: &Path) -> anyhow::Error {
    match error {
        DbError::Full => anyhow::anyhow!("cannot write {}: its disk is full", to.display()),
        error => anyhow::Error::new(error).context(format!("cannot write {}", to.display())),
    }
}

/// Checks a copy as far as this program knows its schema, and reports it as `matricula check` does.
///
/// # Errors
/// If the copy cannot be read.
pub(super) async fn check_copy(
    copy: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Finding>> {
    let (db, state) = match open_existing(copy).await {
        Ok((db, state)) => (db, Some(state)),
        // It has been migrated by another version.
        Err(error)
            if matches!(
                error.downcast_ref(),
                Some(HistoryError::Newer(_) | HistoryError::Changed(_) | HistoryError::Gap(_))
            ) =>
        {
            (Db::open(copy)?, None)
        }
        Err(error) => return Err(error),
    };
    let why = match state {
        Some(SchemaState::Current) => match audit(&db).await {
            Ok(audit) => {
                report(&audit, &db, clock, out).await?;
                return Ok(audit.findings);
            }
            // Another program may have renamed a table or a column of the school.
            Err(error) => {
                let unreadable = Finding::new("the tables can be read", vec![error.to_string()]);
                let found = unreadable.into_iter().chain(Finding::new(INTACT, db.integrity().await?));
                let found: Vec<_> = found.collect();
                found.iter().try_for_each(|finding| write_finding(out, "BROKEN", finding))?;
                return Ok(found);
            }
        },
        Some(SchemaState::Older) => "its schema is older than this program",
        Some(SchemaState::None) => "it is not a school yet",
        None => "its schema is that of another version",
    };
    let damage = Finding::new(INTACT, db.integrity().await?);
    if damage.is_none() {
        writeln!(out, "ok: the file is intact; the log was not compared with the tables: {why}")?;
    }
    Ok(damage.into_iter().collect())
}

/// A size as people read it, rounded down: `12.3 MB`.
fn in_bytes(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_as_people_say_it() {
        for (bytes, words) in
            [(512, "512 bytes"), (40_960, "40.9 kB"), (12_345_678, "12.3 MB"), (5_000_000_000, "5.0 GB")]
        {
            assert_eq!(in_bytes(bytes), words);
        }
    }
}
