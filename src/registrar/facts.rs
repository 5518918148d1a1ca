//! What a decision may know.

use std::collections::{BTreeMap, HashMap};

use super::event::{Change, Event};
use super::record::{
    Course, CourseId, Enrollment, EnrollmentId, Limits, Place, Seats, Student, StudentId, Waiting,
};
use super::refusal::Refusal;
use super::waitlist::Waitlist;
use crate::count::to_i64;

/// Columns of found tables that cannot be written because the table computes them; in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly {
    /// Those of `students`.
    pub of_students: Vec<String>,
    /// Those of `courses`.
    pub of_courses: Vec<String>,
}

/// What a decision may know: the part of the school that the commands of one batch speak of.
///
/// [`Facts::apply`] moves the facts on, so that each command sees what those before it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the clock says, which decides: RFC 3339, UTC, milliseconds.
    pub now: String,
    /// The time that is written: as `now`, but never earlier than the log's last entry.
    pub stamp: String,
    /// The last `seq` of the log.
    pub last_seq: i64,
    /// The last id given to an enrollment.
    pub last_enrollment_id: i64,
    /// Those of the students asked for that exist.
    pub students: HashMap<StudentId, Student>,
    /// Those of the courses asked for that exist.
    pub courses: HashMap<CourseId, Course>,
    /// The enrollments that the commands could meet: of each pair, and of everybody who is to be deleted.
    pub enrollments: BTreeMap<(StudentId, CourseId), Enrollment>,
    /// Those of the courses asked for that have limits, and which.
    pub limits: HashMap<CourseId, Limits>,
    /// How many students take each of the courses of which seats matter.
    pub enrolled: HashMap<CourseId, i64>,
    /// Who waits for each of the courses of which seats matter.
    pub waitlists: BTreeMap<CourseId, Waitlist>,
    /// What cannot be written.
    pub read_only: ReadOnly,
    /// How many rows the batch has added to tables that number their rows themselves.
    pub added: i64,
}

impl Facts {
    /// The id that the next enrollment gets.
    #[must_use]
    pub fn next_enrollment_id(&self) -> EnrollmentId {
        EnrollmentId(self.last_enrollment_id + 1)
    }

    /// A stand-in for the id that a table will give to a new row when the events are applied: never positive, so never
    /// the id of a row that somebody can ask for.
    #[must_use]
    pub fn provisional_id(&self) -> i64 {
        -self.added
    }

    /// The student's enrollments, in order of the course.
    pub fn enrollments_of_student(&self, id: StudentId) -> impl Iterator<Item = &Enrollment> {
        self.enrollments
            .range((id, CourseId(i64::MIN))..=(id, CourseId(i64::MAX)))
            .map(|(_, enrollment)| enrollment)
    }

    /// The course's enrollments, in order of the student.
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

    /// What limits the course.
    #[must_use]
    pub fn limits_of(&self, id: CourseId) -> Limits {
        self.limits.get(&id).cloned().unwrap_or_default()
    }

    /// Students who take the course, as far as it has limits.
    #[must_use]
    pub fn enrolled_in(&self, id: CourseId) -> i64 {
        self.enrolled.get(&id).copied().unwrap_or_default()
    }

    /// Who waits for the course, in order.
    pub fn waiting_for(&self, id: CourseId) -> impl Iterator<Item = &Waiting> {
        self.waitlists.get(&id).into_iter().flat_map(Waitlist::iter)
    }

    /// For what the student waits, in order of the course.
    pub fn waits_of(&self, id: StudentId) -> impl Iterator<Item = &Waiting> {
        self.waitlists.values().filter_map(move |waitlist| waitlist.get(id))
    }

    /// The student's entry on the course's waitlist.
    #[must_use]
    pub fn waiting(&self, student_id: StudentId, course_id: CourseId) -> Option<&Waiting> {
        self.waitlists.get(&course_id)?.get(student_id)
    }

    /// Students who wait for the course.
    #[must_use]
    pub fn waitlisted_in(&self, id: CourseId) -> i64 {
        to_i64(self.waitlists.get(&id).map_or(0, Waitlist::len))
    }

    /// Where the student stands on the course's waitlist.
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

    /// The place at the end of the course's waitlist.
    #[must_use]
    pub fn last_place(&self, student_id: StudentId, course_id: CourseId) -> Place {
        let position = self.waitlisted_in(course_id) + 1;
        Place { student_id, course_id, position, joined_at: self.stamp.clone() }
    }

    /// The limits of the course, and how full it is.
    #[must_use]
    pub fn seats_of(&self, id: CourseId) -> Seats {
        Seats::of(self.limits_of(id), self.enrolled_in(id), self.waitlisted_in(id))
    }

    /// Moves the facts on by what has happened.
    pub fn apply(&mut self, event: &Event) {
        self.last_seq += 1;
        for change in &event.changes {
            self.change(change);
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::AddStudent(student) => {
                self.added += 1;
                self.students.insert(student.id, student.clone());
            }
            Change::UpdateStudent(student, _) => {
                self.students.insert(student.id, student.clone());
            }
            Change::DeleteStudent(id) | Change::ForgetStudent(id) => {
                self.students.remove(id);
            }
            Change::AddCourse(course) => {
                self.added += 1;
                self.courses.insert(course.id, course.clone());
            }
            Change::UpdateCourse(course, _) => {
                self.courses.insert(course.id, course.clone());
            }
            Change::DeleteCourse(id) | Change::ForgetCourse(id) => {
                self.courses.remove(id);
            }
            Change::AddEnrollment(enrollment) => self.enroll(enrollment),
            Change::DeleteEnrollment(enrollment) => self.leave(enrollment),
            Change::SetLimits { course_id, limits, .. } => {
                self.limits.insert(*course_id, limits.clone());
            }
            Change::DeleteLimits(course_id) => {
                self.limits.remove(course_id);
            }
            Change::AddWaiting(waiting) => self.put_on_waitlist(waiting),
            Change::DeleteWaiting(waiting) => self.take_off_waitlist(waiting),
        }
    }

    /// Reverts what the operations of a batch did, the last first. A copy of the facts to return to would be as large as all
    /// waitlists in them.
    pub(super) fn revert(&mut self, events: &[Event], last_enrollment_id: i64) {
        for event in events.iter().rev() {
            self.last_seq -= 1;
            for change in event.changes.iter().rev() {
                match change {
                    Change::AddEnrollment(enrollment) => self.leave(enrollment),
                    Change::DeleteEnrollment(enrollment) => self.enroll(enrollment),
                    Change::AddWaiting(waiting) => self.take_off_waitlist(waiting),
                    Change::DeleteWaiting(waiting) => self.put_on_waitlist(waiting),
                    Change::AddStudent(_)
                    | Change::UpdateStudent(..)
                    | Change::DeleteStudent(_)
                    | Change::ForgetStudent(_)
                    | Change::AddCourse(_)
                    | Change::UpdateCourse(..)
                    | Change::DeleteCourse(_)
                    | Change::ForgetCourse(_)
                    | Change::SetLimits { .. }
                    | Change::DeleteLimits(_) => {
                        debug_assert!(false, "no operation of a batch does this: {change:?}");
                    }
                }
            }
        }
        self.last_enrollment_id = last_enrollment_id;
    }

    fn enroll(&mut self, enrollment: &Enrollment) {
        self.last_enrollment_id = enrollment.id.0;
        self.enrollments.insert((enrollment.student_id, enrollment.course_id), enrollment.clone());
        *self.enrolled.entry(enrollment.course_id).or_default() += 1;
    }

    fn leave(&mut self, enrollment: &Enrollment) {
        self.enrollments.remove(&(enrollment.student_id, enrollment.course_id));
        *self.enrolled.entry(enrollment.course_id).or_default() -= 1;
    }

    fn put_on_waitlist(&mut self, waiting: &Waiting) {
        self.waitlists.entry(waiting.course_id).or_default().insert(waiting.clone());
    }

    fn take_off_waitlist(&mut self, waiting: &Waiting) {
        if let Some(waitlist) = self.waitlists.get_mut(&waiting.course_id) {
            waitlist.remove(waiting.student_id);
        }
    }
}
