//! Events: entries of the log, and the changes to rows that belong to them.

use serde_json::{Value, json};

use super::account::ExternalLink;
use super::account::{Account, Link, Token};
use super::group_name::GroupName;
use super::kinds::EventKind;
use super::limits::Limits;
use super::record::{Course, CourseId, Ended, Enrollment, EnrollmentId, Student, StudentId, WaitlistEntry};
use super::standing::{Group, Hold, Rules};
use crate::clock::Stamp;

/// The name of a field and its new value; `None` removes it.
pub type NewValue = (&'static str, Option<String>);

/// Something that happened, to be logged for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The student, if it is about one.
    pub student_id: Option<StudentId>,
    /// The course, if it is about one.
    pub course_id: Option<CourseId>,
    /// The enrollment, if it is about one.
    pub enrollment_id: Option<EnrollmentId>,
    /// Further details, a JSON object. No names and addresses: log entries remain when the student is deleted.
    pub data: Value,
    /// The changes to the tables.
    pub changes: Vec<Change>,
}

/// A change to a row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new student.
    AddStudent(Student),
    /// The student after the change, and the changed fields.
    UpdateStudent(Student, Vec<NewValue>),
    /// The student's row is deleted.
    DeleteStudent(StudentId),
    /// Another program has deleted the student's row; our own rows about the student are deleted too.
    ForgetStudent(StudentId),
    /// A new course.
    AddCourse(Course),
    /// The course after the change, and the changed fields.
    UpdateCourse(Course, Vec<NewValue>),
    /// The course's row is deleted.
    DeleteCourse(CourseId),
    /// Another program has deleted the course's row; our own rows about the course are deleted too.
    ForgetCourse(CourseId),
    /// A new enrollment.
    AddEnrollment(Enrollment),
    /// The enrollment is deleted.
    DeleteEnrollment(Enrollment),
    /// The course gets these limits.
    SetLimits {
        /// The course.
        course_id: CourseId,
        /// Its limits.
        limits: Limits,
        /// Whether it had no limits before.
        is_first: bool,
    },
    /// The limits of the course are removed.
    DeleteLimits(CourseId),
    /// A new entry on a waitlist.
    AddWaitlistEntry(WaitlistEntry),
    /// The entry on the waitlist is deleted.
    DeleteWaitlistEntry(WaitlistEntry),
    /// The school gets these rules.
    SetRules(Rules),
    /// A new group, or the new limit of one.
    SetGroup(Group),
    /// The group is deleted, with its members.
    DeleteGroup(GroupName),
    /// The student is in the group from now on.
    JoinGroup(Group, StudentId),
    /// The student is no longer in the group.
    LeaveGroup(GroupName, StudentId),
    /// A new hold.
    AddHold(Hold),
    /// The hold is released.
    RemoveHold(Hold),
    /// A new token, and the hash of its secret.
    AddToken(Token, String),
    /// The token is revoked, at this time.
    RevokeToken(i64, Stamp),
    /// A new account.
    AddAccount(Account),
    /// The account after the change.
    UpdateAccount(Account),
    /// Somebody at a provider has this account.
    AddExternalLink(ExternalLink),
    /// Somebody at a provider has this account no more. Its sessions end.
    RemoveExternalLink(ExternalLink),
    /// A new one-time link; earlier ones of the account stop working.
    AddLink(Link),
    /// The account is assigned to the course as an instructor.
    AddInstructor(CourseId, i64),
    /// The account is no longer assigned to the course.
    RemoveInstructor(CourseId, i64),
    /// An import has made these entries of the log; the last one is the event's own.
    LogImport {
        /// The import.
        import_id: i64,
        /// The `seq` of the first entry.
        first_seq: i64,
        /// The `seq` of the last entry.
        last_seq: i64,
    },
    /// An import is carried out or undone.
    EndImport {
        /// The import.
        import_id: i64,
        /// When it ended.
        at: Stamp,
        /// Whether it was undone.
        is_undone: bool,
        /// How many steps were tried.
        done: i64,
        /// How many rows were not carried out, or could not be undone.
        left: i64,
    },
    /// The course has got its limits from a change of many courses, or has them back because that was undone.
    LogSeatChange {
        /// The change.
        change_id: i64,
        /// The course.
        course_id: CourseId,
        /// Whether the change was undone.
        is_undone: bool,
        /// How many students have moved up from its waitlist by that.
        moved_up: i64,
    },
    /// The account's new password, hashed. Its links and sessions end.
    SetPassword(i64, String),
}

impl Event {
    /// Creates an event about the whole school.
    #[must_use]
    pub fn about_school(kind: EventKind, change: Change) -> Self {
        Self {
            kind,
            student_id: None,
            course_id: None,
            enrollment_id: None,
            data: json!({}),
            changes: vec![change],
        }
    }

    /// Creates an event about a student.
    #[must_use]
    pub fn about_student(kind: EventKind, id: StudentId, change: Change) -> Self {
        Self {
            kind,
            student_id: Some(id),
            course_id: None,
            enrollment_id: None,
            data: json!({}),
            changes: vec![change],
        }
    }

    /// Creates an event about a course.
    #[must_use]
    pub fn about_course(kind: EventKind, id: CourseId, change: Change) -> Self {
        Self {
            kind,
            student_id: None,
            course_id: Some(id),
            enrollment_id: None,
            data: json!({}),
            changes: vec![change],
        }
    }

    /// Creates an event about a student in a course.
    #[must_use]
    pub fn about_pair(
        kind: EventKind,
        student_id: StudentId,
        course_id: CourseId,
        changes: Vec<Change>,
    ) -> Self {
        let enrollment_id = changes.iter().find_map(|change| match change {
            Change::AddEnrollment(row) | Change::DeleteEnrollment(row) => Some(row.id),
            _ => None,
        });
        Self {
            kind,
            student_id: Some(student_id),
            course_id: Some(course_id),
            enrollment_id,
            data: json!({}),
            changes,
        }
    }

    /// Sets the further details.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// Whether it changes who may do what.
    #[must_use]
    pub fn changes_access(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(
                change,
                Change::AddToken(..)
                    | Change::RevokeToken(..)
                    | Change::AddAccount(_)
                    | Change::UpdateAccount(_)
                    | Change::AddExternalLink(_)
                    | Change::RemoveExternalLink(_)
                    | Change::SetPassword(..)
                    | Change::AddInstructor(..)
                    | Change::RemoveInstructor(..)
                    | Change::DeleteStudent(_)
                    | Change::ForgetStudent(_)
            )
        })
    }

    /// What it ends and a later restoration can give back, with its pair.
    #[must_use]
    pub(super) fn ends(&self) -> Option<((StudentId, CourseId), Ended)> {
        match (self.kind, self.changes.first()?) {
            (EventKind::EnrollmentDropped, Change::DeleteEnrollment(row)) => {
                Some(((row.student_id, row.course_id), Ended::Seat(row.clone())))
            }
            (EventKind::WaitlistLeft, Change::DeleteWaitlistEntry(entry)) => {
                Some(((entry.student_id, entry.course_id), Ended::Place(entry.clone())))
            }
            _ => None,
        }
    }

    /// The enrollment that it creates, if any.
    #[must_use]
    pub fn new_enrollment(&self) -> Option<&Enrollment> {
        self.changes.iter().find_map(|change| match change {
            Change::AddEnrollment(row) => Some(row),
            _ => None,
        })
    }
}
