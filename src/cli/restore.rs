//! `matricula restore`: puts a backup in the place of a database file that is missing or empty.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{FlockOperation, fcntl_lock};

use super::backup::{check_copy, unwritten};
use super::check::ensure_none;
use super::new_file::{NewFile, SIDE_FILES, with_ending};
use super::open::{ensure_exists, open_existing};
use super::stop::StopSignals;
use crate::clock::Clock;
use crate::db::migrate::{SchemaState, tables_of_a_file};
use crate::db::{DbError, HeldFile, Location, tables_with_rows};

/// Tables of matricula that a school without students, courses and events leaves empty. The others have rows from the
/// beginning, or none without an event.
const TABLES_OF_A_SCHOOL: [&str; 4] = ["students", "courses", "student_courses", "events"];

/// Options of `matricula restore`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup; it is not changed
    #[arg(value_name = "FROM")]
    from: PathBuf,
}

/// Checks the backup, and restores it.
///
/// # Errors
/// If the backup is not a sound school, or the database has data or is in use: then it stays as it is.
pub(super) async fn run(
    args: RestoreArgs,
    database: &Location,
    clock: &Clock,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Location::File(to) = database else {
        bail!(
            "matricula restores database files only. For {database} use PostgreSQL's own tools, such as `pg_restore`: \
             see \"PostgreSQL\" in docs/operate/backup.md"
        );
    };
    let from = &args.from;
    let backup = Location::File(from.clone());
    ensure_exists(&backup)?;
    ensure!(!is_same_file(from, to), "{} is the database itself", from.display());
    let (_, state) = open_existing(&backup).await?;
    ensure!(state != SchemaState::None, "{backup} is not a school of matricula");
    let mut signals = StopSignals::listen()?;
    // Before the backup is read, which takes long.
    let held = if to.symlink_metadata().is_ok() { Some(hold_empty(to)?) } else { None };
    ensure_unused(to)?;
    let findings = tokio::select! {
        findings = check_copy(&backup, clock, out) => findings?,
        () = signals.wait() => bail!("stopped; nothing was restored"),
    };
    ensure_none(&findings).with_context(|| format!("{backup} was not restored"))?;
    let is_complete = match held {
        Some(held) => replace(held, from, to, &mut signals).await?,
        None => create(from, to, &mut signals, out).await?,
    };
    ensure!(is_complete, "stopped; nothing was restored");
    writeln!(out, "restored {database} from {backup}")?;
    if state == SchemaState::Older {
        writeln!(
            out,
            "its schema is older than this program: `matricula serve` or `matricula migrate` migrates it"
        )?;
    }
    Ok(())
}

async fn replace(held: HeldFile, from: &Path, to: &Path, signals: &mut StopSignals) -> anyhow::Result<bool> {
    let copying = held.replace_with(from).with_context(|| format!("cannot open {}", from.display()))?;
    copying.finish(signals.wait()).await.map_err(|error| unwritten(error, to))
}

/// Restores to a file that does not exist.
async fn create(
    from: &Path,
    to: &Path,
    signals: &mut StopSignals,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    put_side_files_away(to, out)?;
    let file = NewFile::create(to)?;
    let held = HeldFile::open(file.path()).with_context(|| format!("cannot write {}", to.display()))?;
    let is_complete = replace(held, from, to, signals).await?;
    if is_complete {
        file.publish()?;
    }
    Ok(is_complete)
}

/// Takes a database that has no students, no courses, no events, and no rows of other programs.
///
/// # Errors
/// If it has some, or another program uses it.
fn hold_empty(to: &Path) -> anyhow::Result<HeldFile> {
    let shown = to.display();
    ensure!(to.is_file(), "{shown} is not a file");
    // First without taking it, which would change how it is kept.
    let filled = tables_with_rows(to).with_context(|| format!("cannot open {shown}"))?;
    ensure_empty(to, filled)?;
    let held = match HeldFile::open(to) {
        Err(DbError::Busy) => bail!("{shown} is in use by another program: stop the server, then restore"),
        held => held.with_context(|| format!("cannot open {shown}"))?,
    };
    ensure_empty(to, held.tables_with_rows().with_context(|| format!("cannot read {shown}"))?)?;
    Ok(held)
}

/// Refuses if one of these tables, which have rows, belongs to another program, or is not empty in an empty school.
fn ensure_empty(to: &Path, mut filled: Vec<String>) -> anyhow::Result<()> {
    let ours = tables_of_a_file();
    let is_ours = |table: &String| ours.contains(table) || table == "matricula_mapping";
    filled.retain(|table| TABLES_OF_A_SCHOOL.contains(&table.as_str()) || !is_ours(table));
    let shown = to.display();
    ensure!(
        filled.is_empty(),
        "{shown} is not empty: it has rows in {}. Nothing was restored. Move it away, with the files {shown}-wal and \
         {shown}-shm if there are any, then restore",
        filled.join(", ")
    );
    Ok(())
}

/// Renames what is left of a database that was moved away or deleted, since it would be applied to the new one. It can
/// have the last changes of the old one, so it is not deleted unless it is empty.
fn put_side_files_away(to: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    for ending in SIDE_FILES {
        let path = with_ending(to, ending);
        let Ok(found) = path.symlink_metadata() else { continue };
        // The index of a log is made again from the log.
        if found.len() == 0 || ending == "-shm" {
            fs::remove_file(&path).with_context(|| format!("cannot delete {}", path.display()))?;
            continue;
        }
        let away =
            (1..1_000).map(|number| with_ending(&path, &format!(".{number}"))).find(|away| !away.exists());
        let away = away.with_context(|| format!("there are too many files like {}", path.display()))?;
        fs::rename(&path, &away).with_context(|| format!("cannot rename {}", path.display()))?;
        writeln!(
            out,
            "renamed {} to {}: it belongs to the database that was there before, and may have its last changes",
            path.display(),
            away.display()
        )?;
    }
    Ok(())
}

/// Refuses if a server still runs whose database was moved away or deleted: while it has the database open, it has a lock
/// on the index of the log.
fn ensure_unused(to: &Path) -> anyhow::Result<()> {
    let index = with_ending(to, "-shm");
    if to.exists() {
        return Ok(());
    }
    let file = match OpenOptions::new().read(true).write(true).open(&index) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot open {}", index.display())),
    };
    ensure!(
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
        "{} is gone, but another program still uses it: stop the server, then restore",
        to.display()
    );
    Ok(())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
