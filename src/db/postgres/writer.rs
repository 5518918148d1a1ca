use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;

use super::connect::LOCAL_SETTINGS;
use super::error::{map_begin_error, map_commit_error, map_error};
use super::statements::statements;
use super::{Address, Session};
use crate::db::{Arg, CountBy, DbError, Map, Reach, Write};

/// Overrides defaults of the database or the role. Statements wait for each other's row locks, so each must see what
/// was committed before it began. A service that dies releases its locks after `idle_in_transaction_session_timeout`.
/// A commit must not be confirmed before it is on stable storage. The size of a batch and `lock_timeout` limit how
/// long it takes; a migration has no limit. A cluster (Citus) passes these settings on to the node that waits for the lock
/// only with the first of them, which plain PostgreSQL ignores.
const BEGIN: &str = "begin isolation level read committed read write; \
                     set local citus.propagate_set_commands = 'local'; set local lock_timeout = '5s'; \
                     set local idle_in_transaction_session_timeout = '15s'; set local statement_timeout = 0; \
                     select set_config('synchronous_commit', 'on', true) \
                     where current_setting('synchronous_commit') = 'off'";

/// The connection that writes; opened when it is needed, and again after it was lost.
#[derive(Debug)]
pub(in crate::db) struct Writer {
    address: Address,
    reach: Reach,
    session: Option<Session>,
}

impl Writer {
    pub(in crate::db) fn new(address: Address, reach: Reach) -> Self {
        Self { address, reach, session: None }
    }

    pub(in crate::db) async fn begin(&mut self) -> Result<Tx<'_>, DbError> {
        let session = Session::open(self.session.take(), &self.address, self.reach).await?;
        let begin = if session.connection.behind_pooler {
            format!("{BEGIN}; {LOCAL_SETTINGS}")
        } else {
            BEGIN.to_owned()
        };
        // If this fails the session is dropped, since an open transaction would disturb the next one.
        session.client().batch_execute(&begin).await.map_err(map_begin_error)?;
        Ok(Tx { session: self.session.insert(session), open: true })
    }
}

/// A transaction that writes.
#[derive(Debug)]
pub(in crate::db) struct Tx<'a> {
    session: &'a Session,
    open: bool,
}

impl Tx<'_> {
    pub(in crate::db) async fn query_many<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.session.mark_suspect_on_error(self.session.query_many(sql, sets, map).await)
    }

    pub(in crate::db) async fn query_each<T>(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
        map: Map<T>,
    ) -> Result<Vec<Vec<T>>, DbError> {
        self.session.mark_suspect_on_error(self.session.query_each(sql, sets, map).await)
    }

    pub(in crate::db) async fn count_by(&self, count: &CountBy, keys: &[Arg]) -> Result<Vec<i64>, DbError> {
        self.session.mark_suspect_on_error(self.session.count_by(count, keys).await)
    }

    pub(in crate::db) async fn query<T>(
        &self,
        sql: &str,
        args: &[Arg],
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        self.session.mark_suspect_on_error(self.session.query(sql, args, map).await)
    }

    pub(in crate::db) async fn execute_many(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
    ) -> Result<Vec<usize>, DbError> {
        self.session.mark_suspect_on_error(self.session.execute_many(sql, sets).await)
    }

    pub(in crate::db) async fn write_in_order(
        &self,
        writes: &[Write<'_>],
    ) -> Result<Vec<Vec<usize>>, DbError> {
        self.session.mark_suspect_on_error(self.session.write_in_order(writes).await)
    }

    pub(in crate::db) async fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        for statement in statements(sql) {
            self.session.client().batch_execute(statement).await.map_err(map_error)?;
        }
        Ok(())
    }

    pub(in crate::db) async fn commit(mut self) -> Result<(), DbError> {
        let warned = &self.session.connection.warned;
        warned.store(false, Ordering::Relaxed);
        self.open = false;
        if let Err(error) = self.session.client().batch_execute("commit").await {
            let error = map_commit_error(error);
            if matches!(error, DbError::Unknown(_)) {
                // The transaction may still be open on the server; this session must not be used again.
                self.session.is_suspect.store(true, Ordering::Relaxed);
            }
            return Err(error);
        }
        if warned.load(Ordering::Relaxed) { Err(DbError::Unconfirmed) } else { Ok(()) }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            // The rollback is sent when this returns; nobody waits for the result.
            let _ = self.session.client().batch_execute("rollback").now_or_never();
        }
    }
}
