//! Verifies a run from outside: the log must be one that could have happened, and must have everything that was
//! confirmed, once.

mod breach;
mod claims;
mod event;
mod replay;

#[cfg(test)]
mod tests;

pub(crate) use breach::Breach;
pub(crate) use event::Event;
pub(crate) use replay::Replay;

use crate::answer::Outcome;
use crate::request::Shape;
use claims::Claims;

/// Follows the log of one school.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) replay: Replay,
    claims: Claims,
}

impl Verifier {
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        Self { replay: Replay::default(), claims: Claims::new(seed, shape) }
    }

    /// Notes an answer.
    pub(crate) fn answered(&mut self, number: u64, outcome: Outcome) {
        self.claims.answered(number, outcome);
    }

    /// Notes that the requests below this number may have been sent.
    pub(crate) fn sent(&mut self, end: u64) {
        self.claims.sent(end);
    }

    /// Reads the next event.
    ///
    /// # Errors
    /// The promise that it breaks.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), Breach> {
        self.replay.apply(event)?;
        self.claims.read(event)
    }

    /// At the end of the log, while no request is running.
    ///
    /// # Errors
    /// If something that was answered is not there.
    pub(crate) fn settle(&mut self) -> Result<(), Breach> {
        self.replay.end()?;
        self.claims.settle(self.replay.seq)
    }
}
