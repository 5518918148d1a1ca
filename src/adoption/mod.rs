//! Adoption: a database that already exists is used as it is. The migration adds our own tables and never changes
//! `students` and `courses`; if it cannot use them, it lists all reasons at once and changes nothing.

mod association;
mod columns;
mod describe;
mod error;
mod inspection;
mod nodes;
mod plan;
mod problem;
mod recognize;
mod school;
mod store;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

pub use self::error::{MigrateError, MigrateErrorReason};
pub use self::inspection::{
    OtherLink, Proposal, ProposedLine, Question, RowCounts, SampleCourse, SampleEnrollment, SampleStudent,
    Samples,
};
pub use self::plan::MigrateOptions;
use self::plan::Plan;
pub use self::problem::{AdoptionProblem, AdoptionProblems};
use crate::clock::Clock;
use crate::db::migrate;
use crate::db::{Backoff, DbError, Location, Writer};
use crate::mapping::{self, SchoolTables};

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The tables that existed, one per line; empty if matricula had migrated the database before.
    pub found: Vec<String>,
    /// The migrations that ran, in order; empty if the database was current.
    pub applied: Vec<String>,
    /// How many existing enrollments were adopted.
    pub adopted: i64,
    /// The tables of the students and courses.
    pub tables: SchoolTables,
}

/// What a migration would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryRun {
    /// As [`Report::found`].
    pub found: Vec<String>,
    /// The statements in the order in which they would run, in one transaction; empty if the database is current.
    pub statements: Vec<String>,
}

/// Brings the database at `location` to this version: creates it, adopts it, or leaves it as it is if it is current.
///
/// # Errors
/// When it cannot be migrated; then nothing in it was changed.
pub async fn migrate(location: &Location, clock: &Clock) -> Result<Report, MigrateError> {
    migrate_with(location, clock, &MigrateOptions::default()).await
}

/// As [`migrate`], with options for a database that matricula has not migrated yet.
///
/// # Errors
/// As [`migrate`]; also if the database was migrated with another mapping.
pub async fn migrate_with(
    location: &Location,
    clock: &Clock,
    options: &MigrateOptions,
) -> Result<Report, MigrateError> {
    run(location, clock, options).await.map_err(|reason| MigrateError { location: location.clone(), reason })
}

/// Returns what [`migrate_with`] would do. Changes nothing, and creates no file.
///
/// # Errors
/// As [`migrate`].
pub async fn dry_run(
    location: &Location,
    clock: &Clock,
    options: &MigrateOptions,
) -> Result<DryRun, MigrateError> {
    plan_only(location, clock, options)
        .await
        .map_err(|reason| MigrateError { location: location.clone(), reason })
}

/// Inspects the database at `location`, which must exist, and proposes a mapping. Changes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn propose(location: &Location) -> Result<Proposal, MigrateError> {
    inspect(location).await.map_err(|reason| MigrateError { location: location.clone(), reason })
}

async fn inspect(location: &Location) -> Result<Proposal, MigrateErrorReason> {
    if let Location::File(path) = location {
        check_path(path)?;
        if !path.exists() {
            return Err(MigrateErrorReason::Unusable("the file does not exist".to_owned()));
        }
    }
    let mut writer = Writer::open_for_migration(location)?;
    // Never committed.
    let tx = writer.begin().await?;
    if !migrate::history(&tx).await?.is_new {
        return Ok(Proposal { is_migrated: true, ..Proposal::default() });
    }
    Ok(inspection::inspect(&tx).await?)
}

/// Rows whose adoption takes more than a second.
const MANY_ROWS: i64 = 100_000;

/// How long to retry after a conflict with another migration, which may be copying a million rows.
const RETRY_TIME: Duration = Duration::from_mins(1);

async fn run(
    location: &Location,
    clock: &Clock,
    options: &MigrateOptions,
) -> Result<Report, MigrateErrorReason> {
    if let Location::File(path) = location {
        check_path(path)?;
    }
    let mut writer = Writer::open_for_migration(location)?;
    let mut backoff = Backoff::new(RETRY_TIME);
    loop {
        match run_once(&mut writer, clock, options).await {
            // The database has already waited for other migrations and for locks on the tables.
            Err(MigrateErrorReason::Db(error @ (DbError::Conflict(_) | DbError::Unknown(_)))) => {
                backoff.wait(DbError::Conflict(error.to_string())).await?;
            }
            done => return done,
        }
    }
}

async fn run_once(
    writer: &mut Writer,
    clock: &Clock,
    options: &MigrateOptions,
) -> Result<Report, MigrateErrorReason> {
    let tx = writer.begin().await?;
    plan::check_obstacles(&tx).await?;
    migrate::lock(&tx).await?;
    let plan = Plan::new(&tx, clock, options).await?;
    if plan.migrations.is_empty() {
        return Ok(Report { tables: plan.tables, ..Report::default() });
    }
    migrate::create_history(&tx).await?;
    for statement in &plan.before {
        tx.execute_batch(statement).await?;
    }
    for migration in &plan.migrations {
        migrate::apply(&tx, migration, &clock.stamp()).await?;
    }
    let progress = options.progress.filter(|_| plan.adopted >= MANY_ROWS);
    for statement in &plan.after {
        if let Some((report, step)) = progress.zip(store::step(statement)) {
            report(step);
        }
        tx.execute_batch(statement).await?;
    }
    if let Some(mapping) = &plan.mapping {
        mapping::save(&tx, mapping, &plan.tables).await?;
    }
    plan.verify(&tx).await?;
    tx.commit().await?;
    let applied = plan.migrations.into_iter().map(|migration| migration.name).collect();
    Ok(Report { found: plan.found, applied, adopted: plan.adopted, tables: plan.tables })
}

async fn plan_only(
    location: &Location,
    clock: &Clock,
    options: &MigrateOptions,
) -> Result<DryRun, MigrateErrorReason> {
    let empty = Location::File(":memory:".into());
    let mut inspected = location;
    if let Location::File(path) = location {
        check_path(path)?;
        // Opening a missing file would create it.
        if !path.exists() {
            inspected = &empty;
        }
    }
    let mut writer = Writer::open_for_migration(inspected)?;
    let tx = writer.begin().await?;
    plan::check_obstacles(&tx).await?;
    let plan = Plan::new(&tx, clock, options).await?;
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

/// Gives a clear reason where SQLite only reports "unable to open". It never opens the file: closing a second handle
/// would release the locks that SQLite holds on it in this process.
fn check_path(path: &Path) -> Result<(), MigrateErrorReason> {
    if path == Path::new(":memory:") {
        return Err(MigrateErrorReason::Unusable(
            "a database in memory is not saved; name a file".to_owned(),
        ));
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(MigrateErrorReason::Unusable("a directory, not a database".to_owned()))
        }
        Ok(found) if !found.is_file() => Err(MigrateErrorReason::Unusable("not a regular file".to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => check_folder(path),
        Err(error) => Err(MigrateErrorReason::Unusable(error.to_string())),
    }
}

fn check_folder(path: &Path) -> Result<(), MigrateErrorReason> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(MigrateErrorReason::Unusable(format!("the folder {} does not exist", folder.display())))
        }
        _ => Ok(()),
    }
}
