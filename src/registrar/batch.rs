//! Many operations in one command.

use std::collections::HashSet;

use super::answer::{Answer, OperationOutcome};
use super::caller::{Caller, Right};
use super::command::{Command, Decision, carry_out_in_order};
use super::drop::DropCourse;
use super::enrollment::{Enroll, promotions};
use super::event::Event;
use super::facts::Facts;
use super::needs::Needs;
use super::record::{CourseId, StudentId};
use super::refusal::Refusal;
use super::swap::Swap;

/// Operations that are carried out in order; each sees the changes of the operations before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The operations.
    pub operations: Vec<Operation>,
    /// Whether to carry out either all operations or none; otherwise refused ones are skipped. Seats that an operation
    /// gives up serve the others first, also the earlier ones, and then the waitlist.
    pub all_or_nothing: bool,
}

/// An operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// See [`Enroll`].
    Enroll(Enroll),
    /// See [`DropCourse`].
    Drop(DropCourse),
    /// See [`Swap`].
    Swap(Swap),
}

impl Operation {
    /// The courses that it is about.
    pub fn courses(&self) -> impl Iterator<Item = CourseId> {
        self.pairs().into_iter().flatten().map(|(_, course_id)| course_id)
    }

    fn pairs(&self) -> [Option<(StudentId, CourseId)>; 2] {
        match self {
            Self::Enroll(enroll) => [Some((enroll.student_id, enroll.course_id)), None],
            Self::Drop(drop) => [Some((drop.student_id, drop.course_id)), None],
            Self::Swap(Swap { student_id, from, to }) => {
                [Some((*student_id, *from)), Some((*student_id, *to))]
            }
        }
    }

    fn needs(&self, needs: &mut Needs) {
        for (student_id, course_id) in self.pairs().into_iter().flatten() {
            needs.pair(student_id, course_id);
        }
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Decision {
        match self {
            Self::Enroll(enroll) => {
                enroll.carry_out(caller, facts).map(|(events, admission)| (events, admission.into()))
            }
            Self::Drop(drop) => drop.carry_out(caller, facts).map(|(events, ())| (events, Answer::Gone)),
            Self::Swap(swap) => {
                swap.carry_out(caller, facts).map(|(events, admission)| (events, admission.into()))
            }
        }
    }

    /// The half that gives up a seat or a place. A course that is swapped for itself is not given up.
    fn drop(&self) -> Option<DropCourse> {
        match self {
            Self::Enroll(_) => None,
            Self::Drop(drop) => Some(drop.clone()),
            Self::Swap(swap) => (swap.from != swap.to).then(|| swap.drop()),
        }
    }

    /// Carries out the half that gets a seat, if there is one.
    fn enroll(&self, caller: &Caller, facts: &mut Facts, events: &mut Vec<Event>) -> Result<Answer, Refusal> {
        let (happened, admission) = match self {
            Self::Enroll(enroll) => enroll.carry_out(caller, facts)?,
            Self::Swap(swap) => swap.enrollment().carry_out(caller, facts)?,
            Self::Drop(_) => return Ok(Answer::Gone),
        };
        events.extend(happened);
        Ok(admission.into())
    }

    fn enroll_and_give_up(
        &self,
        caller: &Caller,
        facts: &mut Facts,
        events: &mut Vec<Event>,
    ) -> Result<Answer, Refusal> {
        if let Self::Swap(swap) = self {
            swap.permit(caller)?;
            swap.ensure_holds_seat(facts)?;
        }
        let answer = self.enroll(caller, facts, events)?;
        if let Some(drop) = self.drop() {
            give_up(&drop, caller, facts, events)?;
        }
        Ok(answer)
    }
}

impl Command for Batch {
    type Answer = Vec<OperationOutcome>;

    fn enrolls(&self, operation: usize) -> Option<(StudentId, CourseId)> {
        match self.operations.get(operation)? {
            Operation::Enroll(enroll) => Some((enroll.student_id, enroll.course_id)),
            Operation::Swap(swap) => Some((swap.student_id, swap.to)),
            Operation::Drop(_) => None,
        }
    }

    fn needs(&self, needs: &mut Needs) {
        for operation in &self.operations {
            operation.needs(needs);
        }
    }

    /// Each operation is asked about by itself.
    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.grants.has(Right::EnrollOneself) { Ok(()) } else { caller.ensure(Right::WriteEnrollments) }
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    /// If the batch is all or nothing and an operation is refused, the facts stay as they were; each refused
    /// operation has its reason.
    fn carry_out(
        &self,
        caller: &Caller,
        facts: &mut Facts,
    ) -> Result<(Vec<Event>, Vec<OperationOutcome>), Refusal> {
        if self.all_or_nothing {
            return Ok(self.all_or_none(caller, facts));
        }
        Ok(carry_out_in_order(&self.operations, facts, |operation, facts| operation.carry_out(caller, facts)))
    }

    fn weight(&self) -> usize {
        self.operations.len()
    }
}

impl Batch {
    fn all_or_none(&self, caller: &Caller, facts: &mut Facts) -> (Vec<Event>, Vec<OperationOutcome>) {
        let last_enrollment_id = facts.last_enrollment_id;
        let ended = facts.ended.clone();
        let mut events = Vec::with_capacity(self.operations.len());
        // In order, except that held seats are given up first: two students can exchange theirs.
        let mut given_up = vec![None; self.operations.len()];
        for place in self.held_seats(facts) {
            let operation = &self.operations[place];
            given_up[place] = operation.drop().map(|drop| give_up(&drop, caller, facts, &mut events));
            if let (Operation::Swap(swap), Some(Ok(()))) = (operation, &given_up[place]) {
                facts.swapped.insert((swap.student_id, swap.from));
            }
        }
        let mut outcomes = Vec::with_capacity(self.operations.len());
        for (operation, given_up) in self.operations.iter().zip(given_up) {
            let done = match given_up {
                Some(Err(refusal)) => Err(refusal),
                Some(Ok(())) => operation.enroll(caller, facts, &mut events),
                None => operation.enroll_and_give_up(caller, facts, &mut events),
            };
            if let Operation::Swap(swap) = operation {
                facts.swapped.remove(&(swap.student_id, swap.from));
            }
            outcomes.push(done.map_or_else(OperationOutcome::Refused, OperationOutcome::Done));
        }
        for course_id in std::mem::take(&mut facts.freed) {
            let limits = facts.limits_of(course_id);
            let promoted = promotions(course_id, &limits, 0, facts.last_enrollment_id, facts);
            for event in &promoted {
                facts.apply(event);
            }
            events.extend(promoted);
        }
        if outcomes.iter().any(|outcome| matches!(outcome, OperationOutcome::Refused(_))) {
            facts.revert(&events, last_enrollment_id);
            facts.ended = ended;
            events.clear();
            for done in outcomes.iter_mut().filter(|done| matches!(done, OperationOutcome::Done(_))) {
                *done = OperationOutcome::Withheld;
            }
        }
        (events, outcomes)
    }

    /// The places of the operations that give up a seat which the student has, unless an earlier operation is about the
    /// same seat.
    fn held_seats(&self, facts: &Facts) -> Vec<usize> {
        let mut mentioned = HashSet::new();
        let mut found = Vec::new();
        for (place, operation) in self.operations.iter().enumerate() {
            let pair = operation.drop().map(|drop| (drop.student_id, drop.course_id));
            found.extend(
                pair.filter(|pair| facts.enrollments.contains_key(pair) && !mentioned.contains(pair))
                    .map(|_| place),
            );
            mentioned.extend(operation.pairs().into_iter().flatten());
        }
        found
    }
}

/// Drops the student, and keeps the seat free for the other operations.
fn give_up(
    drop: &DropCourse,
    caller: &Caller,
    facts: &mut Facts,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    drop.permit(caller)?;
    for event in drop.without_promotions(caller, facts)? {
        facts.apply(&event);
        events.push(event);
    }
    facts.freed.insert(drop.course_id);
    Ok(())
}
