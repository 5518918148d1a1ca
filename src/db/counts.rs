//! Counts of long lists. Clients that ask for the same count while it waits for its turn share one answer, so that many of
//! them cost no more than one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::{Arg, DbError};
use crate::shares::{Client, Quota, QuotaGuard};

/// Different counts that may wait; one more is refused at once, and one more of a client that has its share of them.
const MAX_WAITING: usize = 128;

/// The counts that wait for their turn, which is one at a time.
#[derive(Debug)]
pub(super) struct Counts {
    waiting: Mutex<HashMap<Key, Vec<Answer>>>,
    places: Arc<Quota>,
    turn: Semaphore,
}

/// A statement that counts, and its parameters.
pub(super) type Key = (&'static str, Vec<Arg>);
type Answer = oneshot::Sender<Result<i64, DbError>>;

impl Default for Counts {
    fn default() -> Self {
        Self { waiting: Mutex::default(), places: Quota::new(MAX_WAITING), turn: Semaphore::new(1) }
    }
}

impl Counts {
    /// Waits with the others for this count. The first of them gets a place, and has to see to it that the count is made.
    ///
    /// # Errors
    /// [`DbError::Busy`] when too many different counts wait already, [`DbError::Share`] when too many of this client do.
    pub(super) fn join(
        &self,
        key: &Key,
        client: Option<Client>,
        answer: Answer,
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

    /// Makes a count when its turn has come, for all who wait for it then. A client that asks later waits for a new one: its
    /// own writes must be in it.
    pub(super) async fn make(&self, key: &Key, count: impl Future<Output = Result<i64, DbError>>) {
        let turn = self.turn.acquire().await;
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        // A client that went away no longer wants its answer.
        let waiting: Vec<_> = waiting.into_iter().flatten().filter(|answer| !answer.is_closed()).collect();
        if waiting.is_empty() {
            return;
        }
        let counted = count.await;
        drop(turn);
        for answer in waiting {
            #[expect(clippy::let_underscore_must_use, reason = "a client that went away needs no answer")]
            let _ = answer.send(counted.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_asks_for_the_same_before_its_turn_shares_a_count_and_who_asks_later_does_not() {
        let (counts, made) = (Arc::new(Counts::default()), Arc::new(AtomicI64::new(0)));
        let ask = |args: &[i64]| {
            let key: Key = ("select count(*) from t", args.iter().map(|arg| (*arg).into()).collect());
            let (answer, answered) = oneshot::channel();
            if let Some(place) = counts.join(&key, None, answer).unwrap() {
                let (counts, made) = (Arc::clone(&counts), Arc::clone(&made));
                tokio::spawn(async move {
                    let count = async { Ok(made.fetch_add(1, Ordering::SeqCst) + 1) };
                    counts.make(&key, count).await;
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
    fn more_different_counts_than_can_wait_are_refused() {
        let counts = Counts::default();
        let ask = |number: usize| {
            let key: Key = ("select count(*) from t", vec![i64::try_from(number).unwrap().into()]);
            counts.join(&key, None, oneshot::channel().0)
        };
        let places: Vec<_> = (0..MAX_WAITING).map(|number| ask(number).unwrap().unwrap()).collect();
        assert_eq!(ask(MAX_WAITING).unwrap_err(), DbError::Busy);
        assert!(ask(0).unwrap().is_none());
        drop(places);
        assert!(ask(MAX_WAITING).unwrap().is_some());
    }
}
