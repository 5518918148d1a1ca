//! Reads accounts and tokens.

use std::ops::RangeInclusive;

use super::secret::SecretHash;
use super::session::{OpenSession, SessionName};
use crate::clock::Stamp;
use crate::db::{Arg, Db, DbError, Row};
use crate::lists::{ListRow, ShortListing};
use crate::registrar::{
    Account, Actor, Chore, ExternalId, OPEN, StudentId, Token, account, select_accounts, select_tokens, token,
};
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
pub async fn find_account(viewer: &Viewer, id: i64) -> Result<Option<Account>, DbError> {
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

/// The name of an account or of a token, and the student whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The present name.
    pub name: String,
    /// The student.
    pub student_id: Option<StudentId>,
}

/// Who an actor is, if the caller may know: of anybody for callers who read all students, otherwise only of the caller's
/// own student. `None` also for an actor who is neither an account nor a token.
///
/// # Errors
/// When the database cannot be read.
pub async fn named(viewer: &Viewer, actor: &Actor) -> Result<Option<Named>, DbError> {
    let (sql, id) = match actor {
        Actor::Account(id) => (
            "select a.name, p.student_id from matricula_accounts a left join matricula_people p on p.id = a.person_id \
             where a.id = $1 and (cast($2 as bigint) = 1 or p.student_id = $3)",
            *id,
        ),
        Actor::Token(id) => (
            "select t.name, p.student_id from matricula_tokens t left join matricula_people p on p.id = t.person_id \
             where t.id = $1 and (cast($2 as bigint) = 1 or p.student_id = $3)",
            *id,
        ),
        Actor::Anonymous | Actor::Cli | Actor::SignOn | Actor::Sample | Actor::Database => return Ok(None),
    };
    let args: [Arg; 3] = [id.into(), i64::from(viewer.sees_students()).into(), viewer.own_student().into()];
    let map = |row: &Row<'_>| Ok(Named { name: row.text(0)?, student_id: row.opt_int(1)?.map(StudentId) });
    viewer.db().query_opt(sql, args, map).await
}

/// Whether an actor is a student, also one whose name the caller may not know.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_student(viewer: &Viewer, actor: &Actor) -> Result<bool, DbError> {
    let (sql, id) = match actor {
        Actor::Account(id) => (
            "select 1 from matricula_accounts a join matricula_people p on p.id = a.person_id where a.id = $1",
            *id,
        ),
        Actor::Token(id) => (
            "select 1 from matricula_tokens t join matricula_people p on p.id = t.person_id where t.id = $1",
            *id,
        ),
        Actor::Anonymous | Actor::Cli | Actor::SignOn | Actor::Sample | Actor::Database => return Ok(false),
    };
    Ok(viewer.db().query_opt(sql, [id.into()], |row| row.int(0)).await?.is_some())
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
    let sql = "select a.id, a.name, a.address, a.role, p.student_id, a.created_at, a.disabled_at, a.by_groups, s.used_at, s.expires_at \
               from matricula_sessions s join matricula_accounts a on a.id = s.account_id \
               left join matricula_people p on p.id = a.person_id where s.hash = $1 and a.disabled_at is null \
               and (a.role <> 'student' or a.person_id is null or p.id is not null)";
    let map = |row: &Row<'_>| {
        Ok(Session { account: account(row)?, used_at: row.stamp(8)?, expires_at: row.stamp(9)? })
    };
    db.query_opt(sql, [hash.to_hex().into()], map).await
}

/// The account of somebody at a provider, if it can be used.
pub(super) async fn account_of(db: &Db, external: &ExternalId) -> Result<Option<Account>, DbError> {
    let sql = select_accounts!(
        "join matricula_identities i on i.account_id = a.id where i.provider = $1 and i.subject = $2 \
         and a.disabled_at is null and (a.role <> 'student' or a.person_id is null or p.id is not null)"
    );
    let args = [external.provider.as_str().into(), external.subject.as_str().into()];
    db.query_opt(sql, args, account).await
}

/// The account, if it can be used and somebody has it at this provider.
pub(super) async fn account_at(db: &Db, id: i64, provider: &str) -> Result<Option<Account>, DbError> {
    let sql = select_accounts!(
        "where a.id = $1 and a.disabled_at is null and (a.role <> 'student' or a.person_id is null or p.id is not null) \
         and exists (select 1 from matricula_identities i where i.account_id = a.id and i.provider = $2)"
    );
    db.query_opt(sql, [id.into(), provider.into()], account).await
}

/// The account, if it can be used.
pub(super) async fn usable_account(db: &Db, id: i64) -> Result<Option<Account>, DbError> {
    let sql = select_accounts!(
        "where a.id = $1 and a.disabled_at is null and (a.role <> 'student' or a.person_id is null or p.id is not null)"
    );
    db.query_opt(sql, [id.into()], account).await
}

/// Students with this address or one that looks like it, and what is stored for them.
pub(super) async fn students_with(db: &Db, address: &str) -> Result<Vec<StudentAt>, DbError> {
    let sql = "select cast(s.id as bigint), cast(s.email as text), cast(n.number as text) from students s \
               left join matricula_student_numbers n on n.student_id = s.id \
               where casefold(trim(cast(s.email as text))) = casefold(cast($1 as text)) order by 1";
    let map = |row: &Row<'_>| {
        Ok(StudentAt { id: StudentId(row.int(0)?), email: row.text(1)?, number: row.opt_text(2)? })
    };
    db.query(sql, [address.into()], map).await
}

/// A student with an address.
pub(super) struct StudentAt {
    pub(super) id: StudentId,
    pub(super) email: String,
    pub(super) number: Option<String>,
}

/// The students with this number: several only in a school's own table.
pub(super) async fn students_with_number(db: &Db, number: &str) -> Result<Vec<StudentId>, DbError> {
    let sql = "select cast(s.id as bigint) from matricula_student_numbers n join students s on s.id = n.student_id \
               where n.number = cast($1 as text) and cast(n.number as text) collate \"C\" = cast($1 as text)";
    db.query(sql, [number.into()], |row| Ok(StudentId(row.int(0)?))).await
}

/// Whoever has an account at a provider: the account and the provider, for accounts from one id to another; none for a
/// caller who does not administer.
///
/// # Errors
/// When the database cannot be read.
pub async fn providers_of(
    viewer: &Viewer,
    accounts: RangeInclusive<i64>,
) -> Result<Vec<(i64, String)>, DbError> {
    let sql = "select account_id, provider from matricula_identities \
               where account_id >= $1 and account_id <= $2 and cast($3 as bigint) = 1 order by 1, 2";
    let args = [(*accounts.start()).into(), (*accounts.end()).into(), administers(viewer).into()];
    viewer.db().query(sql, args, |row| Ok((row.int(0)?, row.text(1)?))).await
}

/// A session of somebody whom a provider vouches for.
pub(super) struct LinkedSession<'a> {
    pub(super) hash: &'a SecretHash,
    pub(super) account_id: i64,
    pub(super) external: &'a ExternalId,
    /// The hash of the state of the attempt.
    pub(super) state: &'a SecretHash,
    pub(super) now: &'a Stamp,
    pub(super) expires_at: &'a Stamp,
}

/// Uses up the attempt, then opens the session if the attempt was unused and the account may still sign in.
pub(super) fn open_linked_session(session: &LinkedSession<'_>) -> [Chore; 2] {
    let (hash, state) = (session.hash.to_hex(), session.state.to_hex());
    let use_state = Chore {
        sql: "insert into matricula_used_states (state, session, used_at) values ($1, $2, $3) on conflict do nothing",
        args: vec![state.as_str().into(), hash.as_str().into(), session.now.into()],
    };
    let open = Chore {
        sql: "insert into matricula_sessions (hash, account_id, created_at, used_at, expires_at) \
              select cast($1 as text), a.id, cast($2 as text), cast($2 as text), cast($3 as text) from matricula_accounts a \
              join matricula_identities i on i.account_id = a.id join matricula_used_states u on u.session = cast($1 as text) \
              where a.id = $4 and i.provider = $5 and i.subject = $6 and u.state = $7 and a.disabled_at is null \
              and (a.role <> 'student' or a.person_id is null \
              or exists (select 1 from matricula_people p where p.id = a.person_id))",
        args: vec![
            hash.as_str().into(),
            session.now.into(),
            session.expires_at.into(),
            session.account_id.into(),
            session.external.provider.as_str().into(),
            session.external.subject.as_str().into(),
            state.as_str().into(),
        ],
    };
    [use_state, open]
}

/// Forgets used attempts of long ago, whose codes no provider takes any more.
pub(super) fn forget_states(before: &Stamp) -> Chore {
    Chore { sql: "delete from matricula_used_states where used_at <= $1", args: vec![before.into()] }
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
    let sql = "select a.id, a.name, a.address, a.role, p.student_id, a.created_at, a.disabled_at, a.by_groups, a.password \
               from matricula_accounts a left join matricula_people p on p.id = a.person_id \
               where a.id = $1 and a.disabled_at is null and a.password is not null";
    db.query_opt(sql, [account_id.into()], |row| Ok((account(row)?, row.text(8)?))).await
}

/// The account with this address, and its hashed password if it is not disabled. `address` is in lower case.
pub(super) async fn password(db: &Db, address: &str) -> Result<Option<(i64, Option<String>)>, DbError> {
    let sql = "select id, case when disabled_at is null then password end from matricula_accounts where address = $1";
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

/// Makes changes of the account wait for the session that is about to be opened, and the session for a change that has
/// begun: on a server, a change would not see a session that is not committed, and would not end it.
pub(super) fn hold_account(id: i64) -> Chore {
    Chore {
        sql: "update matricula_accounts set created_at = created_at where id = $1",
        args: vec![id.into()],
    }
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

/// Deletes the oldest sessions of an account that has too many. If it has, the first statement changes a row: it raises the
/// version, so that servers forget the sessions that they remember.
pub(super) fn delete_surplus_sessions(account_id: i64, max: i64) -> [Chore; 2] {
    let new_version = "update matricula_access set version = version + 1 where id = 1 \
        and (select count(*) from matricula_sessions where account_id = $1) > $2";
    let delete = "delete from matricula_sessions where account_id = $1 and hash not in (select hash from matricula_sessions \
        where account_id = $1 order by created_at desc, hash limit $2)";
    [new_version, delete].map(|sql| Chore { sql, args: vec![account_id.into(), max.into()] })
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
