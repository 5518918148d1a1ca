//! Every promise is broken once, in a log that is otherwise right: the verification names it.

use serde_json::json;

use super::event::Kind;
use super::{Breach, Event, Replay, Verifier};
use crate::answer::Outcome;
use crate::request::{Action, Request, Shape};

const SEED: u64 = 1;
const SHAPE: Shape = Shape::BUSY;
const ANA: u64 = 1;
const BEN: u64 = 2;
const EVE: u64 = 3;
const ALGEBRA: u64 = 1;

fn event(kind: Kind, student: u64, request: u64) -> Event {
    Event { seq: 0, kind, student, course: ALGEBRA, request: Some(request) }
}

fn created(student: u64, enrollment: u64) -> Event {
    event(Kind::Created { enrollment, from_waitlist: false }, student, 100 + enrollment)
}

fn joined(student: u64, position: u64) -> Event {
    event(Kind::Joined { position }, student, 200 + student)
}

fn dropped(student: u64, enrollment: u64) -> Event {
    event(Kind::Dropped { enrollment }, student, 300 + student)
}

/// The waitlist moves up because of [`dropped`].
fn promoted(student: u64, enrollment: u64, by: u64) -> Event {
    event(Kind::Promoted { enrollment }, student, 300 + by)
}

/// Algebra has one seat and two places on its waitlist; then this happens.
fn replay(events: &[Event]) -> Result<Replay, Breach> {
    let seats = Kind::Seats { capacity: Some(1), waitlist: 2 };
    let first = event(seats, 0, 1);
    let mut replay = Replay::default();
    for (event, seq) in [&[first], events].concat().into_iter().zip(1..) {
        // A test about gaps sets `seq` itself.
        let seq = if event.seq == 0 { seq } else { event.seq };
        replay.apply(&Event { seq, ..event })?;
    }
    replay.end()?;
    Ok(replay)
}

fn breach(events: &[Event]) -> Breach {
    replay(events).expect_err("the log is wrong")
}

#[test]
fn a_log_that_can_have_happened_is_accepted() {
    let events = [
        created(ANA, 1),
        joined(BEN, 1),
        joined(EVE, 2),
        dropped(ANA, 1),
        promoted(BEN, 2, ANA),
        event(Kind::Left, EVE, 400),
    ];
    let replay = replay(&events).unwrap();
    let (_, algebra) = replay.courses().next().unwrap();
    assert_eq!((algebra.roster(), algebra.waitlist()), (vec![BEN], &[][..]));
}

#[test]
fn a_seat_that_was_sold_twice_is_named() {
    assert_eq!(
        breach(&[created(ANA, 1), created(BEN, 2)]),
        Breach::Oversold { seq: 3, course: ALGEBRA, capacity: 1 }
    );
    // A promotion without a free seat sells it twice too.
    let more = [created(ANA, 1), joined(BEN, 1), promoted(BEN, 2, BEN)];
    assert_eq!(breach(&more), Breach::Oversold { seq: 4, course: ALGEBRA, capacity: 1 });
}

#[test]
fn a_gap_and_a_repetition_in_the_log_are_named() {
    let later = Event { seq: 4, ..created(ANA, 1) };
    assert_eq!(breach(&[later]), Breach::Gap { expected: 2, found: 4 });
    let again = Event { seq: 1, ..created(ANA, 1) };
    assert_eq!(breach(&[again]), Breach::Gap { expected: 2, found: 1 });
}

#[test]
fn an_enrollment_that_cannot_begin_or_end_then_is_named() {
    let twice = Breach::EnrolledTwice { seq: 3, student: ANA, course: ALGEBRA };
    assert_eq!(breach(&[created(ANA, 1), created(ANA, 2)]), twice);
    assert_eq!(breach(&[dropped(ANA, 1)]), Breach::NotEnrolled { seq: 2, student: ANA, course: ALGEBRA });
    assert_eq!(breach(&[created(ANA, 1), dropped(ANA, 2)]), Breach::OtherId { seq: 3, id: 1, found: 2 });
    let reused = [created(ANA, 1), dropped(ANA, 1), created(BEN, 1)];
    assert_eq!(breach(&reused), Breach::IdReused { seq: 4, id: 1 });
}

#[test]
fn a_waitlist_that_is_not_in_order_is_named() {
    let waiting = [created(ANA, 1), joined(BEN, 1), joined(EVE, 2)];
    let then = |more: &[Event]| breach(&[&waiting, more].concat());
    let out_of_turn = |seq, student| Breach::OutOfTurn { seq, course: ALGEBRA, student };
    assert_eq!(then(&[dropped(ANA, 1), promoted(EVE, 2, ANA)]), out_of_turn(6, EVE));
    // Somebody who does not wait takes the seat of those who do.
    let taken = Event { request: Some(300 + ANA), ..created(4, 2) };
    assert_eq!(then(&[dropped(ANA, 1), taken]), out_of_turn(6, 4));
    let waits = |seq| Breach::WaitsForFreeSeat { seq, course: ALGEBRA };
    assert_eq!(then(&[dropped(ANA, 1)]), waits(5));
    assert_eq!(then(&[dropped(ANA, 1), event(Kind::Left, EVE, 400)]), waits(5));
    assert_eq!(breach(&[joined(ANA, 1)]), waits(2));
    assert_eq!(then(&[joined(4, 3)]), Breach::WaitlistOverfull { seq: 5, course: ALGEBRA });
    let position = Breach::OtherPosition { seq: 3, position: 2, expected: 1 };
    assert_eq!(breach(&[created(ANA, 1), joined(BEN, 2)]), position);
    let not_waiting = |seq, student| Breach::NotWaiting { seq, student, course: ALGEBRA };
    assert_eq!(then(&[joined(BEN, 3)]), not_waiting(5, BEN));
    assert_eq!(then(&[event(Kind::Left, 4, 400)]), not_waiting(5, 4));
    assert_eq!(
        breach(&[created(ANA, 1), joined(ANA, 1)]),
        Breach::EnrolledTwice { seq: 3, student: ANA, course: ALGEBRA }
    );
}

#[test]
fn an_event_that_no_request_causes_is_named() {
    let unknown = event(Kind::Unknown("rules.set".to_owned()), 0, 5);
    assert_eq!(breach(&[unknown]), Breach::UnknownEvent { seq: 2, kind: "rules.set".to_owned() });
}

/// The first request that asks for this, from `from` on.
fn find(from: u64, is_wanted: impl Fn(&Action) -> bool) -> Request {
    (from..10_000).map(|number| Request::new(SEED, number, &SHAPE)).find(|it| is_wanted(&it.action)).unwrap()
}

fn enrolling(from: u64) -> Request {
    find(from, |action| matches!(action, Action::Enroll { .. }))
}

/// The event of a request that enrolls.
fn enrolled(request: Request, enrollment: u64) -> Event {
    let Action::Enroll { student, course } = request.action else { panic!("it enrolls") };
    let kind = Kind::Created { enrollment, from_waitlist: false };
    Event { seq: 0, kind, student, course, request: Some(request.number) }
}

const CREATED: Outcome = Outcome { status: 201, value: 1 };
const FULL: Outcome = Outcome { status: 409, value: 0 };

/// The log of a school, and the answers to its requests.
fn verify(events: &[Event], answers: &[(u64, Outcome)]) -> Result<(), Breach> {
    let mut verifier = Verifier::new(SEED, SHAPE);
    verifier.sent(10_000);
    for (number, outcome) in answers {
        verifier.answered(*number, *outcome);
    }
    for (event, seq) in events.iter().zip(1..) {
        verifier.read(&Event { seq, ..event.clone() })?;
    }
    verifier.settle()
}

#[test]
fn an_answer_is_found_in_the_log() {
    let request = enrolling(0);
    verify(&[enrolled(request, 1)], &[(request.number, CREATED)]).unwrap();
    verify(&[], &[(request.number, FULL)]).unwrap();
    // No answer came: both are right.
    verify(&[enrolled(request, 1)], &[]).unwrap();
    verify(&[], &[]).unwrap();
}

#[test]
fn a_confirmed_change_that_is_lost_is_named() {
    let number = enrolling(0).number;
    assert_eq!(verify(&[], &[(number, CREATED)]), Err(Breach::Lost { number, status: 201 }));
    let other = enrolling(number + 1);
    let lost = Err(Breach::Lost { number, status: 201 });
    assert_eq!(verify(&[enrolled(other, 1)], &[(number, CREATED)]), lost);
}

#[test]
fn a_refused_change_that_was_made_is_named() {
    let request = enrolling(0);
    let number = request.number;
    let done = Err(Breach::RefusedButDone { number, status: 409 });
    assert_eq!(verify(&[enrolled(request, 1)], &[(number, FULL)]), done);
}

#[test]
fn an_answer_with_another_id_or_another_status_is_named() {
    let request = enrolling(0);
    let number = request.number;
    for (status, value) in [(201, 2), (202, 1)] {
        let otherwise = Err(Breach::AnsweredOtherwise { number, status, value });
        assert_eq!(verify(&[enrolled(request, 1)], &[(number, Outcome { status, value })]), otherwise);
    }
}

#[test]
fn a_request_that_was_carried_out_twice_is_named() {
    let request = enrolling(0);
    let other = enrolling(request.number + 1);
    let number = request.number;
    let dropped = Event { kind: Kind::Dropped { enrollment: 1 }, ..enrolled(request, 1) };
    let dropped = Event { request: None, ..dropped };
    let twice = [enrolled(request, 1), dropped, enrolled(request, 2)];
    assert_eq!(verify(&twice, &[]), Err(Breach::DoneTwice { seq: 3, number }));
    // In one transaction too: two courses for one request.
    let second = Event { request: Some(number), ..enrolled(other, 2) };
    assert_eq!(verify(&[enrolled(request, 1), second], &[]), Err(Breach::DoneTwice { seq: 2, number }));
}

#[test]
fn a_change_that_nobody_asked_for_is_named() {
    let request = enrolling(0);
    let number = request.number;
    let other = Event { student: SHAPE.students + 1, ..enrolled(request, 1) };
    assert_eq!(verify(&[other], &[]), Err(Breach::NotAsked { seq: 1, number }));
    let dropping = find(0, |action| matches!(action, Action::Drop { .. }));
    let enrolled_instead = Event { request: Some(dropping.number), ..enrolled(request, 1) };
    assert_eq!(verify(&[enrolled_instead], &[]), Err(Breach::NotAsked { seq: 1, number: dropping.number }));
    let never_sent = Event { request: Some(10_000), ..enrolled(request, 1) };
    assert_eq!(verify(&[never_sent], &[]), Err(Breach::NotAsked { seq: 1, number: 10_000 }));
}

#[test]
fn half_a_swap_is_named() {
    let swap = find(0, |action| matches!(action, Action::Swap { .. }));
    let Action::Swap { student, from, to } = swap.action else { panic!("it swaps") };
    let set_up = Event {
        seq: 0,
        kind: Kind::Created { enrollment: 1, from_waitlist: false },
        student,
        course: from,
        request: None,
    };
    let taken = Event {
        kind: Kind::Created { enrollment: 2, from_waitlist: false },
        course: to,
        request: Some(swap.number),
        ..set_up.clone()
    };
    let given = Event { kind: Kind::Dropped { enrollment: 1 }, request: Some(swap.number), ..set_up.clone() };
    verify(&[set_up.clone(), taken.clone(), given], &[(swap.number, Outcome { status: 201, value: 2 })])
        .unwrap();
    assert_eq!(verify(&[set_up, taken], &[]), Err(Breach::NotAsked { seq: 2, number: swap.number }));
}

#[test]
fn an_answer_that_comes_after_the_effect_was_seen_is_compared_too() {
    let request = enrolling(0);
    let number = request.number;
    let mut verifier = Verifier::new(SEED, SHAPE);
    verifier.sent(10_000);
    verifier.read(&Event { seq: 1, ..enrolled(request, 1) }).unwrap();
    verifier.settle().unwrap();
    verifier.answered(number, FULL);
    assert_eq!(verifier.settle(), Err(Breach::RefusedButDone { number, status: 409 }));
}

#[test]
fn an_entry_of_the_log_is_read_as_the_api_returns_it() {
    let entry = json!({
        "seq": 9, "at": "2026-09-01T08:00:00.000Z", "type": "enrollment.created", "student_id": 4, "course_id": 7,
        "enrollment_id": 3, "actor": "anonymous", "request_id": "torture-12", "data": {"from_waitlist": true},
    });
    let kind = Kind::Created { enrollment: 3, from_waitlist: true };
    let expected = Event { seq: 9, kind, student: 4, course: 7, request: Some(12) };
    assert_eq!(Event::from_json(&entry).unwrap(), expected);
    assert!(Event::from_json(&json!({"seq": 9, "type": "enrollment.created"})).is_err());
}
