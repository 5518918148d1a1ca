//! Opens databases for commands that change nothing.

use anyhow::{Context as _, ensure};

use crate::db::{Db, Location, migrate};
use crate::mapping;

/// Opens a database that exists and is migrated.
///
/// # Errors
/// If it does not exist, is not migrated, or cannot be read.
pub(super) async fn open_migrated(database: &Location) -> anyhow::Result<Db> {
    if let Location::File(path) = database {
        ensure!(path.exists(), "{database}: the file does not exist; `matricula migrate` creates a new one");
    }
    let (db, _) = mapping::open_db(database).await.with_context(|| format!("cannot open {database}"))?;
    ensure!(
        migrate::is_current(&db).await.with_context(|| database.to_string())?,
        "the schema of {database} is not the one of this program: run `matricula migrate` first"
    );
    mapping::verify(&db).await.with_context(|| database.to_string())?;
    Ok(db)
}
