//! What must never be in a log, and never be missing from it.

use std::fmt;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// The log goes on with another `seq`.
    Gap { expected: u64, found: u64 },
    /// A student got a seat that was not free.
    Oversold { seq: u64, course: u64, capacity: u64 },
    /// A student who is enrolled got the course again.
    EnrolledTwice { seq: u64, student: u64, course: u64 },
    /// A student who is not enrolled was dropped.
    NotEnrolled { seq: u64, student: u64, course: u64 },
    /// An id of an enrollment was given out before.
    IdReused { seq: u64, id: u64 },
    /// An enrollment was dropped under another id.
    OtherId { seq: u64, id: u64, found: u64 },
    /// Somebody else was first on the waitlist.
    OutOfTurn { seq: u64, course: u64, student: u64 },
    /// A student who is not on the waitlist left it, or one who is joined it.
    NotWaiting { seq: u64, student: u64, course: u64 },
    /// The place on the waitlist is another.
    OtherPosition { seq: u64, position: u64, expected: u64 },
    /// The waitlist has more students than places.
    WaitlistOverfull { seq: u64, course: u64 },
    /// A student was put on the waitlist although a seat was free, or waits after a change while one is.
    WaitsForFreeSeat { seq: u64, course: u64 },
    /// The log has an event that no request of the run can cause.
    UnknownEvent { seq: u64, kind: String },
    /// A request had its effect twice.
    DoneTwice { seq: u64, number: u64 },
    /// A request did something that it had not asked for, or the log names one that was never sent.
    NotAsked { seq: u64, number: u64 },
    /// A confirmed change is not in the log.
    Lost { number: u64, status: u16 },
    /// A refused request has changed something.
    RefusedButDone { number: u64, status: u16 },
    /// The answer says something else than the log.
    AnsweredOtherwise { number: u64, status: u16, value: u64 },
    /// A roster or a waitlist is not what the log says.
    ListDiffers { course: u64, list: &'static str },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { expected, found } => {
                write!(f, "the log has a gap: seq {found} follows where {expected} must")
            }
            Self::Oversold { seq, course, capacity } => {
                write!(f, "seq {seq}: a seat was sold twice: course {course} has only {capacity}")
            }
            Self::EnrolledTwice { seq, student, course } => {
                write!(f, "seq {seq}: student {student} takes course {course} twice")
            }
            Self::NotEnrolled { seq, student, course } => {
                write!(f, "seq {seq}: student {student} was dropped from course {course} without taking it")
            }
            Self::IdReused { seq, id } => write!(f, "seq {seq}: the enrollment id {id} was used before"),
            Self::OtherId { seq, id, found } => {
                write!(f, "seq {seq}: enrollment {id} was dropped under the id {found}")
            }
            Self::OutOfTurn { seq, course, student } => {
                write!(f, "seq {seq}: student {student} got a seat in course {course} out of turn")
            }
            Self::NotWaiting { seq, student, course } => {
                write!(
                    f,
                    "seq {seq}: student {student} cannot join or leave the waitlist of course {course} then"
                )
            }
            Self::OtherPosition { seq, position, expected } => {
                write!(f, "seq {seq}: joined the waitlist at position {position}, not {expected}")
            }
            Self::WaitlistOverfull { seq, course } => {
                write!(f, "seq {seq}: the waitlist of course {course} has more students than places")
            }
            Self::WaitsForFreeSeat { seq, course } => {
                write!(f, "seq {seq}: a student waits for course {course} although a seat is free")
            }
            Self::UnknownEvent { seq, kind } => write!(f, "seq {seq}: nobody asked for a {kind}"),
            Self::DoneTwice { seq, number } => write!(f, "seq {seq}: request {number} was carried out twice"),
            Self::NotAsked { seq, number } => {
                write!(f, "seq {seq}: this is not what request {number} asked for")
            }
            Self::Lost { number, status } => {
                write!(f, "request {number} was confirmed with {status}, and is not in the log: it is lost")
            }
            Self::RefusedButDone { number, status } => {
                write!(f, "request {number} was refused with {status}, and is in the log")
            }
            Self::AnsweredOtherwise { number, status, value } => {
                write!(
                    f,
                    "request {number} was answered with {status} and {value}, but the log says otherwise"
                )
            }
            Self::ListDiffers { course, list } => {
                write!(f, "the {list} of course {course} is not what the log says")
            }
        }
    }
}

impl std::error::Error for Breach {}
