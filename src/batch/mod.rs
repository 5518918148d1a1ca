//! Many operations at once.

pub mod api;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;

use crate::count::to_i64;
use crate::registrar::{Batch, Caller, Operation, OperationOutcome, Outcome, Refusal, Registrar};

/// Operations that share a commit, where each is done for itself: few enough that others come in between.
const PART: usize = 500;

/// Operations that are done or withheld together at most. They are one commit, for which everybody else who writes waits: in a
/// school of a million students, on one core, up to a quarter of a second where each of them also moves somebody up.
pub const MAX_TOGETHER: usize = 1_000;

/// What became of operations, each with its place among all of them.
pub struct Outcomes {
    /// Of the first commit.
    pub first: Vec<(usize, OperationOutcome)>,
    /// Of the others, as they are made.
    pub rest: BoxStream<'static, Vec<(usize, OperationOutcome)>>,
}

/// All of it or nothing, in one commit.
///
/// # Errors
/// Where nothing was tried, or the database failed.
pub async fn all(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Outcomes>, Outcome<Refusal>> {
    let done = registrar.submit(Batch { operations, all_or_nothing: true }, caller).await?;
    Ok(done.map(|done| Outcomes { first: placed(0, done), rest: stream::empty().boxed() }))
}

/// What can be done, in a few commits. Once the first is made all are, whether or not somebody takes the results.
///
/// # Errors
/// As [`all`], of the first commit: nothing was changed then.
pub async fn each(
    registrar: &Registrar,
    operations: Vec<Operation>,
    caller: &Caller,
) -> Result<Outcome<Outcomes>, Outcome<Refusal>> {
    let mut parts = operations.chunks(PART).map(<[_]>::to_vec).enumerate().collect::<Vec<_>>().into_iter();
    let in_use = caller.key.as_ref().map(|key| registrar.lock_key(key)).transpose()?;
    let operations = parts.next().map_or_else(Vec::new, |(_, first)| first);
    let done = registrar.submit(Batch { operations, all_or_nothing: false }, caller).await?;
    let (give, take) = mpsc::unbounded_channel();
    let (registrar, whole) = (registrar.clone(), caller.clone());
    tokio::spawn(async move {
        for (part, operations) in parts {
            let number = to_i64(part);
            let key = whole.key.as_ref().map(|key| key.with_part(number));
            let (part_of, count) = (Caller { key, ..whole.clone() }, operations.len());
            let done = match registrar.submit(Batch { operations, all_or_nothing: false }, &part_of).await {
                Ok(done) => done.answer,
                Err(refused) => vec![OperationOutcome::Refused(refused.answer); count],
            };
            #[expect(
                clippy::let_underscore_must_use,
                reason = "a client that left changes nothing: the rest is carried out"
            )]
            let _ = give.send(placed(part * PART, done));
        }
        drop(in_use);
    });
    let rest = stream::unfold(take, |mut take| async { take.recv().await.map(|done| (done, take)) });
    Ok(done.map(|done| Outcomes { first: placed(0, done), rest: rest.boxed() }))
}

fn placed(first: usize, done: Vec<OperationOutcome>) -> Vec<(usize, OperationOutcome)> {
    (first..).zip(done).collect()
}
