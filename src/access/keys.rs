//! Random keys of the school, which all of its servers share.

use super::secret::random_bytes;
use super::store;
use crate::db::{Db, DbError};
use crate::registrar::{Refusal, Registrar};

/// The key with this name; a new one if the school has none yet.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn school_key(db: &Db, registrar: &Registrar, name: &'static str) -> Result<[u8; 16], Refusal> {
    if let Some(key) = store::key(db, name).await? {
        return Ok(key);
    }
    if registrar.is_read_only() {
        let missing = format!("there is no key {name} yet: start a server that writes to the database first");
        return Err(DbError::Engine(missing).into());
    }
    // Another server may add one at the same time: what counts is what is stored then.
    registrar.keep_house(vec![store::add_key(name, random_bytes())]).await?;
    let key = store::key(db, name).await?;
    Ok(key.ok_or_else(|| DbError::Engine(format!("the key {name} was not stored")))?)
}
