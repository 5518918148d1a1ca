use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::audit::audit;
use crate::db::{Db, migrate};

/// Recounts everything that the log says against the tables; fails when something does not agree.
pub(super) async fn run(database: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    ensure!(database.exists(), "{}: there is no such file", database.display());
    let db = Db::open(database).with_context(|| format!("cannot open {}", database.display()))?;
    ensure!(
        migrate::is_current(&db).await?,
        "{} does not have the schema of this program: run `matricula migrate` first",
        database.display()
    );
    let audit = audit(&db).await?;
    for finding in &audit.findings {
        writeln!(out, "BROKEN: {} ({} rows)", finding.promise, finding.total)?;
        for row in &finding.rows {
            writeln!(out, "  {row}")?;
        }
        if finding.total > finding.rows.len() {
            writeln!(out, "  ... and {} more", finding.total - finding.rows.len())?;
        }
    }
    if !audit.findings.is_empty() {
        bail!("{} of the school's promises are broken", audit.findings.len());
    }
    writeln!(out, "ok: {} enrollments agree with the {} events of the log", audit.enrollments, audit.events)?;
    Ok(())
}
