//! Appends to the log, and searches it for a batch whose commit was not confirmed.

use std::time::Duration;

use super::head::Head;
use super::reply::Replies;
use crate::clock::Clock;
use crate::db::{Arg, Backoff, DbError, Insert, Writer};
use crate::registrar::caller::Caller;
use crate::registrar::event::Event;
use crate::registrar::facts::Facts;

/// How long to retry finding out whether an unconfirmed commit succeeded.
const MAX_RETRY_TIME: Duration = Duration::from_secs(10);

/// The rows of the log for these events, after `last_seq`. The first one has the batch's own random id.
pub(super) fn entries(events: &[(Event, &Caller)], facts: &Facts, last_seq: i64) -> Vec<Vec<Arg>> {
    let batch = std::iter::once(Some(fastrand::i64(1..))).chain(std::iter::repeat(None));
    (last_seq + 1..)
        .zip(events)
        .zip(batch)
        .map(|((seq, (event, caller)), batch)| {
            vec![
                seq.into(),
                (&facts.stamp).into(),
                event.kind.as_str().into(),
                event.student_id.map(|id| id.0).into(),
                event.course_id.map(|id| id.0).into(),
                event.enrollment_id.map(|id| id.0).into(),
                caller.actor.to_string().into(),
                caller.request_id.as_deref().map(str::to_owned).into(),
                event.data.to_string().into(),
                batch.into(),
            ]
        })
        .collect()
}

/// The `seq` of the first entry of a batch, and the batch's own id.
pub(super) struct FirstEntry([Arg; 2]);

impl FirstEntry {
    pub(super) fn of(entries: &[Vec<Arg>]) -> Option<Self> {
        let first = entries.first()?;
        Some(Self([first.first()?.clone(), first.last()?.clone()]))
    }
}

/// Moves the head to the end of the log as it will be after the batch. Ids and entries that triggers of other programs
/// add from then on come after those of the batch.
pub(super) const ADVANCE_HEAD: &str =
    "update log_head set last_seq = $1, last_enrollment_id = $2, last_at = $3, keeps = $4 where id = 1";

/// The parameters of [`ADVANCE_HEAD`].
pub(super) fn advanced_head(facts: &Facts, has_saved: bool) -> Vec<Arg> {
    vec![
        facts.last_seq.into(),
        facts.last_enrollment_id.into(),
        (&facts.stamp).into(),
        i64::from(has_saved).into(),
    ]
}

/// Removes the mark of [`Head::take`]: from then on the triggers of `student_courses` log everything.
pub(super) const END_BATCH: &str = "update log_head set in_batch = 0 where id = 1";

pub(super) const INTO_EVENTS: Insert = Insert {
    table: "events",
    columns: &[
        "seq",
        "at",
        "type",
        "student_id",
        "course_id",
        "enrollment_id",
        "actor",
        "request_id",
        "data",
        "batch",
    ],
};

/// Returns the answers of a batch whose commit was not confirmed, if the batch is in the log. Taking the head waits
/// until the lost commit, which held it, is over.
///
/// # Errors
/// [`DbError::Conflict`] if the batch was not committed, [`DbError::Unknown`] if that cannot be determined in time.
pub(super) async fn resolve_lost_commit(
    writer: &mut Writer,
    clock: &Clock,
    first_entry: Option<FirstEntry>,
    answers: Replies,
    lost: String,
) -> Result<Replies, DbError> {
    let Some(FirstEntry(id)) = first_entry else {
        // At most the answers to refusals were stored; they are decided or found again.
        return Err(DbError::Conflict(lost));
    };
    let mut backoff = Backoff::new(MAX_RETRY_TIME);
    loop {
        match is_in_log(writer, clock, &id).await {
            Ok(true) => return Ok(answers),
            Ok(false) => return Err(DbError::Conflict(lost)),
            Err(error) => backoff.wait(error).await.map_err(|_| DbError::Unknown(lost.clone()))?,
        }
    }
}

/// The batch is one transaction, so its first entry stands for all of it. An entry of another batch may have the same
/// `seq`, but not the same random id.
async fn is_in_log(writer: &mut Writer, clock: &Clock, id: &[Arg]) -> Result<bool, DbError> {
    let tx = writer.begin().await?;
    Head::lock(&tx, clock).await?;
    let found = tx.query("select 1 from events where seq = $1 and batch = $2", id, |row| row.int(0)).await?;
    if found.is_empty() {
        return Ok(false);
    }
    // The lost commit may have been interrupted while it waited for a standby. This commit waits for the standby too,
    // which confirms commits in order.
    tx.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption;
    use crate::db::Location;

    /// A database whose log has one entry, written by a batch with the id 7.
    async fn log_of_batch_7(folder: &std::path::Path) -> Writer {
        let location = Location::File(folder.join("a.db"));
        adoption::migrate(&location, &Clock::System).await.unwrap();
        let mut writer = Writer::open(&location).unwrap();
        let tx = writer.begin().await.unwrap();
        let entry = "insert into events (seq, at, type, student_id, course_id, enrollment_id, request_id, data, batch) \
                     values (1, '2026-09-01T08:00:00.000Z', 'enrollment.created', 1, 1, 1, 'the same', '{}', 7); \
                     update log_head set last_seq = 1";
        tx.execute_batch(entry).await.unwrap();
        tx.commit().await.unwrap();
        writer
    }

    #[tokio::test]
    async fn a_lost_batch_is_not_confused_with_another_that_has_the_same_first_entry() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = log_of_batch_7(folder.path()).await;
        assert!(is_in_log(&mut writer, &Clock::System, &[1.into(), 7.into()]).await.unwrap());
        assert!(!is_in_log(&mut writer, &Clock::System, &[1.into(), 8.into()]).await.unwrap());
    }
}
