use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::audit::{ahead, audit};
use crate::clock::Clock;
use crate::db::{Db, Location, migrate};

/// By how much the log is ahead after a clock was set right by a little.
const NORMAL_LEAD: Duration = Duration::from_secs(1);

/// Recounts everything that the log says against the tables; fails when something does not agree.
pub(super) async fn run(database: &Location, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Location::File(path) = database {
        ensure!(path.exists(), "{database}: there is no such file");
    }
    let db = Db::open(database).with_context(|| format!("cannot open {database}"))?;
    ensure!(
        migrate::is_current(&db).await.with_context(|| database.to_string())?,
        "{database} does not have the schema of this program: run `matricula migrate` first"
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
    if ahead > NORMAL_LEAD {
        let seconds = ahead.as_secs();
        writeln!(
            out,
            "warning: the log is {seconds} s ahead of the clock: see \"A wrong clock\" in docs/operate/monitoring.md"
        )?;
    }
    if !audit.findings.is_empty() {
        bail!("{} of the school's promises are broken", audit.findings.len());
    }
    writeln!(out, "ok: {} enrollments agree with the {} events of the log", audit.enrollments, audit.events)?;
    Ok(())
}
