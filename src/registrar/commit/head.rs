//! The head of the log: the row that every batch takes first.

use crate::clock::Clock;
use crate::db::{DbError, Tx};

/// Ids in the upper half of the range are left to other programs: after the last of them there would be none for us.
const LAST_IN_TABLE: &str = "select coalesce(max(id), 0) from student_courses where id < 4503599627370496";

/// Where the log ends, and what time it is.
pub(super) struct Head {
    pub(super) last_seq: i64,
    pub(super) last_enrollment_id: i64,
    /// Whether further columns of dropped rows have ever been kept.
    pub(super) keeps: bool,
    /// The time of the log's last entry; empty before the first.
    pub(super) last_at: String,
    /// What the clock says: the database server's, which is one for all servers, otherwise this machine's.
    pub(super) now: String,
}

impl Head {
    /// Takes the head. Until the transaction ends, no other has it.
    pub(super) async fn take(tx: &Tx<'_>, clock: &Clock) -> Result<Self, DbError> {
        let sql = "update log_head set last_seq = last_seq where id = 1 \
                   returning last_seq, last_enrollment_id, last_at, keeps";
        let taken = tx.query(sql, &[], |row| Ok((row.int(0)?, row.int(1)?, row.text(2)?, row.int(3)?)));
        // Another program may have inserted enrollments with ids of its own, which are not given again.
        let in_table = tx.query(LAST_IN_TABLE, &[], |row| row.int(0));
        // In the same round trip, and answered once the head is taken. In order (`biased`): where the first fails, the others
        // only say that the transaction has failed.
        let (mut taken, in_table, now) = tokio::try_join!(biased; taken, in_table, time(tx, clock))?;
        let (last_seq, last_enrollment_id, last_at, keeps) = taken.pop().ok_or_else(no_log_head)?;
        let last_enrollment_id = in_table.into_iter().fold(last_enrollment_id, i64::max);
        Ok(Self { last_seq, last_enrollment_id, keeps: keeps != 0, last_at, now })
    }

    /// The time of the next entries: the log's order is the order of its times, even when the clock is put back.
    pub(super) fn stamp(&self) -> String {
        self.now.clone().max(self.last_at.clone())
    }
}

/// The error for a table `log_head` without its row. Read as an empty log, it would begin anew.
#[must_use]
pub fn no_log_head() -> DbError {
    DbError::Engine("the log has lost its head: run `matricula check`".to_owned())
}

pub(super) async fn time(tx: &Tx<'_>, clock: &Clock) -> Result<String, DbError> {
    let of_server = match clock {
        Clock::System => tx.time().await?,
        Clock::Manual(_) => None,
    };
    Ok(of_server.unwrap_or_else(|| clock.stamp()))
}
