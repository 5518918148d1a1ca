//! Carries out steps of an import in several commits, small enough that others hardly wait for one.

use std::time::Instant;

use super::staging::Assignment;
use crate::registrar::{Caller, ImportPart, ImportStep, OperationOutcome, Pace, Refusal, Registrar};

/// Commits of an import.
pub(super) struct Commits<'a> {
    registrar: &'a Registrar,
    caller: &'a Caller,
    assignment: &'a Assignment,
    undoes: bool,
    pace: Pace,
}

impl<'a> Commits<'a> {
    pub(super) fn new(
        registrar: &'a Registrar,
        caller: &'a Caller,
        assignment: &'a Assignment,
        undoes: bool,
    ) -> Self {
        Self { registrar, caller, assignment, undoes, pace: registrar.pace() }
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
            if part.len() > self.pace.size() {
                let end = part.start + self.pace.size();
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
            self.pace.learn(part.len(), began.elapsed());
            part.zip(outcomes).for_each(|(place, done)| outcome(place, done));
            self.pace.pause().await;
        }
        Ok(())
    }
}
