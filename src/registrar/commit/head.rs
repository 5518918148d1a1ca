//! The head of the log: the row that every batch locks first.

use super::standing::StoredRules;
use crate::clock::{Clock, Stamp};
use crate::db::{DbError, Tx};

/// The upper half of the range is left to other programs: an id near its end would leave none for us.
const MAX_ID_IN_TABLE: &str = "select coalesce(max(id), 0) from student_courses where id < 4503599627370496";

/// The end of the log, and the current time.
pub(super) struct Head {
    pub(super) last_seq: i64,
    pub(super) last_enrollment_id: i64,
    /// The number of changes of rights so far; 0 if it is lost.
    pub(super) rights_version: i64,
    /// Whether additional columns of dropped enrollments have ever been saved.
    pub(super) has_saved: bool,
    pub(super) rules: StoredRules,
    /// The time of the last log entry; empty if there is none.
    pub(super) last_at: Stamp,
    /// The current time: of the database server, which is the same for all of our servers, otherwise of
    /// this machine.
    pub(super) now: Stamp,
}

impl Head {
    /// Locks the head until the transaction ends, and marks it with the `seq` of the first entry of the batch. Until the
    /// mark is removed, the triggers of `student_courses` leave out rows that the log already has from there on.
    pub(super) async fn take(tx: &Tx<'_>, clock: &Clock) -> Result<Self, DbError> {
        let sql = "update log_head set in_batch = last_seq + 1 where id = 1 \
                   returning last_seq, last_enrollment_id, last_at, keeps";
        Self::update(tx, clock, sql).await
    }

    /// Locks the head until the transaction ends, for a transaction that writes nothing else.
    pub(super) async fn lock(tx: &Tx<'_>, clock: &Clock) -> Result<Self, DbError> {
        let sql = "update log_head set last_seq = last_seq where id = 1 \
                   returning last_seq, last_enrollment_id, last_at, keeps";
        Self::update(tx, clock, sql).await
    }

    async fn update(tx: &Tx<'_>, clock: &Clock, sql: &'static str) -> Result<Self, DbError> {
        let taken = tx.query(sql, &[], |row| Ok((row.int(0)?, row.int(1)?, row.stamp(2)?, row.int(3)?)));
        // Another program may have inserted enrollments with ids of its own, which must not be used again.
        let in_table = tx.query(MAX_ID_IN_TABLE, &[], |row| row.int(0));
        // One round trip; the others are answered once the head is locked. In order (`biased`): when the first fails,
        // the others only report that the transaction has failed.
        let version = tx.query("select version from matricula_access where id = 1", &[], |row| row.int(0));
        let rules = tx.query(StoredRules::SQL, &[], StoredRules::from_row);
        let (mut taken, in_table, version, rules, now) =
            tokio::try_join!(biased; taken, in_table, version, rules, time(tx, clock))?;
        let (last_seq, last_enrollment_id, last_at, has_saved) = taken.pop().ok_or_else(no_log_head)?;
        let last_enrollment_id = in_table.into_iter().fold(last_enrollment_id, i64::max);
        let rights_version = version.into_iter().sum();
        // Without its row there would be no limits.
        let rules = rules.into_iter().next().ok_or_else(no_rules)?;
        let has_saved = has_saved != 0;
        Ok(Self { last_seq, last_enrollment_id, rights_version, has_saved, rules, last_at, now })
    }

    /// The end of the log, which in a file never goes back: a log that did is that of an older copy.
    ///
    /// # Errors
    /// [`DbError::Unwritable`] if it ends before `last_seq`, where it ended earlier.
    pub(super) fn not_before(&self, tx: &Tx<'_>, last_seq: i64) -> Result<i64, DbError> {
        if tx.has_data_version() && self.last_seq < last_seq {
            return Err(DbError::Unwritable(
                "the database file was replaced by an older copy while the server was running".to_owned(),
            ));
        }
        Ok(self.last_seq)
    }

    /// The time of the next entries: times in the log never decrease, even when the clock is set back.
    pub(super) fn stamp(&self) -> Stamp {
        self.now.clone().max(self.last_at.clone())
    }
}

/// The error for a table `log_head` without its row. Treating it as an empty log would start over at 1.
#[must_use]
pub fn no_log_head() -> DbError {
    DbError::Engine("the table log_head has lost its row: run `matricula check`".to_owned())
}

fn no_rules() -> DbError {
    DbError::Engine("the table matricula_rules has lost its row: run `matricula check`".to_owned())
}

pub(super) async fn time(tx: &Tx<'_>, clock: &Clock) -> Result<Stamp, DbError> {
    let server_time = match clock {
        Clock::System => tx.time().await?,
        Clock::Manual(_) => None,
    };
    Ok(server_time.unwrap_or_else(|| clock.stamp()))
}
