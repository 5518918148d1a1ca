//! The reasons for which commands are refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::account::NoAccount;
use super::group_name::{GroupName, MAX_GROUP_OPENINGS};
use super::limits::Limits;
use super::record::{CourseId, Enrollment, Place, StudentId, Version};
use super::standing::Hold;
use crate::clock::Stamp;
use crate::db::DbError;

/// Why a command was not carried out. Nothing was changed, unless it is [`DbError::Unknown`].
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no such student.
    #[error("There is no student {0}.")]
    StudentNotFound(StudentId),
    /// There is no such course.
    #[error("There is no course {0}.")]
    CourseNotFound(CourseId),
    /// The student is not enrolled in the course.
    #[error("Student {student_id} is not enrolled in course {course_id}.")]
    EnrollmentNotFound {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
        /// The student's place on the course's waitlist, if there is one.
        place: Option<Place>,
    },
    /// The student is already enrolled in the course.
    #[error("Student {} has been enrolled in course {} since {}.", .0.student_id, .0.course_id, .0.enrolled_at)]
    AlreadyEnrolled(Enrollment),
    /// The student is already on the course's waitlist.
    #[error("Student {} is already on the waitlist of course {}, at position {}.", .0.student_id, .0.course_id, .0.position)]
    AlreadyWaitlisted(Place),
    /// Every seat is taken, and there is no waitlist.
    #[error("Course {course_id} is full: {enrolled} of {capacity} seats are taken.")]
    CourseFull {
        /// The course.
        course_id: CourseId,
        /// Its seats.
        capacity: i64,
        /// Its students.
        enrolled: i64,
    },
    /// Every seat and every place on the waitlist is taken.
    #[error("Course {course_id} is full, and so is its waitlist of {waitlist_capacity}.")]
    WaitlistFull {
        /// The course.
        course_id: CourseId,
        /// Places on its waitlist.
        waitlist_capacity: i64,
    },
    /// Registration has not opened.
    #[error("Registration for course {course_id} opens at {}.", bound(.limits.opens_at.as_ref()))]
    RegistrationNotOpen {
        /// The course.
        course_id: CourseId,
        /// Its limits. Boxed, since every refusal has the size of the largest.
        limits: Box<Limits>,
    },
    /// Registration has closed.
    #[error("Registration for course {course_id} closed at {}.", bound(.limits.closes_at.as_ref()))]
    RegistrationClosed {
        /// The course.
        course_id: CourseId,
        /// Its limits. Boxed, since every refusal has the size of the largest.
        limits: Box<Limits>,
    },
    /// The student has holds.
    #[error("Student {student_id} is on hold: {}", reasons(.holds))]
    OnHold {
        /// The student.
        student_id: StudentId,
        /// The holds, at least one.
        holds: Vec<Hold>,
    },
    /// The student has as many courses as they may have.
    #[error(
        "Student {student_id} has {courses} courses and places on waitlists, and may have {course_limit}."
    )]
    CourseLimitReached {
        /// The student.
        student_id: StudentId,
        /// The most courses of the student.
        course_limit: i64,
        /// Enrollments and places on waitlists.
        courses: i64,
    },
    /// The student has no such hold.
    #[error("Student {student_id} has no hold {hold_id}.")]
    HoldNotFound {
        /// The student.
        student_id: StudentId,
        /// The hold.
        hold_id: i64,
    },
    /// There is no such group.
    #[error("There is no group {0}.")]
    GroupNotFound(GroupName),
    /// The student is not in the group.
    #[error("Student {student_id} is not in the group {group}.")]
    NotInGroup {
        /// The group.
        group: GroupName,
        /// The student.
        student_id: StudentId,
    },
    /// These ends of a window would not be after its beginning.
    #[error("Registration would end before it opens.")]
    EndsBeforeOpening(Vec<String>),
    /// The course would open at times of their own for more groups than one course can have.
    #[error("A course can open for at most {MAX_GROUP_OPENINGS} groups at times of their own.")]
    TooManyGroupOpenings,
    /// The deadline for drops has passed.
    #[error("Students could drop course {course_id} until {drop_until}; staff can drop them with a reason.")]
    DropDeadlinePassed {
        /// The course.
        course_id: CourseId,
        /// The deadline.
        drop_until: Stamp,
    },
    /// The log has nothing that the student had in the course and lost.
    #[error("Student {student_id} has dropped nothing in course {course_id} that could be restored.")]
    NothingToRestore {
        /// The student.
        student_id: StudentId,
        /// The course.
        course_id: CourseId,
    },
    /// An override says why it is made.
    #[error("An override needs a reason.")]
    OverrideNeedsReason,
    /// A student or a course with enrollments or waitlist entries is not deleted.
    #[error("There {}. Drop all enrollments first, or repeat the request with drop=true.", still(*.enrolled, *.waitlisted))]
    HasEnrollments {
        /// Number of enrollments.
        enrolled: usize,
        /// Number of waitlist entries.
        waitlisted: usize,
    },
    /// The record has changed since the caller read it; this is its current version.
    #[error("It has changed since you read it; read it again.")]
    Stale(Version),
    /// A step of a plan would not have the planned effect any more.
    #[error("The data have changed since the plan was made.")]
    PlanChanged,
    /// Another worker has taken over the import.
    #[error("Another server goes on with this import.")]
    ImportTaken,
    /// Another worker has taken over the change of the seats of many courses.
    #[error("Another server goes on with this change.")]
    SeatChangeTaken,
    /// The same for a course, of which the seats have a version too, if it has limits.
    #[error("It has changed since you read it; read it again.")]
    StaleCourse {
        /// The version of the course.
        version: Version,
        /// The version of its seats.
        seats: Option<Version>,
    },
    /// This student has the number.
    #[error("Student {0} has this number.")]
    NumberTaken(StudentId),
    /// This course has the code.
    #[error("Course {0} has this code.")]
    CodeTaken(CourseId),
    /// The database computes the field.
    #[error("The database computes {0}, so it cannot be set.")]
    ReadOnlyField(String),
    /// The school's table has no such field.
    #[error("This school has no column for {0}, so it cannot be set.")]
    AbsentField(String),
    /// A constraint of a found table refuses the row; the text names the constraint, never a value.
    #[error("The database refused the row: {0}.")]
    RowRefused(String),
    /// There is no such token, or it has been revoked.
    #[error("There is no token {0} that works.")]
    TokenNotFound(i64),
    /// There is no such account.
    #[error("There is no account {0}.")]
    AccountNotFound(i64),
    /// The account has another role, or is disabled.
    #[error("Account {0} is disabled, or its role is not instructor.")]
    NotAnInstructor(i64),
    /// The account is not assigned to the course as an instructor.
    #[error("Account {account_id} is not an instructor of course {course_id}.")]
    InstructorNotFound {
        /// The course.
        course_id: CourseId,
        /// The account.
        account_id: i64,
    },
    /// The link was used, has been replaced, or has expired.
    #[error("This link does not work any more.")]
    LinkEnded,
    /// Somebody has signed in elsewhere, but has no account here.
    #[error(transparent)]
    NoAccount(#[from] NoAccount),
    /// Another account has the address.
    #[error("Another account has this address.")]
    AddressTaken,
    /// Without this account, nobody could grant and revoke any more.
    #[error("This is the only admin who can sign in.")]
    LastAdmin,
    /// The account has no password to change.
    #[error("Your account has no password: you sign in at your provider.")]
    NoPassword,
    /// The token or the session has ended since the request arrived.
    #[error("The token or the session has ended.")]
    Unauthorized,
    /// The first token or account has to be able to create others.
    #[error("The first token or account has to be an admin’s: nobody could create another one.")]
    FirstNotAdmin,
    /// The token would already have expired.
    #[error("A token has to expire in the future.")]
    AlreadyExpired,
    /// The account of a student has to name the student.
    #[error("An account with the role student needs the student who the person is.")]
    StudentMissing,
    /// Only students' accounts and tokens belong to a student.
    #[error("Only accounts and tokens with the role student belong to a student.")]
    OnlyStudents,
    /// The caller has no right to do this.
    #[error("You have no right to do this.")]
    Forbidden,
    /// A request with the same idempotency key is running.
    #[error("A request with this Idempotency-Key is still running; try again when it is done.")]
    #[serde(skip)]
    KeyInUse,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for another method, path or body.")]
    #[serde(skip)]
    KeyReused,
    /// The request was carried out before, and its stored answer was deleted or cannot be read.
    #[error(
        "A request with this Idempotency-Key was answered before, but the answer is no longer available: it was deleted with the student, or stored by another version of the server. Read the record to see the result."
    )]
    #[serde(skip)]
    AnswerNotKept,
    /// The queue is full; nothing was attempted.
    #[serde(skip)]
    #[error("Too many writes are waiting.")]
    Overloaded,
    /// The server is stopping; nothing was attempted.
    #[serde(skip)]
    #[error("The server is shutting down.")]
    Stopping,
    /// The server only reads; nothing was attempted.
    #[serde(skip)]
    #[error("This server only reads a copy of the database. Send changes to a server that writes.")]
    ReadOnlyServer,
    /// The engine failed.
    #[serde(skip)]
    #[error(transparent)]
    Engine(#[from] DbError),
}

impl Refusal {
    /// Whether staff can go beyond the rule that refuses an enrollment, with an [`Override`](super::Override).
    #[must_use]
    pub fn can_be_overridden(&self) -> bool {
        matches!(
            self,
            Self::CourseFull { .. }
                | Self::WaitlistFull { .. }
                | Self::AlreadyWaitlisted(_)
                | Self::RegistrationNotOpen { .. }
                | Self::RegistrationClosed { .. }
                | Self::OnHold { .. }
                | Self::CourseLimitReached { .. }
        )
    }

    /// The student that it is about.
    #[must_use]
    pub fn student(&self) -> Option<StudentId> {
        match self {
            Self::StudentNotFound(student_id)
            | Self::NumberTaken(student_id)
            | Self::EnrollmentNotFound { student_id, .. }
            | Self::OnHold { student_id, .. }
            | Self::CourseLimitReached { student_id, .. }
            | Self::HoldNotFound { student_id, .. }
            | Self::NotInGroup { student_id, .. }
            | Self::NothingToRestore { student_id, .. } => Some(*student_id),
            Self::AlreadyEnrolled(enrollment) => Some(enrollment.student_id),
            Self::AlreadyWaitlisted(place) => Some(place.student_id),
            _ => None,
        }
    }

    /// The reason in one word, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::StudentNotFound(_) => "student-not-found",
            Self::CourseNotFound(_) => "course-not-found",
            Self::EnrollmentNotFound { .. } => "enrollment-not-found",
            Self::AlreadyEnrolled(_) => "already-enrolled",
            Self::AlreadyWaitlisted(_) => "already-waitlisted",
            Self::CourseFull { .. } => "course-full",
            Self::WaitlistFull { .. } => "waitlist-full",
            Self::RegistrationNotOpen { .. } => "registration-not-open",
            Self::RegistrationClosed { .. } => "registration-closed",
            Self::OnHold { .. } => "student-on-hold",
            Self::CourseLimitReached { .. } => "course-limit-reached",
            Self::HoldNotFound { .. } => "hold-not-found",
            Self::GroupNotFound(_) => "group-not-found",
            Self::NotInGroup { .. } => "not-in-group",
            Self::EndsBeforeOpening(_) => "ends-before-opening",
            Self::TooManyGroupOpenings => "too-many-groups",
            Self::DropDeadlinePassed { .. } => "drop-deadline-passed",
            Self::NothingToRestore { .. } => "nothing-to-restore",
            Self::OverrideNeedsReason => "override-needs-reason",
            Self::HasEnrollments { .. } => "has-enrollments",
            Self::Stale(_) | Self::StaleCourse { .. } => "stale",
            Self::ReadOnlyField(_) | Self::AbsentField(_) => "read-only-field",
            Self::NumberTaken(_) | Self::CodeTaken(_) => "number-taken",
            Self::PlanChanged => "plan-changed",
            Self::ImportTaken => "import-taken",
            Self::SeatChangeTaken => "seat-change-taken",
            Self::RowRefused(_) => "row-refused",
            Self::TokenNotFound(_) => "token-not-found",
            Self::AccountNotFound(_) => "account-not-found",
            Self::NotAnInstructor(_) => "not-an-instructor",
            Self::InstructorNotFound { .. } => "instructor-not-found",
            Self::LinkEnded => "link-ended",
            Self::NoAccount(_) => "no-account",
            Self::AddressTaken => "address-taken",
            Self::NoPassword => "no-password",
            Self::LastAdmin => "last-admin",
            Self::Unauthorized => "unauthorized",
            Self::FirstNotAdmin => "first-not-admin",
            Self::AlreadyExpired => "already-expired",
            Self::StudentMissing | Self::OnlyStudents => "role-conflict",
            Self::Forbidden => "forbidden",
            Self::KeyInUse => "idempotency-key-in-use",
            Self::KeyReused => "idempotency-key-reused",
            Self::AnswerNotKept => "idempotency-answer-not-kept",
            Self::Overloaded | Self::Stopping => "overloaded",
            Self::ReadOnlyServer => "read-only-server",
            Self::Engine(_) => "database",
        }
    }
}

/// The end of the registration window that caused the refusal.
#[expect(clippy::expect_used, reason = "a window without this end refuses nobody")]
fn bound(time: Option<&Stamp>) -> &Stamp {
    time.expect("a window that refuses has this end")
}

/// The reasons of the holds, with slashes between them.
fn reasons(holds: &[Hold]) -> String {
    holds.iter().map(|hold| hold.reason.as_str()).collect::<Vec<_>>().join(" / ")
}

fn still(enrolled: usize, waitlisted: usize) -> String {
    let enrollments = match enrolled {
        1 => "1 enrollment".to_owned(),
        count => format!("{count} enrollments"),
    };
    let entries = match waitlisted {
        1 => "1 waitlist entry".to_owned(),
        count => format!("{count} waitlist entries"),
    };
    match (enrolled, waitlisted) {
        (1, 0) => format!("is still {enrollments}"),
        (_, 0) => format!("are still {enrollments}"),
        (0, 1) => format!("is still {entries}"),
        (0, _) => format!("are still {entries}"),
        _ => format!("are still {enrollments} and {entries}"),
    }
}
