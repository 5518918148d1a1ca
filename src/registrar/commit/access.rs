//! Reads and writes accounts and tokens.

use std::collections::BTreeSet;

use super::access_effects::AccessEffects;
use super::effects::Effects;
use super::rows::sets;
use crate::db::{Arg, DbError, Insert, Row, Tx, Write};
use crate::registrar::account::{Account, ExternalId, ExternalLink, Link, Token, Ways};
use crate::registrar::facts::Facts;
use crate::registrar::needs::Needs;
use crate::registrar::record::{CourseId, StudentId};
use crate::registrar::rights::Rights;

/// A statement that reads tokens; [`token`] reads its rows.
macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "select t.id, t.name, t.role, t.scopes, p.student_id, t.created_at, t.expires_at, t.revoked_at, u.used_at \
             from matricula_tokens t left join matricula_people p on p.id = t.person_id \
             left join matricula_token_uses u on u.token_id = t.id ",
            $rest
        )
    };
}
pub(crate) use select_tokens;

/// A statement that reads accounts; [`account`] reads its rows.
macro_rules! select_accounts {
    ($rest:literal) => {
        concat!(
            "select a.id, a.name, a.address, a.role, p.student_id, a.created_at, a.disabled_at, a.by_groups \
             from matricula_accounts a left join matricula_people p on p.id = a.person_id ",
            $rest
        )
    };
}
pub(crate) use select_accounts;

/// Reads a token.
///
/// # Errors
/// When a column has another type, or a value that this version does not know.
pub fn token(row: &Row<'_>) -> Result<Token, DbError> {
    Ok(Token {
        id: row.int(0)?,
        name: row.text(1)?,
        role: row.text(2)?.parse().map_err(DbError::Engine)?,
        scopes: Rights::from_stored(&row.text(3)?),
        student_id: row.opt_int(4)?.map(StudentId),
        created_at: row.stamp(5)?,
        expires_at: row.opt_stamp(6)?,
        revoked_at: row.opt_stamp(7)?,
        used_at: row.opt_stamp(8)?,
    })
}

/// Reads an account.
///
/// # Errors
/// As [`token`].
pub fn account(row: &Row<'_>) -> Result<Account, DbError> {
    Ok(Account {
        id: row.int(0)?,
        name: row.text(1)?,
        address: row.text(2)?,
        role: row.text(3)?.parse().map_err(DbError::Engine)?,
        student_id: row.opt_int(4)?.map(StudentId),
        created_at: row.stamp(5)?,
        disabled_at: row.opt_stamp(6)?,
        by_groups: row.opt_text(7)?.map(|text| text.parse()).transpose().map_err(DbError::Engine)?,
    })
}

/// Finds one row if there has never been an account or a token.
pub(crate) const OPEN: &str = "select 1 from matricula_access where id = 1 and is_closed = 0 \
    and not exists (select 1 from matricula_accounts) and not exists (select 1 from matricula_tokens)";

/// Loads the accounts and tokens that the commands need.
pub(super) async fn load_access(tx: &Tx<'_>, needs: &Needs, facts: &mut Facts) -> Result<(), DbError> {
    let ids = |ids: &BTreeSet<i64>| ids.iter().map(|id| vec![(*id).into()]).collect::<Vec<_>>();
    let tokens = tx.query_many(select_tokens!("where t.id = $1"), &ids(&needs.tokens), token).await?;
    facts.tokens = tokens.into_iter().flatten().map(|token| (token.id, token)).collect();
    let addresses: Vec<_> = needs.addresses.iter().map(|address| vec![address.as_str().into()]).collect();
    let by_id = tx.query_many(select_accounts!("where a.id = $1"), &ids(&needs.accounts), account).await?;
    let by_address = tx.query_many(select_accounts!("where a.address = $1"), &addresses, account).await?;
    if needs.changes_access {
        facts.is_open = !tx.query(OPEN, &[], |row| row.int(0)).await?.is_empty();
    }
    let sessions: Vec<_> = needs.sessions.iter().map(|hash| vec![hash.as_str().into()]).collect();
    let sql = "select hash, account_id from matricula_sessions where hash = $1";
    let found = tx.query_many(sql, &sessions, |row| Ok((row.text(0)?, row.int(1)?)));
    facts.sessions = found.await?.into_iter().flatten().collect();
    let pairs: Vec<_> =
        needs.instructors.iter().map(|(course, id)| vec![course.0.into(), (*id).into()]).collect();
    let found = tx.query_many(INSTRUCTOR, &pairs, |row| Ok((CourseId(row.int(0)?), row.int(1)?)));
    facts.instructors = found.await?.into_iter().flatten().collect();
    let of_accounts = ids(&needs.passwords);
    let sql = "select id, password from matricula_accounts where id = $1 and password is not null";
    let found = tx.query_many(sql, &of_accounts, |row| Ok((row.int(0)?, row.text(1)?)));
    facts.passwords = found.await?.into_iter().flatten().collect();
    if needs.all_admins {
        let sql = select_tokens!("where t.revoked_at is null and t.scopes like '%admin%'");
        let admins = tx.query(sql, &[], token).await?;
        facts.tokens.extend(admins.into_iter().map(|token| (token.id, token)));
    }
    let admins = if needs.all_admins {
        tx.query(select_accounts!("where a.role = 'admin' and a.disabled_at is null"), &[], account).await?
    } else {
        Vec::new()
    };
    let links: Vec<_> = needs.links.iter().map(|hash| vec![hash.as_str().into()]).collect();
    let links = tx.query_many(LINK, &links, link).await?.into_iter().flatten();
    facts.links = links.map(|link| (link.hash.clone(), link)).collect();
    let of_links: Vec<_> = facts.links.values().map(|link| vec![link.account_id.into()]).collect();
    let by_link = tx.query_many(select_accounts!("where a.id = $1"), &of_links, account).await?;
    let by_id = by_id.into_iter().chain(by_link);
    let found = by_id.chain(by_address).flatten().chain(admins);
    facts.accounts = found.map(|account| (account.id, account)).collect();
    load_externals(tx, needs, facts).await?;
    if needs.all_admins {
        let asked =
            facts.accounts.keys().map(|id| vec![(&facts.now).into(), (*id).into()]).collect::<Vec<_>>();
        facts.ways = tx.query_many(WAYS, &asked, ways).await?.into_iter().flatten().collect();
    }
    // After the ways: there may be hundreds of callers, and how they sign in does not matter.
    let callers = tx.query_many(select_accounts!("where a.id = $1"), &ids(&needs.callers), account).await?;
    facts.accounts.extend(callers.into_iter().flatten().map(|account| (account.id, account)));
    Ok(())
}

/// Loads the accounts of people at providers, and of students who may be such people.
async fn load_externals(tx: &Tx<'_>, needs: &Needs, facts: &mut Facts) -> Result<(), DbError> {
    if needs.externals.is_empty() && needs.identities.is_empty() {
        return Ok(());
    }
    let students: Vec<_> = needs.accounts_of_students.iter().map(|id| vec![id.0.into()]).collect();
    let of_students = tx.query_many(select_accounts!("where p.student_id = $1"), &students, account).await?;
    let asked = |id: &ExternalId| vec![id.provider.as_str().into(), id.subject.as_str().into()];
    let asked: Vec<_> = needs.externals.iter().map(asked).collect();
    let linked = tx.query_many(
        select_accounts!(
            "join matricula_identities i on i.account_id = a.id where i.provider = $1 and i.subject = $2"
        ),
        &asked,
        account,
    );
    let found = of_students.into_iter().chain(linked.await?).flatten();
    facts.accounts.extend(found.map(|account| (account.id, account)));
    let accounts: Vec<_> = facts.accounts.keys().map(|id| vec![(*id).into()]).collect();
    let sql = "select provider, subject, account_id from matricula_identities where account_id = $1";
    let links = tx.query_many(sql, &accounts, external_link).await?.into_iter().flatten();
    facts.externals = links.map(|link| (link.external.clone(), link)).collect();
    Ok(())
}

fn external_link(row: &Row<'_>) -> Result<ExternalLink, DbError> {
    let external = ExternalId { provider: row.text(0)?, subject: row.text(1)? };
    Ok(ExternalLink { external, account_id: row.int(2)? })
}

/// How the owner of account `$2` signs in at the time `$1`.
const WAYS: &str = "select a.id, case when a.password is null then 0 else 1 end, \
    case when exists (select 1 from matricula_links l where l.account_id = a.id and l.expires_at > $1) then 1 else 0 end, \
    case when exists (select 1 from matricula_identities i where i.account_id = a.id) then 1 else 0 end \
    from matricula_accounts a where a.id = $2";

fn ways(row: &Row<'_>) -> Result<(i64, Ways), DbError> {
    let [has_password, has_link, has_provider] = [row.int(1)? == 1, row.int(2)? == 1, row.int(3)? == 1];
    Ok((row.int(0)?, Ways { has_password, has_link, has_provider }))
}

const LINK: &str = "select hash, account_id, expires_at from matricula_links where hash = $1";

const INSTRUCTOR: &str =
    "select course_id, account_id from matricula_instructors where course_id = $1 and account_id = $2";

fn link(row: &Row<'_>) -> Result<Link, DbError> {
    Ok(Link { hash: row.text(0)?, account_id: row.int(1)?, expires_at: row.stamp(2)? })
}

const INTO_PEOPLE: Insert = Insert { table: "matricula_people", columns: &["id", "student_id"] };
const INTO_TOKENS: Insert = Insert {
    table: "matricula_tokens",
    columns: &["id", "name", "role", "scopes", "person_id", "hash", "created_at", "expires_at"],
};
const INTO_ACCOUNTS: Insert = Insert {
    table: "matricula_accounts",
    columns: &["id", "name", "address", "role", "person_id", "created_at", "disabled_at", "by_groups"],
};

const INTO_IDENTITIES: Insert =
    Insert { table: "matricula_identities", columns: &["provider", "subject", "account_id"] };

const INTO_LINKS: Insert =
    Insert { table: "matricula_links", columns: &["hash", "account_id", "expires_at"] };

const INTO_INSTRUCTORS: Insert =
    Insert { table: "matricula_instructors", columns: &["course_id", "account_id"] };

impl AccessEffects<'_> {
    fn instructors(&self, is_wanted: impl Fn(bool) -> bool) -> Vec<Vec<Arg>> {
        let wanted = self.instructors.iter().filter(|(_, teaches)| is_wanted(**teaches));
        wanted.map(|((course, account), _)| vec![course.0.into(), (*account).into()]).collect()
    }
}

/// Writes the changes of accounts, tokens and instructors, and unbinds those of students and courses that are gone.
pub(super) async fn write_access(tx: &Tx<'_>, effects: &Effects<'_>) -> Result<(), DbError> {
    let is_changed = !effects.access.is_empty() || !effects.forgotten_students.is_empty();
    if !is_changed && effects.forgotten_courses.is_empty() {
        return Ok(());
    }
    let closes = vec![i64::from(effects.access.closes()).into()];
    tx.write_in_order(&[
        Write::Insert(&INTO_PEOPLE, effects.access.people()),
        // After the inserts: a token may have been created for a student who is deleted in the same batch.
        Write::Delete(
            "delete from matricula_people where student_id = $1",
            sets(&effects.forgotten_students),
        ),
        Write::Insert(&INTO_TOKENS, effects.access.new_tokens()),
        Write::Change(
            "update matricula_tokens set revoked_at = $1 where id = $2",
            effects.access.revoked_tokens(),
        ),
        Write::Change("update matricula_accounts set address = $1 where id = $2", effects.access.vacated()),
        // Before the inserts: a new account may get an address that another one gives up.
        Write::Change(
            "update matricula_accounts set name = $1, address = $2, role = $3, disabled_at = $4, by_groups = $5 \
             where id = $6",
            effects.access.accounts(),
        ),
        Write::Insert(&INTO_ACCOUNTS, effects.access.new_accounts()),
        Write::Delete("delete from matricula_links where account_id = $1", effects.access.relinked()),
        Write::Delete(
            "delete from matricula_identities where provider = $1 and subject = $2",
            effects.access.changed_externals(),
        ),
        Write::Insert(&INTO_IDENTITIES, effects.access.externals()),
        Write::Insert(&INTO_LINKS, effects.access.links()),
        Write::Change(
            "update matricula_accounts set password = $1 where id = $2",
            effects.access.passwords(),
        ),
        Write::Delete("delete from matricula_sessions where account_id = $1", effects.access.signed_out()),
        Write::Delete(
            "delete from matricula_instructors where course_id = $1",
            sets(&effects.forgotten_courses),
        ),
        // All of them, so that one that was removed and assigned again in this batch is no duplicate.
        Write::Delete(
            "delete from matricula_instructors where course_id = $1 and account_id = $2",
            effects.access.instructors(|_| true),
        ),
        Write::Insert(&INTO_INSTRUCTORS, effects.access.instructors(|teaches| teaches)),
        Write::Change(
            "update matricula_access set version = version + 1, is_closed = case when is_closed = 1 then 1 else $1 end \
             where id = 1",
            if is_changed { vec![closes] } else { Vec::new() },
        ),
    ])
    .await?;
    Ok(())
}
