//! Reads accounts and tokens.

use super::secret::SecretHash;
use super::session::{OpenSession, SessionName};
use crate::clock::Stamp;
use crate::db::{Db, DbError, Row};
use crate::lists::{ListRow, ShortListing};
use crate::registrar::{Account, Chore, OPEN, Token, account, select_accounts, select_tokens, token};
use crate::viewer::Viewer;

/// A number that changes whenever rights change.
pub(super) async fn version(db: &Db) -> Result<i64, DbError> {
    let sql = "select version from matricula_access where id = 1";
    let version = db.query_opt(sql, [], |row| row.int(0)).await?;
    version.ok_or_else(|| DbError::Engine("the table matricula_access has lost its row".to_owned()))
}

/// Whether there has never been an account or a token.
pub(super) async fn is_open(db: &Db) -> Result<bool, DbError> {
    Ok(db.query_opt(OPEN, [], |row| row.int(0)).await?.is_some())
}

/// The token with this secret, unless it was revoked.
pub(super) async fn token_by_hash(db: &Db, hash: &SecretHash) -> Result<Option<Token>, DbError> {
    let sql = select_tokens!(
        "where t.hash = $1 and t.revoked_at is null and (t.person_id is null or p.id is not null)"
    );
    db.query_opt(sql, [hash.to_hex().into()], token).await
}

/// A token; `None` also for a caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_token(viewer: &Viewer, id: i64) -> Result<Option<Token>, DbError> {
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

/// All tokens that were not revoked, also expired ones, in order of creation; none for a caller who does not administer.
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

/// A session, and its account.
pub(super) struct Session {
    pub(super) account: Account,
    pub(super) used_at: Stamp,
    pub(super) expires_at: Stamp,
}

/// The session with this secret, unless its account has been disabled.
pub(super) async fn session(db: &Db, hash: &SecretHash) -> Result<Option<Session>, DbError> {
    let sql = "select a.id, a.name, a.address, a.role, p.student_id, a.created_at, a.disabled_at, s.used_at, s.expires_at \
               from matricula_sessions s join matricula_accounts a on a.id = s.account_id \
               left join matricula_people p on p.id = a.person_id where s.hash = $1 and a.disabled_at is null \
               and (a.role <> 'student' or a.person_id is null or p.id is not null)";
    let map = |row: &Row<'_>| {
        Ok(Session { account: account(row)?, used_at: row.stamp(7)?, expires_at: row.stamp(8)? })
    };
    db.query_opt(sql, [hash.to_hex().into()], map).await
}

/// The sessions of the account that have not ended, the one that was used last first.
pub(super) async fn sessions_of(
    db: &Db,
    account_id: i64,
    now: &Stamp,
    idle_since: &Stamp,
) -> Result<Vec<OpenSession>, DbError> {
    let sql = "select substr(hash, 1, 16), created_at, used_at from matricula_sessions \
               where account_id = $1 and expires_at > $2 and used_at > $3 order by used_at desc, hash";
    let map = |row: &Row<'_>| {
        Ok(OpenSession {
            name: SessionName::from_stored(row.text(0)?),
            opened_at: row.stamp(1)?,
            used_at: row.stamp(2)?,
        })
    };
    db.query(sql, [account_id.into(), now.into(), idle_since.into()], map).await
}

/// The account with this id and its hashed password, if it has one and is not disabled.
pub(super) async fn account_with_password(
    db: &Db,
    account_id: i64,
) -> Result<Option<(Account, String)>, DbError> {
    let sql = "select a.id, a.name, a.address, a.role, p.student_id, a.created_at, a.disabled_at, a.password \
               from matricula_accounts a left join matricula_people p on p.id = a.person_id \
               where a.id = $1 and a.disabled_at is null and a.password is not null";
    db.query_opt(sql, [account_id.into()], |row| Ok((account(row)?, row.text(7)?))).await
}

/// The account with this address and its hashed password, if it is not disabled. `address` is in lower case.
pub(super) async fn password(db: &Db, address: &str) -> Result<Option<(i64, Option<String>)>, DbError> {
    let sql = "select id, password from matricula_accounts where address = $1 and disabled_at is null";
    db.query_opt(sql, [address.into()], |row| Ok((row.int(0)?, row.opt_text(1)?))).await
}

/// The account that a link is for, if the link still works.
pub(super) async fn linked_account(
    db: &Db,
    hash: &SecretHash,
    now: &Stamp,
) -> Result<Option<Account>, DbError> {
    let sql = select_accounts!(
        "join matricula_links l on l.account_id = a.id where l.hash = $1 and l.expires_at > $2 and a.disabled_at is null"
    );
    db.query_opt(sql, [hash.to_hex().into(), now.into()], account).await
}

/// Opens a session if the account may still sign in, with this hashed password.
pub(super) fn open_session(
    hash: &SecretHash,
    account_id: i64,
    password: &str,
    now: &Stamp,
    expires_at: &Stamp,
) -> Chore {
    Chore {
        sql: "insert into matricula_sessions (hash, account_id, created_at, used_at, expires_at) \
              select cast($1 as text), a.id, cast($2 as text), cast($2 as text), cast($3 as text) from matricula_accounts a \
              where a.id = $4 and a.password = $5 and a.disabled_at is null and (a.role <> 'student' or a.person_id is null \
              or exists (select 1 from matricula_people p where p.id = a.person_id))",
        args: vec![hash.to_hex().into(), now.into(), expires_at.into(), account_id.into(), password.into()],
    }
}

/// Deletes sessions that have not been used for long. One that has expired otherwise is deleted some hours later.
pub(super) fn delete_idle_sessions(idle_since: &Stamp) -> Chore {
    Chore { sql: "delete from matricula_sessions where used_at <= $1", args: vec![idle_since.into()] }
}

/// Deletes the oldest sessions of an account that has too many.
pub(super) fn delete_surplus_sessions(account_id: i64, max: i64) -> Chore {
    Chore {
        sql: "delete from matricula_sessions where account_id = $1 and hash not in (select hash from matricula_sessions \
              where account_id = $1 order by created_at desc, hash limit $2)",
        args: vec![account_id.into(), max.into()],
    }
}

pub(super) fn use_session(hash: &SecretHash, now: &Stamp) -> Chore {
    Chore {
        sql: "update matricula_sessions set used_at = $1 where hash = $2",
        args: vec![now.into(), hash.to_hex().into()],
    }
}

/// Another server may have written a later use.
pub(super) fn use_token(id: i64, now: &Stamp) -> Chore {
    Chore {
        sql: "insert into matricula_token_uses (token_id, used_at) values ($1, $2) on conflict (token_id) \
              do update set used_at = excluded.used_at where matricula_token_uses.used_at < excluded.used_at",
        args: vec![id.into(), now.into()],
    }
}

pub(super) fn end_session(hash: &SecretHash) -> Chore {
    Chore { sql: "delete from matricula_sessions where hash = $1", args: vec![hash.to_hex().into()] }
}

/// Ends a session of this account, and of no other.
pub(super) fn end_own_session(account_id: i64, name: &SessionName) -> Chore {
    Chore {
        sql: "delete from matricula_sessions where account_id = $1 and substr(hash, 1, 16) = $2",
        args: vec![account_id.into(), name.as_str().into()],
    }
}

pub(super) fn end_sessions_of(account_id: i64) -> Chore {
    Chore { sql: "delete from matricula_sessions where account_id = $1", args: vec![account_id.into()] }
}

/// Makes every server forget what it remembers.
pub(super) fn new_version() -> Chore {
    Chore { sql: "update matricula_access set version = version + 1 where id = 1", args: Vec::new() }
}

/// A key of the school, if there is one.
pub(super) async fn key(db: &Db, name: &str) -> Result<Option<[u8; 16]>, DbError> {
    let sql = "select value from matricula_keys where name = $1";
    let Some(text) = db.query_opt(sql, [name.into()], |row| row.text(0)).await? else { return Ok(None) };
    let key = u128::from_str_radix(&text, 16).map(u128::to_be_bytes);
    key.map(Some).map_err(|_| DbError::Engine(format!("the key {name} in matricula_keys is not hexadecimal")))
}

/// Adds a key, unless there is one.
pub(super) fn add_key(name: &str, key: [u8; 16]) -> Chore {
    Chore {
        sql: "insert into matricula_keys (name, value) values ($1, $2) on conflict (name) do nothing",
        args: vec![name.into(), format!("{:032x}", u128::from_be_bytes(key)).into()],
    }
}
