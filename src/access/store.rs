//! Reads accounts and tokens.

use super::secret::SecretHash;
use crate::db::{Db, DbError};
use crate::lists::{ListRow, ShortListing};
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

/// A token; `None` also for a caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn find_token(viewer: &Viewer, id: i64) -> Result<Option<Token>, DbError> {
    let sql = select_tokens!("where t.id = $1 and cast($2 as bigint) = 1");
    viewer.db().query_opt(sql, [id.into(), administers(viewer).into()], token).await
}

/// An account; `None` also for a caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn find_account(viewer: &Viewer, id: i64) -> Result<Option<Account>, DbError> {
    let sql = select_accounts!("where a.id = $1 and cast($2 as bigint) = 1");
    viewer.db().query_opt(sql, [id.into(), administers(viewer).into()], account).await
}

/// All tokens that were not revoked, in order of creation; none for a caller who does not administer.
#[must_use]
pub fn tokens(viewer: &Viewer) -> ShortListing<Token> {
    ShortListing {
        order: "tokens".to_owned(),
        rows: select_tokens!("where t.revoked_at is null and cast($1 as bigint) = 1"),
        args: vec![administers(viewer).into()],
        map: |row| Ok(ListRow { row: token(row)?, text: None, id: row.int(0)? }),
    }
}

/// All accounts, in order of creation; none for a caller who does not administer.
#[must_use]
pub fn accounts(viewer: &Viewer) -> ShortListing<Account> {
    ShortListing {
        order: "accounts".to_owned(),
        rows: select_accounts!("where cast($1 as bigint) = 1"),
        args: vec![administers(viewer).into()],
        map: |row| Ok(ListRow { row: account(row)?, text: None, id: row.int(0)? }),
    }
}

fn administers(viewer: &Viewer) -> i64 {
    i64::from(viewer.administers())
}
