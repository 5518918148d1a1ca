//! Idempotency keys: a request that is sent twice is carried out once, and answered twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;
use super::caller::Outcome;
use super::key::Key;
use super::refusal::Refusal;
use crate::clock::stamp;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);

/// What was answered to the keys of a batch, before it or in it.
#[derive(Debug, Default)]
pub(super) struct Answered(HashMap<(String, i64), (String, Result<Answer, Refusal>)>);

impl Answered {
    /// An answer that was kept.
    pub(super) fn insert(&mut self, key: &Key, fingerprint: String, answer: Result<Answer, Refusal>) {
        self.0.insert(id(key), (fingerprint, answer));
    }

    /// What the request is answered, when its key was used before.
    pub(super) fn to(&self, key: &Key) -> Option<Outcome<Result<Answer, Refusal>>> {
        let (fingerprint, answer) = self.0.get(&id(key))?;
        Some(if *fingerprint == key.fingerprint {
            Outcome { answer: answer.clone(), replayed: true }
        } else {
            Outcome { answer: Err(Refusal::KeyReused), replayed: false }
        })
    }
}

/// Which answers count at a moment: those after `after` and up to `until`, RFC 3339. An answer from further in the future
/// was stored while the clock was wrong.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) now: String,
    pub(super) after: String,
    pub(super) until: String,
}

impl Kept {
    /// At a time that a clock has given.
    pub(super) fn at(now: &str) -> Self {
        let time = now.parse::<Timestamp>();
        // What is no time compares with nothing: then every answer counts.
        let after = time.as_ref().ok().and_then(|now| now.checked_sub(KEPT).ok()).map(stamp);
        let until = time.ok().and_then(|now| now.checked_add(KEPT).ok()).map(stamp);
        Self {
            now: now.to_owned(),
            after: after.unwrap_or_default(),
            until: until.unwrap_or_else(|| "9999".to_owned()),
        }
    }
}

/// The keys of the requests that are under way in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashSet<(String, i64)>>>);

/// A key that is in use until this is dropped.
#[derive(Debug)]
pub struct InUse {
    id: (String, i64),
    keys: UnderWay,
}

impl UnderWay {
    /// Takes the key.
    ///
    /// # Errors
    /// [`Refusal::KeyInUse`] when another request has it.
    pub(super) fn take(&self, key: &Key) -> Result<InUse, Refusal> {
        let id = id(key);
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        if is_new { Ok(InUse { id, keys: self.clone() }) } else { Err(Refusal::KeyInUse) }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

fn id(key: &Key) -> (String, i64) {
    (key.name.clone(), key.part)
}
