//! What can be asked of the Registrar, and what it answers.

use super::record::{Course, CourseId, Enrollment, Student, StudentId, Version};

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
    /// End the association of a student and a course.
    Drop {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The student as added or changed.
    Student(Student),
    /// The course as added or changed.
    Course(Course),
    /// The new enrollment.
    Enrollment(Enrollment),
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
    Enrollment = Answer::Enrollment(enrollment) => enrollment;
    () = Answer::Gone => ();
}

/// Who asked, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who; `None` while nobody signs in.
    pub actor: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}
