//! Many operations at once.

pub mod api;

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use self::api::OperationResult;
use crate::count::to_i64;
use crate::http::reply::Parts;
use crate::registrar::{Command, Done, Operation, Origin, Refusal, Registrar};

/// Operations that share a commit, where each is done for itself: few enough that others come in between.
const PART: usize = 500;

/// Operations that are done or withheld together at most. They are one commit, for which everybody else who writes waits: in a
/// school of a million students, on one core, up to a quarter of a second where each of them also moves somebody up.
pub const MAX_TOGETHER: usize = 1_000;

/// All of it or nothing, in one commit.
///
/// # Errors
/// Where nothing was tried, or the database failed.
pub async fn all(
    registrar: &Registrar,
    operations: Vec<Operation>,
    origin: Origin,
) -> Result<Parts<OperationResult>, Refusal> {
    let done = registrar.submit(Command::Batch { operations, all: true }, origin.clone()).await?;
    Ok(Parts { first: results(0, done, &origin), rest: stream::empty().boxed() })
}

/// What can be done, in a few commits. Once the first is made all are, whether or not somebody takes the results.
///
/// # Errors
/// As [`all`], of the first commit: nothing was changed then.
pub async fn each(
    registrar: &Registrar,
    operations: Vec<Operation>,
    origin: Origin,
) -> Result<Parts<OperationResult>, Refusal> {
    let mut parts = operations.chunks(PART).map(<[_]>::to_vec).enumerate().collect::<Vec<_>>().into_iter();
    let in_use = origin.key.as_deref().map(|key| registrar.hold(key)).transpose()?;
    let operations = parts.next().map_or_else(Vec::new, |(_, first)| first);
    let done = registrar.submit(Command::Batch { operations, all: false }, origin.clone()).await?;
    let first = results(0, done, &origin);
    let (give, take) = mpsc::unbounded_channel();
    let registrar = registrar.clone();
    tokio::spawn(async move {
        for (part, operations) in parts {
            let number = to_i64(part);
            let key = origin.key.as_ref().map(|key| Arc::new(key.part(number)));
            let (part_origin, count) = (Origin { key, ..origin.clone() }, operations.len());
            let done = registrar.submit(Command::Batch { operations, all: false }, part_origin).await;
            let done: Vec<_> = done.unwrap_or_else(|refusal| vec![Done::Refused(refusal); count]);
            #[expect(
                clippy::let_underscore_must_use,
                reason = "if the client has left, the rest is carried out all the same"
            )]
            let _ = give.send(results(part * PART, done, &origin));
        }
        drop(in_use);
    });
    let rest = stream::unfold(take, |mut take| async { take.recv().await.map(|results| (results, take)) });
    Ok(Parts { first, rest: rest.boxed() })
}

fn results(first: usize, done: Vec<Done>, origin: &Origin) -> Vec<OperationResult> {
    (first..).zip(done).map(|(index, done)| api::result(index, done, origin.request_id.as_deref())).collect()
}
