use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};

use super::open::open_migrated;
use crate::audit::{Finding, ahead, audit};
use crate::clock::Clock;
use crate::count::counted;
use crate::db::Location;

/// How far the log may be ahead of the clock without a warning: the clock may have been corrected a little.
const TOLERATED_LEAD: Duration = Duration::from_secs(1);

/// Compares the tables with the log.
///
/// # Errors
/// If the database cannot be read, or the tables and the log do not agree.
pub(super) async fn run(database: &Location, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    let db = open_migrated(database).await?;
    let audit = audit(&db).await.with_context(|| database.to_string())?;
    for finding in &audit.findings {
        write_finding(out, "BROKEN", finding)?;
    }
    for note in &audit.notes {
        write_finding(out, "note", note)?;
    }
    let ahead = ahead(&db, clock).await.with_context(|| database.to_string())?;
    if ahead > TOLERATED_LEAD {
        let ahead = in_words(ahead);
        writeln!(
            out,
            "warning: the log is {ahead} ahead of the clock: see \"A wrong clock\" in docs/operate/monitoring.md"
        )?;
    }
    if !audit.findings.is_empty() {
        let count = audit.findings.len();
        bail!("{count} {} failed", if count == 1 { "check" } else { "checks" });
    }
    let enrollments = counted(audit.enrollments, "enrollment");
    let verb = if audit.enrollments == 1 { "agrees" } else { "agree" };
    writeln!(out, "ok: {enrollments} {verb} with the {} in the log", counted(audit.events, "event"))?;
    Ok(())
}

fn write_finding(out: &mut dyn Write, kind: &str, finding: &Finding) -> std::io::Result<()> {
    let rows = if finding.total == 1 { "row" } else { "rows" };
    writeln!(out, "{kind}: {} ({} {rows})", finding.promise, finding.total)?;
    for row in &finding.rows {
        writeln!(out, "  {row}")?;
    }
    if finding.total > finding.rows.len() {
        writeln!(out, "  ... and {} more", finding.total - finding.rows.len())?;
    }
    Ok(())
}

/// A duration in the largest unit of which there are at least two, rounded down: `35 days`.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("years", 31_556_952), ("days", 86_400), ("hours", 3_600), ("minutes", 60)];
    let fitting = units.into_iter().find(|(_, length)| seconds >= 2 * length);
    let (unit, length) = fitting.unwrap_or(("seconds", 1));
    format!("{} {unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_people_say_it() {
        for (seconds, words) in [
            (2, "2 seconds"),
            (90, "90 seconds"),
            (150, "2 minutes"),
            (47 * 3_600, "47 hours"),
            (35 * 86_400 + 5, "35 days"),
            (251_614_051_199, "7973 years"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
