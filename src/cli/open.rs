//! Opens databases for commands that change nothing.

use anyhow::{Context as _, bail, ensure};

use crate::db::migrate::SchemaState;
use crate::db::{Db, Location, migrate};
use crate::mapping;

/// Opens a database that exists and has the schema of this program.
///
/// # Errors
/// If it does not exist, has another schema, or cannot be read.
pub(super) async fn open_migrated(database: &Location) -> anyhow::Result<Db> {
    let (db, state) = open_existing(database).await?;
    if state != SchemaState::Current {
        bail!("the schema of {database} is older than this program: run `matricula migrate` first");
    }
    mapping::verify(&db).await.with_context(|| database.to_string())?;
    Ok(db)
}

/// Opens a database that exists, and compares its schema with that of this program.
///
/// # Errors
/// If it does not exist, cannot be read, or this program cannot continue its history.
pub(super) async fn open_existing(database: &Location) -> anyhow::Result<(Db, SchemaState)> {
    ensure_exists(database)?;
    let (db, _) = mapping::open_db(database).await.with_context(|| format!("cannot open {database}"))?;
    let state = migrate::schema_state(&db).await.with_context(|| format!("cannot use {database}"))?;
    Ok((db, state))
}

/// # Errors
/// If it is a file that does not exist.
pub(super) fn ensure_exists(database: &Location) -> anyhow::Result<()> {
    if let Location::File(path) = database {
        ensure!(path.exists(), "{database}: the file does not exist; `matricula migrate` creates a new one");
    }
    Ok(())
}
