//! The facts by which commands are decided.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::account::{Account, ExternalId, ExternalLink, Link, Token, Ways};
use super::event::{Change, Event};
use super::group_name::GroupName;
use super::limits::Limits;
use super::read_only::ReadOnly;
use super::record::{
    Course, CourseId, Ended, Enrollment, EnrollmentId, Place, Seats, Student, StudentId, WaitlistEntry,
};
use super::refusal::Refusal;
use super::standing::{Rules, Standing};
use super::waitlist::Waitlist;
use crate::clock::Stamp;
use crate::count::to_i64;

/// The facts by which the commands of one batch are decided.
///
/// [`Facts::apply`] updates them, so that each command sees the changes of the commands before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The current time, which decides whether registration is open: RFC 3339, UTC, milliseconds.
    pub now: Stamp,
    /// The time to write: `now`, but never earlier than the last entry of the log.
    pub stamp: Stamp,
    /// The last `seq` of the log.
    pub last_seq: i64,
    /// The last id that an enrollment was given.
    pub last_enrollment_id: i64,
    /// The requested students that exist.
    pub students: HashMap<StudentId, Student>,
    /// The requested courses that exist.
    pub courses: HashMap<CourseId, Course>,
    /// The enrollments that matter: those of requested pairs, and all of students and courses to be deleted.
    pub enrollments: BTreeMap<(StudentId, CourseId), Enrollment>,
    /// The limits of the requested courses that have limits.
    pub limits: HashMap<CourseId, Limits>,
    /// How many students take each course whose seats matter.
    pub enrolled: HashMap<CourseId, i64>,
    /// The waitlist of each course whose seats matter.
    pub waitlists: BTreeMap<CourseId, Waitlist>,
    /// Courses in which the request that is being decided has freed seats: these serve it before the waitlist.
    pub freed: BTreeSet<CourseId>,
    /// Seats that swaps of the request have given up and not replaced yet: they count among the courses of their students.
    pub swapped: BTreeSet<(StudentId, CourseId)>,
    /// What each requested student had last in a course, if the log says that it has ended.
    pub ended: HashMap<(StudentId, CourseId), Ended>,
    /// The groups, holds and courses of the requested students, where any of these matter.
    pub standings: HashMap<StudentId, Standing>,
    /// The requested groups that exist, each with its limit of courses.
    pub groups: BTreeMap<GroupName, Option<i64>>,
    /// The number of students in each of the requested groups.
    pub group_sizes: BTreeMap<GroupName, i64>,
    /// The rules of the whole school.
    pub rules: Rules,
    /// The students with each of the requested numbers.
    pub numbers: HashMap<String, BTreeSet<StudentId>>,
    /// The courses with each of the requested codes.
    pub codes: HashMap<String, BTreeSet<CourseId>>,
    /// The number of changes of rights before the batch.
    pub rights_version: i64,
    /// Whether the accounts and tokens of all callers are loaded, since a command may change what they may do.
    pub has_callers: bool,
    /// Whether there has never been a token or an account; loaded only where a command may change that.
    pub is_open: bool,
    /// The requested tokens that exist.
    pub tokens: HashMap<i64, Token>,
    /// The requested accounts that exist.
    pub accounts: HashMap<i64, Account>,
    /// Those of the requested pairs of a course and an instructor's account that exist.
    pub instructors: HashSet<(CourseId, i64)>,
    /// The hashed passwords of the requested accounts that have one.
    pub passwords: HashMap<i64, String>,
    /// The accounts of the requested sessions that exist, by the hashes of their secrets in hexadecimal.
    pub sessions: HashMap<String, i64>,
    /// How people sign in to the accounts of admins and the requested ones; loaded only where there must be another admin.
    pub ways: HashMap<i64, Ways>,
    /// The requested identities at providers that are linked to an account, and those of the loaded accounts.
    pub externals: HashMap<ExternalId, ExternalLink>,
    /// The requested links that exist, by the hashes of their secrets.
    pub links: HashMap<String, Link>,
    /// The workers of the requested imports.
    pub import_workers: HashMap<i64, String>,
    /// The workers of the requested changes of the seats of many courses.
    pub seat_change_workers: HashMap<i64, String>,
    /// Fields that cannot be written.
    pub read_only: ReadOnly,
    /// How many rows the batch has added to tables that assign ids themselves.
    pub added: i64,
}

impl Facts {
    /// The id for the next enrollment.
    #[must_use]
    pub fn next_enrollment_id(&self) -> EnrollmentId {
        EnrollmentId(self.last_enrollment_id + 1)
    }

    /// A temporary id for a new row, replaced by the one that the table assigns when the events are written. It is
    /// zero or negative, so it is never the id of an existing row.
    #[must_use]
    pub fn provisional_id(&self) -> i64 {
        -self.added
    }

    /// The student's enrollments, ordered by course.
    pub fn enrollments_of_student(&self, id: StudentId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments
            .range((id, CourseId(i64::MIN))..=(id, CourseId(i64::MAX)))
            .map(|(_, enrollment)| enrollment)
    }

    /// The course's enrollments, ordered by student.
    pub fn enrollments_of_course(&self, id: CourseId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments.values().filter(move |enrollment| enrollment.course_id == id)
    }

    /// The student.
    ///
    /// # Errors
    /// [`Refusal::StudentNotFound`].
    pub fn student(&self, id: StudentId) -> Result<&Student, Refusal> {
        self.students.get(&id).ok_or(Refusal::StudentNotFound(id))
    }

    /// The course.
    ///
    /// # Errors
    /// [`Refusal::CourseNotFound`].
    pub fn course(&self, id: CourseId) -> Result<&Course, Refusal> {
        self.courses.get(&id).ok_or(Refusal::CourseNotFound(id))
    }

    /// The limits of the course; without any, the default.
    #[must_use]
    pub fn limits_of(&self, id: CourseId) -> Limits {
        self.limits.get(&id).cloned().unwrap_or_default()
    }

    /// How many students take the course; 0 if its seats were not loaded.
    #[must_use]
    pub fn enrolled_in(&self, id: CourseId) -> i64 {
        self.enrolled.get(&id).copied().unwrap_or_default()
    }

    /// The waitlist of the course, in order.
    pub fn waitlist_entries_of_course(&self, id: CourseId) -> impl Iterator<Item = &WaitlistEntry> {
        self.waitlists.get(&id).into_iter().flat_map(Waitlist::iter)
    }

    /// The students on the waitlist who move up when seats come free, in order: those who are not on hold.
    pub fn next_on_waitlist(&self, id: CourseId) -> impl Iterator<Item = &WaitlistEntry> {
        self.waitlists.get(&id).into_iter().flat_map(Waitlist::iter_without_holds)
    }

    /// The student's entries on waitlists, ordered by course.
    pub fn waitlist_entries_of_student(&self, id: StudentId) -> impl Iterator<Item = &WaitlistEntry> {
        self.waitlists.values().filter_map(move |waitlist| waitlist.get(id))
    }

    /// The student's entry on the course's waitlist.
    #[must_use]
    pub fn waitlist_entry(&self, student_id: StudentId, course_id: CourseId) -> Option<&WaitlistEntry> {
        self.waitlists.get(&course_id)?.get(student_id)
    }

    /// How many students are on the course's waitlist.
    #[must_use]
    pub fn waitlisted_in(&self, id: CourseId) -> i64 {
        to_i64(self.waitlists.get(&id).map_or(0, Waitlist::len))
    }

    /// The student's place on the course's waitlist.
    #[must_use]
    pub fn place(&self, student_id: StudentId, course_id: CourseId) -> Option<Place> {
        let (position, waiting) = self.waitlists.get(&course_id)?.position(student_id)?;
        Some(Place {
            student_id,
            course_id,
            position: to_i64(position),
            joined_at: waiting.joined_at.clone(),
        })
    }

    /// The place that a student gets who joins the course's waitlist now.
    #[must_use]
    pub fn last_place(&self, student_id: StudentId, course_id: CourseId) -> Place {
        let position = self.waitlisted_in(course_id) + 1;
        Place { student_id, course_id, position, joined_at: self.stamp.clone() }
    }

    /// The limits of the course, and how full it is.
    #[must_use]
    pub fn seats_of(&self, id: CourseId) -> Seats {
        Seats::new(self.limits_of(id), self.enrolled_in(id), self.waitlisted_in(id))
    }

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        self.last_seq += 1;
        for change in &event.changes {
            self.change(change);
        }
        self.ended.extend(event.ends());
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::AddStudent(student) => {
                self.added += 1;
                add_external_id(&mut self.numbers, student.id, student.number.as_ref());
                self.students.insert(student.id, student.clone());
            }
            Change::UpdateStudent(student, _) => {
                set_external_id(&mut self.numbers, student.id, student.number.as_ref());
                self.students.insert(student.id, student.clone());
            }
            Change::DeleteStudent(id) | Change::ForgetStudent(id) => {
                set_external_id(&mut self.numbers, *id, None);
                self.students.remove(id);
                self.forget_standing(*id);
                self.unbind(*id);
            }
            Change::AddCourse(course) => {
                self.added += 1;
                add_external_id(&mut self.codes, course.id, course.code.as_ref());
                self.courses.insert(course.id, course.clone());
            }
            Change::UpdateCourse(course, _) => {
                set_external_id(&mut self.codes, course.id, course.code.as_ref());
                self.courses.insert(course.id, course.clone());
            }
            Change::DeleteCourse(id) | Change::ForgetCourse(id) => {
                set_external_id(&mut self.codes, *id, None);
                self.courses.remove(id);
                self.instructors.retain(|(course, _)| course != id);
            }
            Change::AddEnrollment(enrollment) => self.enroll(enrollment),
            Change::DeleteEnrollment(enrollment) => self.leave(enrollment),
            Change::SetLimits { course_id, limits, .. } => {
                self.limits.insert(*course_id, limits.clone());
            }
            Change::DeleteLimits(course_id) => {
                self.limits.remove(course_id);
            }
            Change::AddWaitlistEntry(waiting) => self.put_on_waitlist(waiting),
            Change::DeleteWaitlistEntry(waiting) => self.take_off_waitlist(waiting),
            Change::SetRules(_)
            | Change::SetGroup(_)
            | Change::DeleteGroup(_)
            | Change::JoinGroup(..)
            | Change::LeaveGroup(..)
            | Change::AddHold(_)
            | Change::RemoveHold(_) => self.change_standing(change),
            Change::AddToken(..)
            | Change::RevokeToken(..)
            | Change::AddAccount(_)
            | Change::UpdateAccount(_)
            | Change::AddExternalLink(_)
            | Change::RemoveExternalLink(_)
            | Change::AddLink(_)
            | Change::AddInstructor(..)
            | Change::RemoveInstructor(..)
            | Change::SetPassword(..) => self.change_access(change),
            Change::LogImport { .. } | Change::EndImport { .. } | Change::LogSeatChange { .. } => {}
        }
    }

    /// Reverts the events of a batch, the last one first. Keeping a copy of the facts instead would mean to copy all
    /// waitlists in them.
    pub(super) fn revert(&mut self, events: &[Event], last_enrollment_id: i64) {
        for event in events.iter().rev() {
            self.last_seq -= 1;
            for change in event.changes.iter().rev() {
                match change {
                    Change::AddEnrollment(enrollment) => self.leave(enrollment),
                    Change::DeleteEnrollment(enrollment) => self.enroll(enrollment),
                    Change::AddWaitlistEntry(waiting) => self.take_off_waitlist(waiting),
                    Change::DeleteWaitlistEntry(waiting) => self.put_on_waitlist(waiting),
                    _ => {
                        debug_assert!(false, "no operation of a batch does this: {change:?}");
                    }
                }
            }
        }
        self.last_enrollment_id = last_enrollment_id;
    }

    fn enroll(&mut self, enrollment: &Enrollment) {
        // A restored enrollment has an earlier id.
        self.last_enrollment_id = self.last_enrollment_id.max(enrollment.id.0);
        self.enrollments.insert((enrollment.student_id, enrollment.course_id), enrollment.clone());
        *self.enrolled.entry(enrollment.course_id).or_default() += 1;
        self.count_course(enrollment.student_id, 1);
    }

    fn leave(&mut self, enrollment: &Enrollment) {
        self.enrollments.remove(&(enrollment.student_id, enrollment.course_id));
        *self.enrolled.entry(enrollment.course_id).or_default() -= 1;
        self.count_course(enrollment.student_id, -1);
    }

    fn put_on_waitlist(&mut self, waiting: &WaitlistEntry) {
        let is_on_hold = !self.holds_of(waiting.student_id).is_empty();
        let waitlist = self.waitlists.entry(waiting.course_id).or_default();
        waitlist.insert(waiting.clone());
        waitlist.set_on_hold(waiting.student_id, is_on_hold);
        self.count_course(waiting.student_id, 1);
    }

    fn take_off_waitlist(&mut self, waiting: &WaitlistEntry) {
        if let Some(waitlist) = self.waitlists.get_mut(&waiting.course_id) {
            waitlist.remove(waiting.student_id);
        }
        self.count_course(waiting.student_id, -1);
    }
}

/// Makes the record `id` the holder of `now` only.
fn set_external_id<Id: Copy + Ord>(
    holders: &mut HashMap<String, BTreeSet<Id>>,
    id: Id,
    now: Option<&String>,
) {
    for ids in holders.values_mut() {
        ids.remove(&id);
    }
    add_external_id(holders, id, now);
}

/// Like [`set_external_id`], for a new record, which has no id yet.
fn add_external_id<Id: Ord>(holders: &mut HashMap<String, BTreeSet<Id>>, id: Id, now: Option<&String>) {
    if let Some(external_id) = now {
        holders.entry(external_id.clone()).or_default().insert(id);
    }
}
