//! The answers to commands, in the form in which they are stored.

use serde::{Deserialize, Serialize};

use super::account::{Account, Token};
use super::record::{Course, Enrollment, Place, Seats, Student};
use super::refusal::Refusal;
use super::standing::{Group, Hold, Rules};

/// The result of a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The student after it was added or changed.
    Student(Student),
    /// The course after it was added or changed.
    Course(Course),
    /// The new enrollment.
    Enrollment(Enrollment),
    /// A place on the waitlist, since the course is full.
    Waitlisted(Place),
    /// The new limits, and how full the course is.
    Seats(Seats),
    /// The account after it was added or changed.
    Account(Account),
    /// The new token, without its secret.
    Token(Token),
    /// The group after it was added or changed.
    Group(Group),
    /// The new hold.
    Hold(Hold),
    /// The new rules.
    Rules(Rules),
    /// The outcome of each operation of a batch, in order.
    Batch(Vec<OperationOutcome>),
    /// It was deleted, or does not exist any more.
    Gone,
}

/// The outcome of one operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationOutcome {
    /// It was carried out.
    Done(Answer),
    /// It was refused.
    Refused(Refusal),
    /// It was not carried out because another one was refused.
    Withheld,
}

/// The outcome of an enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The student is enrolled.
    Enrolled(Enrollment),
    /// The course is full; the student is on the waitlist.
    Waitlisted(Place),
}

macro_rules! answers {
    ($($answer:ty = $pattern:pat => $value:expr, $back:expr;)*) => {
        $(
            impl TryFrom<Answer> for $answer {
                type Error = Answer;

                fn try_from(answer: Answer) -> Result<Self, Answer> {
                    match answer {
                        $pattern => Ok($value),
                        other => Err(other),
                    }
                }
            }

            impl From<$answer> for Answer {
                fn from(answer: $answer) -> Self {
                    $back(answer)
                }
            }
        )*
    };
}

answers! {
    Student = Answer::Student(student) => student, Self::Student;
    Course = Answer::Course(course) => course, Self::Course;
    Seats = Answer::Seats(seats) => seats, Self::Seats;
    Account = Answer::Account(account) => account, Self::Account;
    Token = Answer::Token(token) => token, Self::Token;
    Group = Answer::Group(group) => group, Self::Group;
    Hold = Answer::Hold(hold) => hold, Self::Hold;
    Rules = Answer::Rules(rules) => rules, Self::Rules;
    Vec<OperationOutcome> = Answer::Batch(done) => done, Self::Batch;
    () = Answer::Gone => (), |()| Self::Gone;
}

impl TryFrom<Answer> for Admission {
    type Error = Answer;

    fn try_from(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Enrollment(enrollment) => Ok(Self::Enrolled(enrollment)),
            Answer::Waitlisted(place) => Ok(Self::Waitlisted(place)),
            other => Err(other),
        }
    }
}

impl From<Admission> for Answer {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Enrolled(enrollment) => Self::Enrollment(enrollment),
            Admission::Waitlisted(place) => Self::Waitlisted(place),
        }
    }
}

/// The refusals in an answer, or in its parts.
pub(super) fn refusals(outcome: &Result<Answer, Refusal>) -> impl Iterator<Item = &Refusal> {
    let parts = match outcome {
        Ok(Answer::Batch(parts)) => parts.as_slice(),
        _ => &[],
    };
    let part_refusals = parts.iter().filter_map(|part| match part {
        OperationOutcome::Refused(refusal) => Some(refusal),
        _ => None,
    });
    outcome.as_ref().err().into_iter().chain(part_refusals)
}
