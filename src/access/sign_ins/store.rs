//! Reads and writes the record of sign-ins.

use std::sync::LazyLock;

use super::{FailedSignIn, Network, SignInEntry, SignInOutcome, Way, network_text};
use crate::access::secret::SecretHash;
use crate::access::session::SessionName;
use crate::clock::Stamp;
use crate::db::{Arg, Db, DbError, Reach, Row};
use crate::lists::{Cursor, Direction, ListRow, Listing};
use crate::registrar::{Chore, Counted, Tallied};
use crate::viewer::Viewer;

/// A filter of the record; `None` matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignInFilter {
    /// Of this account.
    pub account_id: Option<i64>,
    /// With this outcome.
    pub outcome: Option<SignInOutcome>,
}

/// The entries that match; none for a caller who does not administer.
#[must_use]
pub fn list(viewer: &Viewer, filter: SignInFilter, direction: Direction) -> Listing<SignInEntry> {
    let is_descending = direction == Direction::Desc;
    let set = usize::from(filter.account_id.is_some()) + 2 * usize::from(filter.outcome.is_some());
    let Statements { count, rows } = &STATEMENTS[set];
    let mut args: Vec<Arg> = vec![i64::from(viewer.administers()).into()];
    args.extend(filter.account_id.map(Arg::from));
    args.extend(filter.outcome.map(|outcome| outcome.as_str().into()));
    Listing {
        order: format!("sign-ins.{direction:?}.{:?}.{:?}", filter.account_id, filter.outcome),
        count,
        count_args: args.clone(),
        rows: &rows[usize::from(is_descending)],
        args: Box::new(move |after: Option<&Cursor>| {
            let before_all = if is_descending { i64::MAX } else { 0 };
            let mut args = args.clone();
            args.push(after.map_or(before_all, |after| after.id).into());
            args
        }),
        map: |row| Ok(ListRow { id: row.int(0)?, text: None, row: entry(row)? }),
        reach: Reach::Page,
        count_reach: Reach::Range,
    }
}

/// The statements for one set of conditions: to count, and to read in both directions.
struct Statements {
    count: String,
    rows: [String; 2],
}

const COLUMNS: &str = "select s.id, s.at, s.account_id, a.name, s.outcome, s.way, s.network, s.times \
    from matricula_sign_ins s left join matricula_accounts a on a.id = s.account_id";

static STATEMENTS: LazyLock<[Statements; 4]> = LazyLock::new(|| {
    std::array::from_fn(|set| {
        let columns = ["s.account_id", "s.outcome"].into_iter().enumerate();
        let given = columns.filter(|(bit, _)| set & (1 << bit) != 0).map(|(_, column)| column);
        let conditions = (2..).zip(given).map(|(place, column)| format!("{column} = ${place}"));
        let conditions: Vec<_> =
            std::iter::once("cast($1 as bigint) = 1".to_owned()).chain(conditions).collect();
        let (after, limit) = (conditions.len() + 1, conditions.len() + 2);
        let matching = conditions.join(" and ");
        let rows = |past, way| {
            format!("{COLUMNS} where {matching} and s.id {past} ${after} order by s.id{way} limit ${limit}")
        };
        Statements {
            count: format!("select count(*) from matricula_sign_ins s where {matching}"),
            rows: [rows(">", ""), rows("<", " desc")],
        }
    })
});

/// The latest entries of an account with this outcome, newest first.
pub(in crate::access) async fn latest_of(
    db: &Db,
    account_id: i64,
    outcome: SignInOutcome,
    max: i64,
) -> Result<Vec<SignInEntry>, DbError> {
    let sql = "select s.id, s.at, s.account_id, a.name, s.outcome, s.way, s.network, s.times from matricula_sign_ins s \
               left join matricula_accounts a on a.id = s.account_id where s.account_id = $1 and s.outcome = $2 order by s.id desc limit $3";
    db.read(Reach::Page, sql, [account_id.into(), outcome.as_str().into(), max.into()], entry).await
}

fn entry(row: &Row<'_>) -> Result<SignInEntry, DbError> {
    Ok(SignInEntry {
        id: row.int(0)?,
        at: row.stamp(1)?,
        account_id: row.opt_int(2)?,
        account_name: row.opt_text(3)?,
        outcome: row.text(4)?,
        way: row.opt_text(5)?,
        network: row.opt_text(6)?,
        times: row.int(7)?,
    })
}

/// Records the session with this secret, if it was opened.
pub(in crate::access) fn signed_in(hash: &SecretHash, way: Way, network: Network) -> Chore {
    Chore {
        sql: "insert into matricula_sign_ins (at, account_id, outcome, way, network, times) \
              select s.created_at, s.account_id, 'signed-in', cast($1 as text), cast($2 as text), 1 \
              from matricula_sessions s where s.hash = $3",
        args: vec![way.as_str().into(), network_text(network).into(), hash.to_hex().into()],
    }
}

/// Records that the session with this secret ends, which has not happened yet.
pub(in crate::access) fn signed_out(hash: &SecretHash, now: &Stamp, network: Network) -> Chore {
    Chore {
        sql: "insert into matricula_sign_ins (at, account_id, outcome, network, times) \
              select cast($1 as text), s.account_id, 'signed-out', cast($2 as text), 1 \
              from matricula_sessions s where s.hash = $3",
        args: vec![now.into(), network_text(network).into(), hash.to_hex().into()],
    }
}

/// Records that the session of this account with this name ends, which has not happened yet.
pub(in crate::access) fn ended(account_id: i64, name: &SessionName, now: &Stamp, network: Network) -> Chore {
    Chore {
        sql: "insert into matricula_sign_ins (at, account_id, outcome, network, times) \
              select cast($1 as text), s.account_id, 'signed-out', cast($2 as text), 1 \
              from matricula_sessions s where s.account_id = $3 and substr(s.hash, 1, 16) = $4",
        args: vec![now.into(), network_text(network).into(), account_id.into(), name.as_str().into()],
    }
}

/// Records that all sessions of the account end that were used after `idle_since`, which has not happened yet.
pub(in crate::access) fn signed_out_everywhere(
    account_id: i64,
    now: &Stamp,
    idle_since: &Stamp,
    network: Network,
) -> Chore {
    Chore {
        sql: "insert into matricula_sign_ins (at, account_id, outcome, network, times) \
              select cast($1 as text), s.account_id, 'signed-out', cast($2 as text), count(*) from matricula_sessions s \
              where s.account_id = $3 and s.expires_at > cast($1 as text) and s.used_at > $4 group by s.account_id",
        args: vec![now.into(), network_text(network).into(), account_id.into(), idle_since.into()],
    }
}

impl Tallied for FailedSignIn {
    const NAME: &'static str = "failed sign-ins";

    /// All failures have the same: nobody who causes them is known.
    fn source(&self) -> i64 {
        0
    }

    /// Without the network, of which there are countless.
    fn summary(&self) -> Self {
        Self { network: None, ..self.clone() }
    }

    fn chore(&self, counted: &Counted) -> Chore {
        let (outcome, way, network) = (self.outcome.as_str(), self.way.as_str(), network_text(self.network));
        let account = self.account_id.unwrap_or_default();
        let record =
            format!("{} {account} {outcome} {way} {}", counted.minute(), network.as_deref().unwrap_or("-"));
        Chore {
            sql: "insert into matricula_sign_ins (at, account_id, outcome, way, network, times, record) \
                  values ($1, $2, $3, $4, $5, $6, $7) \
                  on conflict (record) do update set times = matricula_sign_ins.times + excluded.times",
            args: vec![
                (&counted.first).into(),
                self.account_id.into(),
                outcome.into(),
                way.into(),
                network.into(),
                counted.count.into(),
                record.as_str().into(),
            ],
        }
    }

    fn delete_old(before: &Stamp, max: i64) -> Chore {
        delete_old(before, max)
    }
}

/// Deletes some of the entries from before this time.
fn delete_old(before: &Stamp, max: i64) -> Chore {
    Chore {
        sql: "delete from matricula_sign_ins where id in (select id from matricula_sign_ins where at < $1 order by at limit $2)",
        args: vec![before.into(), max.into()],
    }
}
