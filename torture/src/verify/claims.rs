//! Compares what was answered with what the log says was done.

use std::collections::HashMap;

use super::breach::Breach;
use super::event::{Event, Kind};
use super::replay::Seen;
use crate::answer::Outcome;
use crate::request::{Action, Request, Shape};

/// What the log says a request did, without the moves of the waitlist that followed from it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Effect {
    /// Student, course, id of the enrollment.
    created: Option<(u64, u64, u64)>,
    dropped: Option<(u64, u64)>,
    /// Student, course, position.
    joined: Option<(u64, u64, u64)>,
    left: Option<(u64, u64)>,
    /// Course, capacity.
    seats: Option<(u64, u64)>,
}

/// The effect of the request whose events are being read.
#[derive(Debug)]
struct Open {
    number: u64,
    effect: Effect,
}

/// The answers that were not compared yet, and the effects that nobody was told of.
#[derive(Debug)]
pub(crate) struct Claims {
    seed: u64,
    shape: Shape,
    answered: HashMap<u64, Outcome>,
    /// Effects of requests whose answer never came. It may come later: a request with a key is sent again.
    unclaimed: HashMap<u64, Effect>,
    done: Seen,
    open: Option<Open>,
    /// Requests with this number and above were not sent.
    sent: u64,
}

impl Claims {
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        let (answered, unclaimed) = (HashMap::new(), HashMap::new());
        Self { seed, shape, answered, unclaimed, done: Seen::default(), open: None, sent: 0 }
    }

    /// Notes an answer, to be found in the log by the next [`Claims::settle`].
    pub(crate) fn answered(&mut self, number: u64, outcome: Outcome) {
        self.answered.insert(number, outcome);
    }

    /// Notes that the requests below this number may have been sent.
    pub(crate) fn sent(&mut self, end: u64) {
        self.sent = self.sent.max(end);
    }

    /// Reads the next event.
    ///
    /// # Errors
    /// If the request of the last one did what it should not.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), Breach> {
        if self.open.as_ref().is_some_and(|open| Some(open.number) != event.request) {
            self.close(event.seq - 1)?;
        }
        let Some(number) = event.request else { return Ok(()) };
        if self.open.is_none() {
            if number >= self.sent {
                return Err(Breach::NotAsked { seq: event.seq, number });
            }
            if !self.done.insert(number) {
                return Err(Breach::DoneTwice { seq: event.seq, number });
            }
            self.open = Some(Open { number, effect: Effect::default() });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let (student, course) = (event.student, event.course);
        let is_first = match event.kind {
            Kind::Created { enrollment, .. } => {
                open.effect.created.replace((student, course, enrollment)).is_none()
            }
            Kind::Dropped { .. } => open.effect.dropped.replace((student, course)).is_none(),
            Kind::Joined { position } => open.effect.joined.replace((student, course, position)).is_none(),
            Kind::Left => open.effect.left.replace((student, course)).is_none(),
            Kind::Seats { capacity, .. } => {
                open.effect.seats.replace((course, capacity.unwrap_or(u64::MAX))).is_none()
            }
            Kind::Promoted { .. } | Kind::SetUp | Kind::Unknown(_) => true,
        };
        if is_first { Ok(()) } else { Err(Breach::DoneTwice { seq: event.seq, number }) }
    }

    /// Ends the effect of the request whose events were read last.
    fn close(&mut self, seq: u64) -> Result<(), Breach> {
        let Some(Open { number, effect }) = self.open.take() else { return Ok(()) };
        let request = Request::new(self.seed, number, &self.shape);
        if !is_asked(request.action, &effect) {
            return Err(Breach::NotAsked { seq, number });
        }
        if let Some(outcome) = self.answered.remove(&number) {
            return agree(&request, outcome, Some(&effect));
        }
        self.unclaimed.insert(number, effect);
        Ok(())
    }

    /// At the end of the log: every answer has its effect there.
    ///
    /// # Errors
    /// If one has not.
    pub(crate) fn settle(&mut self, seq: u64) -> Result<(), Breach> {
        self.close(seq)?;
        for (number, outcome) in std::mem::take(&mut self.answered) {
            let request = Request::new(self.seed, number, &self.shape);
            agree(&request, outcome, self.unclaimed.remove(&number).as_ref())?;
        }
        Ok(())
    }
}

/// Whether an effect is one of those that the request may have.
fn is_asked(action: Action, effect: &Effect) -> bool {
    let none = Effect::default();
    match action {
        Action::Enroll { student, course } | Action::Ensure { student, course } => {
            let created = effect.created.is_some_and(|it| (it.0, it.1) == (student, course));
            let joined = effect.joined.is_some_and(|it| (it.0, it.1) == (student, course));
            created != joined && Effect { created: effect.created, joined: effect.joined, ..none } == *effect
        }
        Action::Drop { student, course } => {
            let pair = Some((student, course));
            *effect == Effect { dropped: pair, ..none } || *effect == Effect { left: pair, ..none }
        }
        Action::Swap { student, from, to } => {
            effect.created.is_some_and(|it| (it.0, it.1) == (student, to))
                && *effect == Effect { created: effect.created, dropped: Some((student, from)), ..none }
        }
        Action::Seats { course, capacity, .. } => {
            *effect == none || *effect == Effect { seats: Some((course, capacity)), ..none }
        }
    }
}

/// Compares an answer with the effect in the log, if there is one.
fn agree(request: &Request, outcome: Outcome, effect: Option<&Effect>) -> Result<(), Breach> {
    let Outcome { status, value } = outcome;
    let number = request.number;
    let lost = Err(Breach::Lost { number, status });
    let otherwise = Err(Breach::AnsweredOtherwise { number, status, value });
    match (request.action, status, effect) {
        // The student was enrolled, or waited, before; the seats were the same.
        (_, 400.., None) | (Action::Ensure { .. }, 200 | 202, None) | (Action::Seats { .. }, 200, None) => {
            Ok(())
        }
        (_, 400.., Some(_)) => Err(Breach::RefusedButDone { number, status }),
        (_, _, None) => lost,
        (_, 201, Some(effect)) if effect.created.is_some_and(|it| it.2 == value) => Ok(()),
        (_, 202, Some(effect)) if effect.joined.is_some_and(|it| it.2 == value) => Ok(()),
        (Action::Drop { .. }, 204, Some(_)) | (Action::Seats { .. }, 200, Some(_)) => Ok(()),
        _ => otherwise,
    }
}
