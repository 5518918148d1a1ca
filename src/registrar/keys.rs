//! Idempotency keys: a request that is sent twice is carried out once, and answered twice.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::command::Answer;
use super::refusal::Refusal;
use crate::clock::stamp;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);

/// What a client calls a request, to send it again when it does not hear the answer.
#[derive(Debug)]
pub struct Key {
    /// The client's name for it.
    pub name: String,
    /// Which of the commits that the request takes.
    pub part: i64,
    /// Of the request's method, path and body.
    pub fingerprint: String,
    /// Whether the answer is the one that was given to the same request before.
    replayed: AtomicBool,
}

impl Key {
    /// A key that has not been looked for.
    #[must_use]
    pub fn new(name: String, part: i64, fingerprint: String) -> Self {
        Self { name, part, fingerprint, replayed: AtomicBool::new(false) }
    }

    /// Whether the answer is the one that was given to the same request before.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.replayed.load(Ordering::Relaxed)
    }

    /// The key of another of the request's commits.
    #[must_use]
    pub fn part(&self, part: i64) -> Self {
        Self::new(self.name.clone(), part, self.fingerprint.clone())
    }

    fn id(&self) -> (String, i64) {
        (self.name.clone(), self.part)
    }
}

/// What was answered to the keys of a batch, before it or in it.
#[derive(Debug, Default)]
pub(super) struct Answered(HashMap<(String, i64), (String, Result<Answer, Refusal>)>);

impl Answered {
    /// An answer that was kept.
    pub(super) fn insert(&mut self, key: &Key, fingerprint: String, outcome: Result<Answer, Refusal>) {
        self.0.insert(key.id(), (fingerprint, outcome));
    }

    /// What the request is answered, when its key was used before.
    pub(super) fn to(&self, key: &Key) -> Option<Result<Answer, Refusal>> {
        let (fingerprint, outcome) = self.0.get(&key.id())?;
        if *fingerprint != key.fingerprint {
            return Some(Err(Refusal::KeyReused));
        }
        key.replayed.store(true, Ordering::Relaxed);
        Some(outcome.clone())
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
        let id = key.id();
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        if is_new { Ok(InUse { id, keys: self.clone() }) } else { Err(Refusal::KeyInUse) }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
