//! One course as a sequential program: a history is linearizable if its answers are those of this program, with each
//! request at some moment between its sending and its answer.

use porcupine_rs::{Model, Operation};

pub(crate) const CAPACITY: usize = 3;
pub(crate) const WAITLIST: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Enroll(u64),
    Drop(u64),
    Roster,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Enrolled,
    Waitlisted(usize),
    Full,
    AlreadyEnrolled,
    AlreadyWaitlisted(usize),
    Dropped,
    NotEnrolled,
    Roster(Vec<u64>),
}

/// A request about a course, and its answer if there was one.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) course: u64,
    pub(crate) asked: Asked,
    pub(crate) said: Option<Said>,
}

/// A course.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CourseState {
    roster: Vec<u64>,
    waitlist: Vec<u64>,
}

impl CourseState {
    fn answer(&mut self, asked: Asked) -> Said {
        match asked {
            Asked::Roster => Said::Roster(self.roster.clone()),
            Asked::Enroll(student) if self.roster.contains(&student) => Said::AlreadyEnrolled,
            Asked::Enroll(student) => match self.waitlist.iter().position(|other| *other == student) {
                Some(place) => Said::AlreadyWaitlisted(place + 1),
                None if self.roster.len() < CAPACITY => {
                    self.roster.push(student);
                    Said::Enrolled
                }
                None if self.waitlist.len() < WAITLIST => {
                    self.waitlist.push(student);
                    Said::Waitlisted(self.waitlist.len())
                }
                None => Said::Full,
            },
            Asked::Drop(student) if self.roster.contains(&student) => {
                self.roster.retain(|other| *other != student);
                if !self.waitlist.is_empty() {
                    self.roster.push(self.waitlist.remove(0));
                }
                Said::Dropped
            }
            Asked::Drop(student) if self.waitlist.contains(&student) => {
                self.waitlist.retain(|other| *other != student);
                Said::Dropped
            }
            Asked::Drop(_) => Said::NotEnrolled,
        }
    }
}

/// The model of courses that know nothing of each other.
#[derive(Clone, Debug)]
pub(crate) struct Sequential;

impl Model for Sequential {
    type State = CourseState;
    type Op = Exchange;
    type Metadata = ();

    fn partition_operations(history: &[Operation<Self>]) -> Vec<Vec<Operation<Self>>> {
        let mut courses: Vec<u64> = history.iter().map(|operation| operation.op.course).collect();
        courses.sort_unstable();
        courses.dedup();
        let of = |course| history.iter().filter(move |operation| operation.op.course == course).cloned();
        courses.into_iter().map(|course| of(course).collect()).collect()
    }

    fn init() -> CourseState {
        CourseState::default()
    }

    /// A request without an answer may have had any outcome, at any time after it was sent.
    fn step(state: &CourseState, exchange: &Exchange) -> (bool, CourseState) {
        let mut next = state.clone();
        let expected = next.answer(exchange.asked);
        (exchange.said.as_ref().is_none_or(|said| *said == expected), next)
    }
}

#[cfg(test)]
mod tests {
    use porcupine_rs::check_operations;

    use super::*;

    fn exchange(call_time: i64, return_time: i64, asked: Asked, said: Option<Said>) -> Operation<Sequential> {
        let op = Exchange { course: 1, asked, said };
        Operation { client_id: None, call_time, return_time, op, metadata: None }
    }

    #[test]
    fn a_student_who_was_dropped_is_not_on_a_later_roster() {
        let roster = |students: &[u64]| Some(Said::Roster(students.to_vec()));
        let mut history = vec![
            exchange(0, 1, Asked::Enroll(7), Some(Said::Enrolled)),
            exchange(2, 5, Asked::Drop(7), Some(Said::Dropped)),
            exchange(3, 4, Asked::Roster, roster(&[7])),
        ];
        assert!(check_operations(&history));
        history.push(exchange(6, 7, Asked::Roster, roster(&[7])));
        assert!(!check_operations(&history));
    }

    #[test]
    fn a_request_without_an_answer_may_have_been_carried_out_or_not() {
        let unanswered = exchange(0, i64::MAX, Asked::Enroll(7), None);
        for students in [&[7][..], &[]] {
            let roster = exchange(1, 2, Asked::Roster, Some(Said::Roster(students.to_vec())));
            assert!(check_operations(&[unanswered.clone(), roster]));
        }
    }

    #[test]
    fn a_seat_that_was_sold_twice_is_not_linearizable() {
        let enrolled = |student| exchange(0, 9, Asked::Enroll(student), Some(Said::Enrolled));
        assert!(check_operations(&[1, 2, 3].map(enrolled)));
        assert!(!check_operations(&[1, 2, 3, 4].map(enrolled)));
    }
}
