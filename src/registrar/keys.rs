//! Idempotency keys: a request that is sent twice is carried out once, and gets the same answer twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;

use super::answer::Answer;
use super::caller::Outcome;
use super::key::IdempotencyKey;
use super::refusal::Refusal;
use crate::clock::Stamp;

/// How long answers are stored.
const ANSWER_TTL: SignedDuration = SignedDuration::from_hours(24);

/// The stored answers to the keys of a batch, including those of earlier commands of the same batch.
#[derive(Debug, Default)]
pub(super) struct StoredAnswers(HashMap<(String, i64), (String, Result<Answer, Refusal>)>);

impl StoredAnswers {
    /// Adds an answer.
    pub(super) fn insert(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: String,
        answer: Result<Answer, Refusal>,
    ) {
        self.0.insert(id(key), (fingerprint, answer));
    }

    /// Returns the answer if the key was used before: [`Refusal::KeyReused`] if that was for another request.
    pub(super) fn replay(&self, key: &IdempotencyKey) -> Option<Outcome<Result<Answer, Refusal>>> {
        let (fingerprint, answer) = self.0.get(&id(key))?;
        Some(if *fingerprint == key.fingerprint {
            Outcome { answer: answer.clone(), replayed: true }
        } else {
            Outcome { answer: Err(Refusal::KeyReused), replayed: false }
        })
    }
}

/// Which stored answers are valid: those after `after` and up to `until`. An answer from further in the
/// future was stored while the clock was wrong.
#[derive(Debug)]
pub(super) struct AnswerWindow {
    pub(super) now: Stamp,
    pub(super) after: Stamp,
    pub(super) until: Stamp,
}

impl AnswerWindow {
    /// The window around `now`.
    pub(super) fn at(now: &Stamp) -> Self {
        // At the ends of the calendar, every answer is valid.
        Self {
            now: now.clone(),
            after: now.checked_sub(ANSWER_TTL).unwrap_or_default(),
            until: now.checked_sub(-ANSWER_TTL).unwrap_or_else(|| Stamp::from_stored("9999~".to_owned())),
        }
    }
}

/// The keys of the requests that are running in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct KeysInUse(Arc<Mutex<HashSet<(String, i64)>>>);

/// Locks a key until it is dropped.
#[derive(Debug)]
pub struct KeyGuard {
    id: (String, i64),
    keys: KeysInUse,
}

impl KeysInUse {
    /// Locks the key.
    ///
    /// # Errors
    /// [`Refusal::KeyInUse`] when another request has locked it.
    pub(super) fn lock(&self, key: &IdempotencyKey) -> Result<KeyGuard, Refusal> {
        let id = id(key);
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        if is_new { Ok(KeyGuard { id, keys: self.clone() }) } else { Err(Refusal::KeyInUse) }
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

fn id(key: &IdempotencyKey) -> (String, i64) {
    (key.name.clone(), key.part)
}
