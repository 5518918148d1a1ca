//! What can be asked of the Registrar, and what it answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::keys::Key;
use super::record::{Course, CourseId, Enrollment, Student, StudentId, Version};
use super::refusal::Refusal;
use super::seats::{Limits, Place, Seats};

/// What somebody asks the Registrar to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Add a student.
    CreateStudent {
        /// The full name.
        name: String,
        /// An address; siblings may share one.
        email: String,
    },
    /// Change what is `Some`.
    UpdateStudent {
        /// Whom.
        id: StudentId,
        /// The new name.
        name: Option<String>,
        /// The new address.
        email: Option<String>,
        /// Only if the student still is what the asker saw.
        expected: Option<Vec<Version>>,
    },
    /// Remove a student.
    DeleteStudent {
        /// Whom.
        id: StudentId,
        /// Drop the student's courses first; otherwise they stand in the way.
        drop: bool,
        /// Only if the student still is what the asker saw.
        expected: Option<Vec<Version>>,
    },
    /// Add a course.
    CreateCourse {
        /// The title.
        name: String,
        /// The level, in the school's own words.
        level: String,
    },
    /// Change what is `Some`.
    UpdateCourse {
        /// Which.
        id: CourseId,
        /// The new title.
        name: Option<String>,
        /// The new level.
        level: Option<String>,
        /// Only if the course still is what the asker saw.
        expected: Option<Vec<Version>>,
    },
    /// Remove a course.
    DeleteCourse {
        /// Which.
        id: CourseId,
        /// Drop its students first; otherwise they stand in the way.
        drop: bool,
        /// Only if the course still is what the asker saw.
        expected: Option<Vec<Version>>,
    },
    /// Associate a student and a course.
    Enroll {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
    },
    /// End the association of a student and a course, or the wait for it.
    Drop {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
        /// Who asks: students drop while registration is open.
        role: Role,
    },
    /// Limit the enrollment in a course.
    SetSeats {
        /// The course.
        course_id: CourseId,
        /// The new limits, instead of those before.
        limits: Limits,
        /// Only if the limits still are what the asker saw.
        expected: Option<Vec<Version>>,
    },
    /// Limit the enrollment in a course no longer.
    RemoveSeats {
        /// The course.
        course_id: CourseId,
    },
    /// Drop what students and courses that another program has deleted left behind.
    Sweep {
        /// Students of whom the log tells and whose rows are gone.
        students: Vec<StudentId>,
        /// Courses with something to drop, or that are gone themselves.
        courses: Vec<CourseId>,
    },
    /// Many at once, in order.
    Batch {
        /// What is asked.
        operations: Vec<Operation>,
        /// Whether all of it is done or nothing; otherwise what can be done is.
        all: bool,
    },
}

/// What can be asked many times at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// As [`Command::Enroll`].
    Enroll(StudentId, CourseId),
    /// As [`Command::Drop`], by the registrar.
    Drop(StudentId, CourseId),
}

impl From<Operation> for Command {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Enroll(student_id, course_id) => Self::Enroll { student_id, course_id },
            Operation::Drop(student_id, course_id) => {
                Self::Drop { student_id, course_id, role: Role::Registrar }
            }
        }
    }
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

/// As what somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Whoever runs the registration; everybody, while nobody signs in.
    #[default]
    Registrar,
    /// A student, for themselves.
    Student,
}

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

macro_rules! answered {
    ($($told:ty = $pattern:pat => $value:expr;)*) => {
        $(
            impl TryFrom<Answer> for $told {
                type Error = Answer;

                fn try_from(answer: Answer) -> Result<Self, Answer> {
                    match answer {
                        $pattern => Ok($value),
                        other => Err(other),
                    }
                }
            }
        )*
    };
}

answered! {
    Student = Answer::Student(student) => student;
    Course = Answer::Course(course) => course;
    Seats = Answer::Seats(seats) => seats;
    Vec<Done> = Answer::Batch(done) => done;
    () = Answer::Gone => ();
}

/// What comes of wanting a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was free.
    Enrolled(Enrollment),
    /// The course is full; the student waits.
    Waitlisted(Place),
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

impl Origin {
    /// Of what another program did.
    #[must_use]
    pub fn database() -> Self {
        Self { actor: Some("database".to_owned()), ..Self::default() }
    }
}

/// Who asked, and as what.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Who; `None` while nobody signs in.
    pub actor: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
    /// Under which the answer is kept, to be given again.
    pub key: Option<Arc<Key>>,
}
