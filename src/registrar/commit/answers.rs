//! The answers to requests with an `Idempotency-Key`, stored in the transaction that carries the request out.

use super::reply::{BatchItem, Replies};
use crate::db::{Arg, DbError, Tx};
use crate::registrar::account::{Account, Token};
use crate::registrar::answer::{Answer, OperationOutcome};
use crate::registrar::caller::Caller;
use crate::registrar::event::{Change, Event};
use crate::registrar::key::IdempotencyKey;
use crate::registrar::keys::{AnswerWindow, StoredAnswers};
use crate::registrar::record::StudentId;
use crate::registrar::refusal::Refusal;
use crate::registrar::stored;

/// Maximum number of expired answers that one transaction deletes: it takes a few milliseconds.
const MAX_DELETED: i64 = 600;
const DELETE_EXPIRED: &str = "delete from idempotency_keys where (key, part) in (select key, part from idempotency_keys \
    where answered_at <= $1 or answered_at > $2 limit $3) returning part";

pub(super) async fn load_stored_answers(
    tx: &Tx<'_>,
    items: &[BatchItem<'_>],
    window: &AnswerWindow,
) -> Result<StoredAnswers, DbError> {
    let keys: Vec<_> = items.iter().filter_map(|(_, caller)| caller.key.as_ref()).collect();
    let (after, until) = (&window.after, &window.until);
    let sets: Vec<_> = keys
        .iter()
        .map(|key| vec![key.name.as_str().into(), key.part.into(), after.into(), until.into()])
        .collect();
    let sql = "select fingerprint, answer from idempotency_keys where key = $1 and part = $2 \
               and answered_at > $3 and answered_at <= $4";
    let found = tx.query_many(sql, &sets, |row| Ok((row.text(0)?, row.text(1)?))).await?;
    let mut stored_answers = StoredAnswers::default();
    for (key, (fingerprint, answer)) in
        keys.iter().zip(found).flat_map(|(key, rows)| rows.into_iter().map(move |row| (key, row)))
    {
        stored_answers.insert(key, fingerprint, stored::read(&answer));
    }
    Ok(stored_answers)
}

pub(super) async fn store_answers(
    tx: &Tx<'_>,
    to_store: &[(&IdempotencyKey, usize)],
    answers: &Replies,
    window: &AnswerWindow,
) -> Result<(), DbError> {
    if to_store.is_empty() {
        return Ok(());
    }
    let row = |(key, place): &(&IdempotencyKey, usize)| {
        let answer = answers.get(*place).map(|reply| &reply.answer);
        let student = answer.and_then(student_in).map(|id| id.0);
        let answer = stored::write(answer)
            .map_err(|error| DbError::Engine(format!("an answer cannot be stored: {error}")))?;
        let (name, print, now) = (key.name.as_str(), key.fingerprint.as_str(), &window.now);
        Ok(vec![name.into(), key.part.into(), print.into(), now.into(), answer.into(), student.into()])
    };
    let rows = to_store.iter().map(row).collect::<Result<Vec<_>, DbError>>()?;
    // Deletes more rows than it adds, so that the table does not grow.
    delete_expired(tx, window).await?;
    tx.execute_many(
        "insert into idempotency_keys (key, part, fingerprint, answered_at, answer, student_id) \
         values ($1, $2, $3, $4, $5, $6) on conflict (key, part) do update set fingerprint = excluded.fingerprint, \
         answered_at = excluded.answered_at, answer = excluded.answer, student_id = excluded.student_id",
        &rows,
    )
    .await
}

/// The student whose data or enrollment the answer contains. After the student is deleted, it must not be given about another
/// student with the same id.
fn student_in(outcome: &Result<Answer, Refusal>) -> Option<StudentId> {
    match outcome {
        Ok(Answer::Student(student)) => Some(student.id),
        Ok(Answer::Enrollment(enrollment)) => Some(enrollment.student_id),
        Ok(Answer::Hold(hold)) => Some(hold.student_id),
        Ok(Answer::Waitlisted(place)) => Some(place.student_id),
        Ok(Answer::Account(Account { student_id, .. }) | Answer::Token(Token { student_id, .. })) => {
            *student_id
        }
        // All courses of one student; a batch about several students belongs to none of them.
        Ok(Answer::Batch(outcomes)) => {
            let in_outcome = |outcome: &OperationOutcome| match outcome.clone() {
                OperationOutcome::Done(answer) => student_in(&Ok(answer)),
                OperationOutcome::Refused(refusal) => student_in(&Err(refusal)),
                OperationOutcome::Withheld => None,
            };
            let mut students = outcomes.iter().filter_map(in_outcome);
            let first = students.next()?;
            students.all(|student| student == first).then_some(first)
        }
        Ok(Answer::Course(_) | Answer::Seats(_) | Answer::Group(_) | Answer::Rules(_) | Answer::Gone) => None,
        Err(refusal) => refusal.student(),
    }
}

/// Erases the stored answers about deleted students. Their keys stay, so that no request is carried out twice.
pub(super) async fn erase_answers(tx: &Tx<'_>, events: &[(Event, &Caller)]) -> Result<(), DbError> {
    let changes = events.iter().flat_map(|(event, _)| &event.changes);
    let students = changes.filter_map(|change| match change {
        Change::DeleteStudent(id) | Change::ForgetStudent(id) => Some(vec![Arg::from(id.0)]),
        _ => None,
    });
    let students: Vec<_> = students.collect();
    let sql = "update idempotency_keys set answer = '', student_id = null where student_id = $1";
    tx.change_many(sql, &students).await
}

/// Deletes some expired answers; returns how many.
async fn delete_expired(tx: &Tx<'_>, window: &AnswerWindow) -> Result<usize, DbError> {
    let args = [window.after.as_str().into(), window.until.as_str().into(), MAX_DELETED.into()];
    Ok(tx.query(DELETE_EXPIRED, &args, |row| row.int(0)).await?.len())
}

/// Deletes some of the expired answers. Returns whether it deleted any, and whether there may be more.
pub(super) async fn delete_expired_answers(
    tx: &Tx<'_>,
    window: &AnswerWindow,
) -> Result<(bool, bool), DbError> {
    let deleted = delete_expired(tx, window).await?;
    Ok((deleted > 0, i64::try_from(deleted).is_ok_and(|deleted| deleted == MAX_DELETED)))
}
