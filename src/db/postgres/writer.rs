use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;

use super::error::{said, said_of_commit};
use super::{Address, Session};
use crate::db::{Arg, DbError, Map, Reach};

/// Whatever the database or the role has as defaults. The statements take turns by the rows that they lock, so each is to
/// see what was committed before it began. A service that dies holds its locks no longer than the last of these says. A
/// commit that is answered before it is on stable storage could be lost after it was acknowledged.
const BEGIN: &str = "begin isolation level read committed read write; set local lock_timeout = '5s'; \
                     set local idle_in_transaction_session_timeout = '15s'; \
                     select set_config('synchronous_commit', 'on', true) \
                     where current_setting('synchronous_commit') = 'off'";

/// The connection that writes; made when it is needed, and again when it was lost.
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
        let session = self.session.insert(session);
        session.client().batch_execute(BEGIN).await.map_err(said)?;
        Ok(Tx { session, open: true })
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
        self.session.query_many(sql, sets, map).await
    }

    pub(in crate::db) async fn query<T>(
        &self,
        sql: &str,
        args: &[Arg],
        map: Map<T>,
    ) -> Result<Vec<T>, DbError> {
        self.session.query(sql, args, map).await
    }

    pub(in crate::db) async fn execute_many(
        &self,
        sql: &str,
        sets: &[Vec<Arg>],
    ) -> Result<Vec<usize>, DbError> {
        self.session.execute_many(sql, sets).await
    }

    pub(in crate::db) async fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        self.session.client().batch_execute(sql).await.map_err(said)
    }

    pub(in crate::db) async fn commit(mut self) -> Result<(), DbError> {
        let warned = &self.session.connection.warned;
        warned.store(false, Ordering::Relaxed);
        self.open = false;
        self.session.client().batch_execute("commit").await.map_err(said_of_commit)?;
        if warned.load(Ordering::Relaxed) { Err(DbError::Unconfirmed) } else { Ok(()) }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            // It is on its way when this returns; nobody waits for the answer.
            let _ = self.session.client().batch_execute("rollback").now_or_never();
        }
    }
}
