//! Carries out a batch: retries what may pass by itself, and keeps one command that the database refuses from failing the
//! others.

use std::time::Duration;

use super::answer::Answer;
use super::caller::Outcome;
use super::commit::{BatchItem, BatchWriter, Replies};
use super::refusal::Refusal;
use crate::db::{Backoff, DbError};

/// How long to retry a batch while the database server is unreachable.
const MAX_RETRY_TIME: Duration = Duration::from_secs(5);

/// The error for commands that were never attempted, if this failure affects them too.
pub(super) fn error_for_untried(outcome: &Result<Answer, Refusal>) -> Option<DbError> {
    match outcome {
        Err(Refusal::Engine(DbError::Busy)) => Some(DbError::Busy),
        Err(Refusal::Engine(DbError::Unavailable(detail) | DbError::Unknown(detail))) => {
            Some(DbError::Unavailable(detail.clone()))
        }
        _ => None,
    }
}

pub(super) async fn carry_out_batch(batch_writer: &mut BatchWriter, items: &[BatchItem<'_>]) -> Replies {
    match commit_with_retry(batch_writer, items).await {
        Ok(answers) => answers,
        // One command that the database refuses must not fail the others. The second attempt also loads what another
        // program has changed since the first (a deleted student, for example).
        Err(DbError::Constraint(_) | DbError::Unwritable(_) | DbError::Engine(_)) => {
            carry_out_one_by_one(batch_writer, items).await
        }
        Err(error) => vec![refused(error); items.len()],
    }
}

async fn carry_out_one_by_one(batch_writer: &mut BatchWriter, items: &[BatchItem<'_>]) -> Replies {
    let mut answers = Vec::with_capacity(items.len());
    for command in items {
        match commit_with_retry(batch_writer, std::slice::from_ref(command)).await {
            Ok(alone) => answers.extend(alone),
            // A missing right on one table fails only the commands that need it.
            Err(error @ (DbError::Constraint(_) | DbError::Unwritable(_))) => answers.push(refused(error)),
            // A failing trigger on one table, for example: the other commands can go on as long as the log can be
            // written.
            Err(error @ DbError::Engine(_)) if batch_writer.test_write().await.is_ok() => {
                answers.push(refused(error));
            }
            Err(error) => {
                answers.push(refused(error.clone()));
                // The database itself fails: do not retry it for each of the other commands.
                let untried = error_for_untried(&Err(Refusal::Engine(error.clone()))).unwrap_or(error);
                answers.resize(items.len(), refused(untried));
                break;
            }
        }
    }
    answers
}

/// Commits, and retries while nothing was changed and the failure may be temporary.
async fn commit_with_retry(
    batch_writer: &mut BatchWriter,
    items: &[BatchItem<'_>],
) -> Result<Replies, DbError> {
    let mut backoff = Backoff::new(MAX_RETRY_TIME);
    loop {
        match batch_writer.commit(items).await {
            Err(error) => backoff.wait(error).await?,
            done => return done,
        }
    }
}

fn refused(error: DbError) -> Outcome<Result<Answer, Refusal>> {
    let refusal = match error {
        DbError::Constraint(detail) => Refusal::RowRefused(detail),
        error => Refusal::Engine(error),
    };
    Outcome { answer: Err(refusal), replayed: false }
}
