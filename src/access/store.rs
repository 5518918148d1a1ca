//! Reads accounts and tokens.

use super::secret::SecretHash;
use crate::db::{Db, DbError, Reach};
use crate::registrar::{Account, Token, account, select_accounts, select_tokens, token};
use crate::viewer::Viewer;

/// A number that changes whenever rights change.
pub(super) async fn version(db: &Db) -> Result<i64, DbError> {
    let sql = "select version from matricula_access where id = 1";
    let version = db.query_opt(sql, [], |row| row.int(0)).await?;
    version.ok_or_else(|| DbError::Engine("the table matricula_access has lost its row".to_owned()))
}

/// Whether there has never been an account or a token.
pub(super) async fn is_open(db: &Db) -> Result<bool, DbError> {
    let sql = "select id from (select id from matricula_accounts union all select id from matricula_tokens) one limit 1";
    Ok(db.query_opt(sql, [], |row| row.int(0)).await?.is_none())
}

/// The token with this secret, unless it was revoked.
pub(super) async fn token_by_hash(db: &Db, hash: &SecretHash) -> Result<Option<Token>, DbError> {
    let sql = select_tokens!("where t.hash = $1 and t.revoked_at is null");
    db.query_opt(sql, [hash.to_hex().into()], token).await
}

/// A token.
///
/// # Errors
/// When the database cannot be read.
pub async fn token_by_id(viewer: &Viewer, id: i64) -> Result<Option<Token>, DbError> {
    if !viewer.administers() {
        return Ok(None);
    }
    viewer.db().query_opt(select_tokens!("where t.id = $1"), [id.into()], token).await
}

/// All tokens that were not revoked, in order of creation; none for a caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub async fn tokens(viewer: &Viewer) -> Result<Vec<Token>, DbError> {
    if !viewer.administers() {
        return Ok(Vec::new());
    }
    let sql = select_tokens!("where t.revoked_at is null order by t.id");
    viewer.db().read(Reach::Range, sql, Vec::new(), token).await
}

/// All accounts, in order of creation; none for a caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub async fn accounts(viewer: &Viewer) -> Result<Vec<Account>, DbError> {
    if !viewer.administers() {
        return Ok(Vec::new());
    }
    viewer.db().read(Reach::Range, select_accounts!("order by a.id"), Vec::new(), account).await
}
