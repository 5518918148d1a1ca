//! `matricula doctor`: reports what is wrong with a set-up, and what to do.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;

use super::serve::certificate_files;
use crate::clock::Clock;
use crate::config::{DatabaseArgs, PublicUrl, TlsArgs};
use crate::doctor::{self, Finding, State};
use crate::redact::without_passwords;

/// Options of `matricula doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// The address that clients use: asks the running server through its proxy
    #[arg(long, value_name = "URL")]
    url: Option<PublicUrl>,
    /// The folder of the backups: its newest file has to be from the last day
    #[arg(long, value_name = "FOLDER")]
    backups: Option<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Runs all checks and prints a line for each.
///
/// # Errors
/// If something is wrong, or `out` cannot be written to.
pub(super) async fn run(
    args: DoctorArgs,
    database: &DatabaseArgs,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    findings.extend(database.config.as_deref().and_then(settings_file));
    findings.extend(doctor::database(&database.database, clock).await);
    findings.extend(args.backups.map(|folder| doctor::backups(&folder, clock)));
    if let Some(files) = certificate_files(&args.tls)? {
        findings.push(doctor::certificate(&files, clock));
    }
    if let Some(url) = &args.url {
        findings.extend(doctor::proxy(url).await);
    }
    let wrong = findings.iter().filter(|finding| finding.state == State::Wrong).count();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&json!({"ok": wrong == 0, "findings": findings}))?)?;
    } else {
        findings.iter().try_for_each(|finding| write_line(finding, out))?;
    }
    match wrong {
        0 => Ok(()),
        1 => bail!("1 thing is wrong"),
        _ => bail!("{wrong} things are wrong"),
    }
}

fn write_line(finding: &Finding, out: &mut dyn Write) -> std::io::Result<()> {
    let state = match finding.state {
        State::Ok => "ok",
        State::Wrong => "WRONG",
        State::Unknown => "unknown",
    };
    let advice = finding.advice.as_ref().map_or_else(String::new, |advice| format!(". To do: {advice}"));
    writeln!(out, "{state:<8}{:<13}{}{advice}", finding.check, without_passwords(&finding.detail))
}

/// Whether others can read a password in the settings file; `None` if there is none in it.
fn settings_file(path: &Path) -> Option<Finding> {
    let text = fs::read_to_string(path).ok().filter(|text| without_passwords(text) != *text)?;
    drop(text);
    let others_read = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
    let (check, shown) = ("settings", path.display());
    Some(if others_read {
        Finding {
            check,
            state: State::Wrong,
            detail: format!("every user of this machine can read the password in {shown}"),
            advice: Some(format!("chmod o= {shown}")),
        }
    } else {
        let detail = format!("only the owner and the group can read the password in {shown}");
        Finding { check, state: State::Ok, detail, advice: None }
    })
}
