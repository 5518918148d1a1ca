use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::registrar::{
    Admission, Batch, Caller, Command, Course, CourseId, DropCourse, Enroll, Event, Facts, Limits, Operation,
    OperationOutcome, Refusal,
};
use crate::registrar::{Record as _, Student};

const ALGEBRA: CourseId = CourseId(7);

fn waiting(student: i64, joined_seq: i64) -> WaitlistEntry {
    WaitlistEntry {
        student_id: StudentId(student),
        course_id: ALGEBRA,
        joined_seq,
        joined_at: format!("2026-09-01T08:00:00.{joined_seq:03}Z").parse().unwrap(),
    }
}

#[derive(Clone, Debug)]
enum Change {
    Join(i64),
    /// At the place of an earlier time.
    ComeBack(i64, i64),
    Leave(i64),
    Compact,
    Rebuild,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let student = || 1..16_i64;
    let change = prop_oneof![
        8 => student().prop_map(Change::Join),
        2 => (student(), 1..300_i64).prop_map(|(student, seq)| Change::ComeBack(student, seq)),
        6 => student().prop_map(Change::Leave),
        1 => Just(Change::Compact),
        1 => Just(Change::Rebuild),
    ];
    proptest::collection::vec(change, 1..120)
}

/// Joins both lists; neither has a student twice, nor two entries at one place.
fn join(waitlist: &mut Waitlist, naive: &mut BTreeMap<i64, WaitlistEntry>, waiting: &WaitlistEntry) {
    waitlist.insert(waiting.clone());
    naive.retain(|_, other| other.student_id != waiting.student_id);
    naive.insert(waiting.joined_seq, waiting.clone());
}

proptest! {
    #[test]
    fn a_waitlist_is_a_list_in_order_of_joining(changes in changes()) {
        let (mut waitlist, mut naive) = (Waitlist::default(), BTreeMap::new());
        for (seq, change) in (300..).zip(changes) {
            match change {
                Change::Join(student) => join(&mut waitlist, &mut naive, &waiting(student, seq)),
                Change::ComeBack(student, seq) => join(&mut waitlist, &mut naive, &waiting(student, seq)),
                Change::Leave(student) => {
                    let at = naive.values().find(|w| w.student_id.0 == student).map(|w| w.joined_seq);
                    let removed = at.and_then(|at| naive.remove(&at));
                    prop_assert_eq!(waitlist.remove(StudentId(student)), removed);
                }
                Change::Compact => waitlist.compact(),
                Change::Rebuild => waitlist = naive.values().rev().cloned().collect(),
            }
            prop_assert_eq!((waitlist.len(), waitlist.is_empty()), (naive.len(), naive.is_empty()));
            prop_assert!(waitlist.iter().eq(naive.values()));
            for student in (1..16).map(StudentId) {
                let position = (1..).zip(naive.values()).find(|(_, w)| w.student_id == student);
                prop_assert_eq!(waitlist.position(student), position);
                prop_assert_eq!(waitlist.get(student), position.map(|(_, waiting)| waiting));
            }
            prop_assert_eq!(&waitlist, &naive.values().cloned().collect::<Waitlist>());
        }
    }
}

const OPERATIONS: i64 = 200;

fn carry_out<C: Command>(command: &C, facts: &mut Facts) -> Result<(Vec<Event>, C::Answer), Refusal> {
    command.carry_out(&Caller::default(), facts)
}

/// A course with one seat, taken by student 0, and students 1 to `count` on its waitlist. More students exist.
fn rush(count: i64) -> Facts {
    let limits = Limits { capacity: Some(1), waitlist_capacity: 1_000_000, ..Limits::default() };
    let student = |id| (StudentId(id), Student::empty(StudentId(id)));
    let mut facts = Facts {
        last_seq: count,
        students: (0..=count + 2 * OPERATIONS).map(student).collect(),
        courses: [(ALGEBRA, Course::empty(ALGEBRA))].into(),
        waitlists: [(ALGEBRA, (1..=count).map(|id| waiting(id, id)).collect())].into(),
        ..Facts::default()
    };
    carry_out(&Enroll::new(StudentId(0), ALGEBRA), &mut facts).unwrap();
    facts.limits.insert(ALGEBRA, limits);
    facts
}

/// Steps while students join the waitlist, ask for their place, leave, and move up.
fn rush_steps(count: i64) -> usize {
    let mut facts = rush(count);
    STEPS.set(0);
    for n in 0..OPERATIONS {
        let enroll = |id| Enroll::new(StudentId(id), ALGEBRA);
        let (_, joined) = carry_out(&enroll(count + 1 + n), &mut facts).unwrap();
        assert!(matches!(joined, Admission::Waitlisted(_)));
        let again = carry_out(&enroll(count / 2 + n), &mut facts).unwrap_err();
        assert!(matches!(again, Refusal::AlreadyWaitlisted(_)));
        let drops = |id| DropCourse::new(StudentId(id), ALGEBRA);
        // The first one leaves, so that the next one moves up when the seat becomes free.
        let (first, last) = (2 * n + 1, count - n);
        for id in [first, last, 2 * n] {
            carry_out(&drops(id), &mut facts).unwrap();
        }
    }
    STEPS.get()
}

#[test]
fn a_long_waitlist_is_hardly_more_work_than_a_short_one() {
    let (short, long) = (rush_steps(1_000), rush_steps(64_000));
    assert!(long < 2 * short, "{short} steps with 1,000 waiting, {long} with 64,000");
}

/// Steps of a batch whose last operation is refused, so that all of it is reverted.
fn reverted_batch_steps(count: i64) -> usize {
    let mut facts = rush(count);
    let before = facts.clone();
    let drop = |id| Operation::Drop(DropCourse::new(StudentId(id), ALGEBRA));
    let enroll = |id| Operation::Enroll(Enroll::new(StudentId(id), ALGEBRA));
    let mut operations: Vec<_> = (1..=OPERATIONS).map(drop).collect();
    operations.extend((1..=OPERATIONS).map(|n| enroll(count + n)));
    operations.extend([drop(0), drop(0)]);
    STEPS.set(0);
    let (events, done) = carry_out(&Batch { operations, all_or_nothing: true }, &mut facts).unwrap();
    let steps = STEPS.get();
    assert!(done.iter().take(done.len() - 1).all(|done| *done == OperationOutcome::Withheld));
    assert_eq!(events, []);
    assert_eq!(facts, before);
    steps
}

#[test]
fn a_batch_is_reverted_without_a_copy_of_the_waitlist() {
    let (short, long) = (reverted_batch_steps(1_000), reverted_batch_steps(64_000));
    assert!(long < 2 * short, "{short} steps with 1,000 waiting, {long} with 64,000");
}
