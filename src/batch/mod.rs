//! Batches of enrollments and drops.

pub mod api;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;

use crate::count::to_i64;
use crate::registrar::{Batch, Caller, Operation, OperationOutcome, Outcome, Refusal, Registrar};

/// Operations per commit with `mode=each`: few enough that other writes need not wait long.
const OPERATIONS_PER_COMMIT: usize = 500;

/// Maximum number of operations with `mode=all`. All other writes wait for their one commit: up to a quarter of a
/// second, measured on one core with a million students, if every operation also promotes a student from a waitlist.
pub const MAX_ATOMIC: usize = 1_000;

/// The results of operations, each with the index of its operation.
pub struct Outcomes {
    /// The results of the first commit.
    pub first: Vec<(usize, OperationOutcome)>,
    /// The results of the further commits, while they are made.
    pub rest: BoxStream<'static, Vec<(usize, OperationOutcome)>>,
}

/// Carries out all operations in one commit, or none of them.
///
/// # Errors
/// If the batch was not attempted (the queue is full, the key is in use), or the database failed.
pub async fn all(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Outcomes>, Outcome<Refusal>> {
    let done = registrar.submit(Batch { operations, all_or_nothing: true }, caller).await?;
    Ok(done.map(|done| Outcomes { first: with_index(0, done), rest: stream::empty().boxed() }))
}

/// Carries out every operation that is possible, in several commits. After the first commit, the further ones follow
/// even if the client disconnects.
///
/// # Errors
/// As [`all`], for the first commit; then nothing was changed.
pub async fn each(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Outcomes>, Outcome<Refusal>> {
    let mut parts = operations
        .chunks(OPERATIONS_PER_COMMIT)
        .map(<[_]>::to_vec)
        .enumerate()
        .collect::<Vec<_>>()
        .into_iter();
    let in_use = caller.key.as_ref().map(|key| registrar.lock_key(key)).transpose()?;
    let operations = parts.next().map_or_else(Vec::new, |(_, first)| first);
    let done = registrar.submit(Batch { operations, all_or_nothing: false }, caller).await?;
    if let Some(position) = caller.log_position.as_ref().filter(|_| parts.len() > 0) {
        position.keep_open();
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let (registrar, caller) = (registrar.clone(), caller.clone());
    tokio::spawn(async move {
        for (part, operations) in parts {
            let number = to_i64(part);
            let key = caller.key.as_ref().map(|key| key.with_part(number));
            let (part_caller, count) = (Caller { key, ..caller.clone() }, operations.len());
            let done = match registrar.submit(Batch { operations, all_or_nothing: false }, &part_caller).await
            {
                Ok(done) => done.answer,
                Err(refused) => vec![OperationOutcome::Refused(refused.answer); count],
            };
            #[expect(
                clippy::let_underscore_must_use,
                reason = "the rest is carried out even if the client has disconnected"
            )]
            let _ = sender.send(with_index(part * OPERATIONS_PER_COMMIT, done));
        }
        drop(in_use);
    });
    let rest =
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|done| (done, receiver)) });
    Ok(done.map(|done| Outcomes { first: with_index(0, done), rest: rest.boxed() }))
}

fn with_index(first: usize, done: Vec<OperationOutcome>) -> Vec<(usize, OperationOutcome)> {
    (first..).zip(done).collect()
}
