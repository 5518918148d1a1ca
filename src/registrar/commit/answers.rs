//! The answers that are kept for requests with an `Idempotency-Key`, in the transaction that made them true.

use super::asked::{Answers, Asked};
use crate::db::{Arg, DbError, Tx};
use crate::registrar::answer::Answer;
use crate::registrar::caller::Caller;
use crate::registrar::event::{Change, Event};
use crate::registrar::key::Key;
use crate::registrar::keys::{Answered, Kept};
use crate::registrar::record::StudentId;
use crate::registrar::refusal::Refusal;
use crate::registrar::stored;

/// Expired answers that one transaction takes away at most: some milliseconds.
const MAX_SWEPT: i64 = 600;
const SWEPT: &str = "delete from idempotency_keys where (key, part) in (select key, part from idempotency_keys \
    where answered_at <= $1 or answered_at > $2 limit $3) returning part";

pub(super) async fn load_answered(
    tx: &Tx<'_>,
    asked: &[Asked<'_>],
    kept: &Kept,
) -> Result<Answered, DbError> {
    let keys: Vec<_> = asked.iter().filter_map(|(_, caller)| caller.key.as_ref()).collect();
    let (after, until) = (kept.after.as_str(), kept.until.as_str());
    let sets: Vec<_> = keys
        .iter()
        .map(|key| vec![key.name.as_str().into(), key.part.into(), after.into(), until.into()])
        .collect();
    let sql = "select fingerprint, answer from idempotency_keys where key = $1 and part = $2 \
               and answered_at > $3 and answered_at <= $4";
    let found = tx.query_many(sql, &sets, |row| Ok((row.text(0)?, row.text(1)?))).await?;
    let mut answered = Answered::default();
    for (key, (fingerprint, answer)) in
        keys.iter().zip(found).flat_map(|(key, rows)| rows.into_iter().map(move |row| (key, row)))
    {
        answered.insert(key, fingerprint, stored::read(&answer));
    }
    Ok(answered)
}

pub(super) async fn keep_answers(
    tx: &Tx<'_>,
    to_keep: &[(&Key, usize)],
    answers: &Answers,
    kept: &Kept,
) -> Result<(), DbError> {
    if to_keep.is_empty() {
        return Ok(());
    }
    let row = |(key, place): &(&Key, usize)| {
        let answer = answers.get(*place).map(|reply| &reply.answer);
        let student = answer.and_then(student_in).map(|id| id.0);
        let answer = stored::write(answer)
            .map_err(|error| DbError::Engine(format!("an answer cannot be kept: {error}")))?;
        let (name, print, now) = (key.name.as_str(), key.fingerprint.as_str(), kept.now.as_str());
        Ok(vec![name.into(), key.part.into(), print.into(), now.into(), answer.into(), student.into()])
    };
    let rows = to_keep.iter().map(row).collect::<Result<Vec<_>, DbError>>()?;
    // More than come, so that the table does not grow.
    sweep(tx, kept).await?;
    tx.execute_many(
        "insert into idempotency_keys (key, part, fingerprint, answered_at, answer, student_id) \
         values ($1, $2, $3, $4, $5, $6) on conflict (key, part) do update set fingerprint = excluded.fingerprint, \
         answered_at = excluded.answered_at, answer = excluded.answer, student_id = excluded.student_id",
        &rows,
    )
    .await
}

/// The student whom the answer is about.
fn student_in(outcome: &Result<Answer, Refusal>) -> Option<StudentId> {
    match outcome {
        Ok(Answer::Student(student)) => Some(student.id),
        // An enrollment that ended with the student must not be confirmed to somebody else who has the id.
        Ok(Answer::Enrollment(enrollment)) => Some(enrollment.student_id),
        Ok(Answer::Waitlisted(place)) => Some(place.student_id),
        Ok(Answer::Course(_) | Answer::Seats(_) | Answer::Batch(_) | Answer::Gone) | Err(_) => None,
    }
}

/// Takes away what was answered about students who are no more. Their keys stay, so that nothing is done twice.
pub(super) async fn forget_answers(tx: &Tx<'_>, happened: &[(Event, &Caller)]) -> Result<(), DbError> {
    let changes = happened.iter().flat_map(|(event, _)| &event.changes);
    let students = changes.filter_map(|change| match change {
        Change::DeleteStudent(id) | Change::ForgetStudent(id) => Some(vec![Arg::from(id.0)]),
        _ => None,
    });
    let students: Vec<_> = students.collect();
    let sql =
        "update idempotency_keys set answer = '', student_id = null where student_id = $1 returning part";
    tx.query_many(sql, &students, |row| row.int(0)).await?;
    Ok(())
}

/// How many expired answers it took away.
async fn sweep(tx: &Tx<'_>, kept: &Kept) -> Result<usize, DbError> {
    let args = [kept.after.as_str().into(), kept.until.as_str().into(), MAX_SWEPT.into()];
    Ok(tx.query(SWEPT, &args, |row| row.int(0)).await?.len())
}

/// Takes away some of the expired answers: whether it took any, and whether there may be more.
pub(super) async fn sweep_answers(tx: &Tx<'_>, kept: &Kept) -> Result<(bool, bool), DbError> {
    let swept = sweep(tx, kept).await?;
    Ok((swept > 0, i64::try_from(swept).is_ok_and(|swept| swept == MAX_SWEPT)))
}
