//! Adoption: a database that is already there is taken as it is. The migration adds tables of our own and never
//! touches `students` and `courses`; what it cannot take it refuses, all reasons at once, without a byte changed.

mod columns;
mod error;
mod nodes;
mod plan;
mod recognize;
mod refusal;
mod store;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

pub use self::error::{MigrateError, Reason};
use self::plan::Plan;
pub use self::refusal::{Refusal, Refusals};
use crate::clock::Clock;
use crate::db::migrate;
use crate::db::{DbError, Location, Patience, Writer};

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was there before, a line each; empty when matricula had migrated the database already.
    pub found: Vec<String>,
    /// The migrations that ran, in order; empty when there was nothing to do.
    pub applied: Vec<String>,
    /// How many rows of a found `student_courses` were adopted.
    pub adopted: i64,
}

/// What a migration would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryRun {
    /// As [`Report::found`].
    pub found: Vec<String>,
    /// The statements in the order in which they would run, in one transaction; empty when there is nothing to do.
    pub statements: Vec<String>,
}

/// Brings the database at `location` to this version: makes it, adopts it, or finds nothing to do.
///
/// # Errors
/// When it cannot be migrated; nothing in it was changed then.
pub async fn migrate(location: &Location, clock: &Clock) -> Result<Report, MigrateError> {
    carry_out(location, clock).await.map_err(|reason| MigrateError { location: location.clone(), reason })
}

/// What [`migrate`] would do. Changes nothing, and makes no file.
///
/// # Errors
/// As [`migrate`].
pub async fn dry_run(location: &Location, clock: &Clock) -> Result<DryRun, MigrateError> {
    look(location, clock).await.map_err(|reason| MigrateError { location: location.clone(), reason })
}

/// How long a migration waits for another one: that may be copying a million rows.
const PATIENCE: Duration = Duration::from_mins(1);

async fn carry_out(location: &Location, clock: &Clock) -> Result<Report, Reason> {
    if let Location::File(path) = location {
        check_path(path)?;
    }
    let mut writer = Writer::open_for_migration(location)?;
    let mut patience = Patience::lasting(PATIENCE);
    loop {
        match carry_out_once(&mut writer, clock).await {
            // Another server's migration, or a program that keeps the tables, has been waited for already.
            Err(Reason::Db(error @ (DbError::Conflict(_) | DbError::Unknown(_)))) => {
                patience.after(DbError::Conflict(error.to_string())).await?;
            }
            done => return done,
        }
    }
}

async fn carry_out_once(writer: &mut Writer, clock: &Clock) -> Result<Report, Reason> {
    let tx = writer.begin().await?;
    plan::obstacles(&tx).await?;
    migrate::take_turn(&tx).await?;
    let plan = Plan::make(&tx, clock).await?;
    if plan.migrations.is_empty() {
        return Ok(Report::default());
    }
    migrate::make_history(&tx).await?;
    for statement in &plan.before {
        tx.execute_batch(statement).await?;
    }
    for migration in &plan.migrations {
        migrate::apply(&tx, migration, &clock.stamp()).await?;
    }
    for statement in &plan.after {
        tx.execute_batch(statement).await?;
    }
    plan.verify(&tx).await?;
    tx.commit().await?;
    let applied = plan.migrations.into_iter().map(|migration| migration.name).collect();
    Ok(Report { found: plan.found, applied, adopted: plan.adopted })
}

async fn look(location: &Location, clock: &Clock) -> Result<DryRun, Reason> {
    let nothing = Location::File(":memory:".into());
    let mut looked_at = location;
    if let Location::File(path) = location {
        check_path(path)?;
        // Opening a file that is not there would make it.
        if !path.exists() {
            looked_at = &nothing;
        }
    }
    let mut writer = Writer::open_for_migration(looked_at)?;
    let tx = writer.begin().await?;
    plan::obstacles(&tx).await?;
    let plan = Plan::make(&tx, clock).await?;
    let migrations = plan
        .migrations
        .into_iter()
        .filter(|migration| !migration.sql.is_empty())
        .map(|migration| format!("-- {}\n{}", migration.name, migration.sql.trim_end()));
    Ok(DryRun {
        found: plan.found,
        statements: plan.before.into_iter().chain(migrations).chain(plan.after).collect(),
    })
}

/// Says in plain words what the engine would only call "unable to open". It asks for the file's kind and never opens
/// it: closing a second handle of a file releases the locks that the engine of this process holds on it.
fn check_path(path: &Path) -> Result<(), Reason> {
    if path == Path::new(":memory:") {
        return Err(Reason::Unusable("what is in memory only is not kept; name a file".to_owned()));
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Reason::Unusable("a directory, not a database".to_owned())),
        Ok(found) if !found.is_file() => Err(Reason::Unusable("no regular file, so no database".to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => check_folder(path),
        Err(error) => Err(Reason::Unusable(error.to_string())),
    }
}

fn check_folder(path: &Path) -> Result<(), Reason> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Reason::Unusable(format!("the folder {} does not exist", folder.display())))
        }
        _ => Ok(()),
    }
}
