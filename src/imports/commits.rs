//! Carries out steps of an import in several commits, small enough that others hardly wait for one.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::staging::Assignment;
use crate::registrar::{Caller, ImportPart, ImportStep, OperationOutcome, Refusal, Registrar};

/// How long a commit should take, since other writes wait for it.
const COMMIT_TIME: Duration = Duration::from_millis(10);
/// The minimum number of steps in a commit, which an import starts with, and the maximum.
const STEPS: RangeInclusive<usize> = 100..=MAX_STEPS;
/// The time for others between two commits.
const PAUSE: Duration = Duration::from_millis(1);
/// The most steps in a commit.
pub(super) const MAX_STEPS: usize = 2_000;

/// Commits of an import.
pub(super) struct Commits<'a> {
    registrar: &'a Registrar,
    caller: &'a Caller,
    assignment: &'a Assignment,
    undoes: bool,
    /// The number of steps in the next commit.
    size: usize,
}

impl<'a> Commits<'a> {
    pub(super) fn new(
        registrar: &'a Registrar,
        caller: &'a Caller,
        assignment: &'a Assignment,
        undoes: bool,
    ) -> Self {
        Self { registrar, caller, assignment, undoes, size: *STEPS.start() }
    }

    /// Carries out steps, each with the number of its row; calls `outcome` with the place of each step and its outcome.
    ///
    /// # Errors
    /// When a commit fails. Earlier commits stay.
    pub(super) async fn run(
        &mut self,
        steps: &[(i64, ImportStep)],
        mut outcome: impl FnMut(usize, OperationOutcome),
    ) -> Result<(), Refusal> {
        let whole = 0..steps.len();
        let mut parts = if whole.is_empty() { Vec::new() } else { vec![whole] };
        while let Some(mut part) = parts.pop() {
            if part.len() > self.size {
                let end = part.start + self.size;
                parts.push(end..part.end);
                part.end = end;
            }
            let Assignment { import_id, worker } = self.assignment.clone();
            let steps = steps[part.clone()].to_vec();
            let command = ImportPart { import_id, worker, undoes: self.undoes, steps };
            let began = Instant::now();
            let outcomes = match self.registrar.submit(command, self.caller).await {
                Ok(done) => done.answer,
                // The table refused one of the rows: find it, so that the others are carried out.
                Err(refused) if matches!(refused.answer, Refusal::RowRefused(_)) => {
                    if part.len() > 1 {
                        let middle = part.start + part.len() / 2;
                        parts.extend([middle..part.end, part.start..middle]);
                        continue;
                    }
                    vec![OperationOutcome::Refused(refused.answer)]
                }
                Err(refused) => return Err(refused.answer),
            };
            if part.len() == self.size {
                self.size = next_size(self.size, began.elapsed());
            }
            part.zip(outcomes).for_each(|(place, done)| outcome(place, done));
            // Another program that waits for the lock of the file checks it only now and then.
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// The number of steps in the next commit, after a commit that took this long.
fn next_size(size: usize, took: Duration) -> usize {
    let micros = |time: Duration| usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
    let wanted = size.saturating_mul(micros(COMMIT_TIME)) / micros(took).max(1);
    // Change by a factor of two at most: a single slow commit says little.
    wanted.clamp(size / 2, size * 2).clamp(*STEPS.start(), *STEPS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_grow_and_shrink_until_they_take_as_long_as_they_should() {
        let after = |size, milliseconds| next_size(size, Duration::from_millis(milliseconds));
        assert_eq!(after(500, 10), 500);
        assert_eq!(after(500, 8), 625);
        assert_eq!(after(500, 1), 1_000);
        assert_eq!(after(1_500, 0), 2_000);
        assert_eq!(after(1_000, 1_000), 500);
        assert_eq!(after(150, 1_000), 100);
    }
}
