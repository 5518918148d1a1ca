//! What commands are answered, in the form in which answers are kept.

use serde::{Deserialize, Serialize};

use super::record::{Course, Enrollment, Place, Seats, Student};
use super::refusal::Refusal;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The student as added or changed.
    Student(Student),
    /// The course as added or changed.
    Course(Course),
    /// The new enrollment.
    Enrollment(Enrollment),
    /// A place on the waitlist instead.
    Waitlisted(Place),
    /// The limits as they are now.
    Seats(Seats),
    /// What each of many operations came to.
    Batch(Vec<Done>),
    /// It is gone.
    Gone,
}

/// What one of many operations came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// It was done.
    Done(Answer),
    /// It was not.
    Refused(Refusal),
    /// It was not, because another one was refused.
    Withheld,
}

/// What comes of wanting a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was free.
    Enrolled(Enrollment),
    /// The course is full; the student waits.
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
    Vec<Done> = Answer::Batch(done) => done, Self::Batch;
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
