//! Counts of long lists. Clients that ask for a count that is still queued share its result, so that many of them
//! cost no more than one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::{Arg, DbError};
use crate::shares::{Client, Quota, QuotaGuard};

/// Different counts that may be queued; further ones are rejected at once.
const MAX_WAITING: usize = 128;

/// The queued counts. One runs at a time.
#[derive(Debug)]
pub(super) struct Counts {
    waiting: Mutex<HashMap<CountKey, Vec<CountSender>>>,
    places: Arc<Quota>,
    turn: Semaphore,
}

/// A counting statement and its parameters.
pub(super) type CountKey = (&'static str, Vec<Arg>);
type CountSender = oneshot::Sender<Result<i64, DbError>>;

impl Default for Counts {
    fn default() -> Self {
        Self { waiting: Mutex::default(), places: Quota::new(MAX_WAITING), turn: Semaphore::new(1) }
    }
}

impl Counts {
    /// Waits for this count together with other callers. The first caller gets a [`QuotaGuard`] and must call
    /// [`Counts::run`].
    ///
    /// # Errors
    /// [`DbError::Busy`] if too many different counts are queued, [`DbError::OverShare`] if too many of them are this
    /// client's.
    pub(super) fn join(
        &self,
        key: &CountKey,
        client: Option<Client>,
        answer: CountSender,
    ) -> Result<Option<QuotaGuard>, DbError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(others) = waiting.get_mut(key) {
            others.push(answer);
            return Ok(None);
        }
        let place = self.places.take(client, 1)?;
        waiting.insert(key.clone(), vec![answer]);
        Ok(Some(place))
    }

    /// Runs a count when its turn comes and sends the result to everyone who waits for it by then. A client that asks
    /// later waits for a new count, which must include that client's own writes.
    pub(super) async fn run(&self, key: &CountKey, count: impl Future<Output = Result<i64, DbError>>) {
        let turn = self.turn.acquire().await;
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        // Skip clients that have disconnected.
        let waiting: Vec<_> = waiting.into_iter().flatten().filter(|answer| !answer.is_closed()).collect();
        if waiting.is_empty() {
            return;
        }
        let result = count.await;
        drop(turn);
        for answer in waiting {
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(result.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[tokio::test]
    async fn equal_requests_share_a_count_until_it_begins() {
        let (counts, made) = (Arc::new(Counts::default()), Arc::new(AtomicI64::new(0)));
        let ask = |args: &[i64]| {
            let key: CountKey = ("select count(*) from t", args.iter().map(|arg| (*arg).into()).collect());
            let (answer, answered) = oneshot::channel();
            if let Some(place) = counts.join(&key, None, answer).unwrap() {
                let (counts, made) = (Arc::clone(&counts), Arc::clone(&made));
                tokio::spawn(async move {
                    let count = async { Ok(made.fetch_add(1, Ordering::SeqCst) + 1) };
                    counts.run(&key, count).await;
                    drop(place);
                });
            }
            answered
        };
        let turn = counts.turn.acquire().await.unwrap();
        let together: Vec<_> = (0..100).map(|_| ask(&[1])).collect();
        let other = ask(&[2]);
        drop(turn);
        for answered in together {
            assert_eq!(answered.await.unwrap(), Ok(1));
        }
        assert_eq!(other.await.unwrap(), Ok(2));
        assert_eq!(ask(&[1]).await.unwrap(), Ok(3));
    }

    #[test]
    fn too_many_different_counts_are_rejected() {
        let counts = Counts::default();
        let ask = |number: usize| {
            let key: CountKey = ("select count(*) from t", vec![i64::try_from(number).unwrap().into()]);
            counts.join(&key, None, oneshot::channel().0)
        };
        let places: Vec<_> = (0..MAX_WAITING).map(|number| ask(number).unwrap().unwrap()).collect();
        assert_eq!(ask(MAX_WAITING).unwrap_err(), DbError::Busy);
        assert!(ask(0).unwrap().is_none());
        drop(places);
        assert!(ask(MAX_WAITING).unwrap().is_some());
    }
}
