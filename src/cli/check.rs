use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};

use super::open::{open_existing, open_migrated};
use crate::audit::{Audit, Finding, ahead, audit, compare_logs};
use crate::clock::Clock;
use crate::count::{counted, thousands};
use crate::db::migrate::SchemaState;
use crate::db::{Db, Location};

/// How far the log may be ahead of the clock without a warning: the clock may have been corrected a little.
const TOLERATED_LEAD: Duration = Duration::from_secs(1);

/// Compares the tables with the log, and the log with that of `against`.
///
/// # Errors
/// If a database cannot be read, the tables and the log do not agree, or the logs part.
pub(super) async fn run(
    database: &Location,
    against: Option<&Location>,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let db = open_migrated(database).await?;
    let earlier = match against {
        Some(against) => Some((against, open_earlier(against).await?)),
        None => None,
    };
    let audit = audit(&db).await.with_context(|| database.to_string())?;
    report(&audit, &db, clock, out).await.with_context(|| database.to_string())?;
    let mut findings = audit.findings;
    if let Some((against, earlier)) = earlier {
        findings.extend(report_continuation(&db, &earlier, against, out).await?);
    }
    ensure_none(&findings)
}

/// Opens a database to compare with. Its schema may be older: every version has had a log that can be compared.
async fn open_earlier(against: &Location) -> anyhow::Result<Db> {
    let (db, state) = open_existing(against).await?;
    if state == SchemaState::None {
        bail!("{against} has no log to compare with");
    }
    Ok(db)
}

/// Prints what an audit has found.
///
/// # Errors
/// If the database cannot be read, or `out` cannot be written to.
pub(super) async fn report(audit: &Audit, db: &Db, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<()> {
    for finding in &audit.findings {
        write_finding(out, "BROKEN", finding)?;
    }
    for note in &audit.notes {
        write_finding(out, "note", note)?;
    }
    let ahead = ahead(db, clock).await?;
    if ahead > TOLERATED_LEAD {
        let ahead = in_words(ahead);
        writeln!(
            out,
            "warning: the log is {ahead} ahead of the clock: see \"A wrong clock\" in docs/operate/monitoring.md"
        )?;
    }
    if audit.findings.is_empty() {
        let enrollments = counted(audit.enrollments, "enrollment");
        let verb = if audit.enrollments == 1 { "agrees" } else { "agree" };
        writeln!(out, "ok: {enrollments} {verb} with the {} in the log", counted(audit.events, "event"))?;
    }
    Ok(())
}

/// Compares the log with that of an earlier moment, and prints the result.
async fn report_continuation(
    db: &Db,
    earlier: &Db,
    against: &Location,
    out: &mut dyn Write,
) -> anyhow::Result<Option<Finding>> {
    let found = compare_logs(db, earlier).await.with_context(|| format!("cannot compare with {against}"))?;
    if let Some(parting) = &found.parting {
        write_finding(out, "BROKEN", parting)?;
    }
    for note in &found.gone {
        write_finding(out, "note", note)?;
    }
    if found.parting.is_none() {
        let events = if found.shared == 1 {
            "the 1 event"
        } else {
            &format!("all {} events", thousands(found.shared))
        };
        let added = match found.added {
            0 => "none has been added since".to_owned(),
            1 => "1 has been added since".to_owned(),
            added => format!("{} have been added since", thousands(added)),
        };
        writeln!(out, "ok: the log begins with {events} of {against}; {added}")?;
    }
    Ok(found.parting)
}

/// # Errors
/// If there are findings.
pub(super) fn ensure_none(findings: &[Finding]) -> anyhow::Result<()> {
    if !findings.is_empty() {
        let count = findings.len();
        bail!("{count} {} failed", if count == 1 { "check" } else { "checks" });
    }
    Ok(())
}

pub(super) fn write_finding(out: &mut dyn Write, kind: &str, finding: &Finding) -> std::io::Result<()> {
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
