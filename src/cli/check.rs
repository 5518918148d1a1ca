use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::audit::{ahead, audit};
use crate::clock::Clock;
use crate::db::{Db, Location, migrate};

/// How far the log may be ahead of the clock without a warning: the clock may have been corrected a little.
const TOLERATED_LEAD: Duration = Duration::from_secs(1);

/// Compares the tables with the log.
///
/// # Errors
/// If the database cannot be read, or the tables and the log do not agree.
pub(super) async fn run(database: &Location, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Location::File(path) = database {
        ensure!(path.exists(), "{database}: the file does not exist");
    }
    let db = Db::open(database).with_context(|| format!("cannot open {database}"))?;
    ensure!(
        migrate::is_current(&db).await.with_context(|| database.to_string())?,
        "the schema of {database} is not the one of this program: run `matricula migrate` first"
    );
    let audit = audit(&db).await.with_context(|| database.to_string())?;
    for finding in &audit.findings {
        writeln!(out, "BROKEN: {} ({} rows)", finding.promise, finding.total)?;
        for row in &finding.rows {
            writeln!(out, "  {row}")?;
        }
        if finding.total > finding.rows.len() {
            writeln!(out, "  ... and {} more", finding.total - finding.rows.len())?;
        }
    }
    let ahead = ahead(&db, clock).await.with_context(|| database.to_string())?;
    if ahead > TOLERATED_LEAD {
        let ahead = approximate(ahead);
        writeln!(
            out,
            "warning: the log is {ahead} ahead of the clock: see \"A wrong clock\" in docs/operate/monitoring.md"
        )?;
    }
    if !audit.findings.is_empty() {
        let count = audit.findings.len();
        bail!("{count} {} failed", if count == 1 { "check" } else { "checks" });
    }
    writeln!(out, "ok: {} enrollments agree with the {} events in the log", audit.enrollments, audit.events)?;
    Ok(())
}

/// A duration in the largest unit of which there are at least two: `35 days`.
fn approximate(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        172_800.. => format!("{} days", seconds / 86_400),
        7_200.. => format!("{} hours", seconds / 3_600),
        120.. => format!("{} minutes", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
