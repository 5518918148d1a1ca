//! The rows that a batch writes, once all of its commands are decided.

use std::collections::{BTreeMap, HashMap};

use super::access_effects::AccessEffects;
use super::reply::Replies;
use crate::db::Arg;
use crate::registrar::answer::{Answer, OperationOutcome};
use crate::registrar::caller::Caller;
use crate::registrar::event::{Change, Event, NewValue};
use crate::registrar::record::{
    Course, CourseId, Enrollment, EnrollmentId, Limits, Student, StudentId, WaitlistEntry,
};

/// The net effect of a batch on the tables, so that writing it takes a fixed number of statements.
#[derive(Default)]
pub(super) struct Effects<'a> {
    pub(super) new_students: Vec<&'a Student>,
    pub(super) new_courses: Vec<&'a Course>,
    pub(super) students: BTreeMap<StudentId, ColumnChanges<'a>>,
    pub(super) courses: BTreeMap<CourseId, ColumnChanges<'a>>,
    pub(super) deleted_students: Vec<StudentId>,
    pub(super) deleted_courses: Vec<CourseId>,
    /// Students and courses of which only the log entries may remain.
    pub(super) forgotten_students: Vec<StudentId>,
    pub(super) forgotten_courses: Vec<CourseId>,
    pub(super) enrolled: BTreeMap<EnrollmentId, &'a Enrollment>,
    pub(super) dropped: Vec<&'a Enrollment>,
    waiting: BTreeMap<i64, &'a WaitlistEntry>,
    left: Vec<&'a WaitlistEntry>,
    seats: BTreeMap<CourseId, LimitsChange<'a>>,
    pub(super) access: AccessEffects<'a>,
}

/// The columns of a row that the batch writes, with their new values. Other columns stay as they are.
pub(super) type ColumnChanges<'a> = BTreeMap<&'static str, &'a str>;

struct LimitsChange<'a> {
    /// Whether the course had limits before the batch.
    existed: bool,
    now: Option<&'a Limits>,
}

impl<'a> Effects<'a> {
    pub(super) fn from_events(events: &'a [(Event, &Caller)]) -> Self {
        let mut effects = Self::default();
        for change in events.iter().flat_map(|(event, _)| &event.changes) {
            effects.add(change);
        }
        effects
    }

    /// Whether the batch inserts or updates students or courses.
    pub(super) fn write_records(&self) -> bool {
        !(self.new_students.is_empty()
            && self.new_courses.is_empty()
            && self.students.is_empty()
            && self.courses.is_empty())
    }

    fn add(&mut self, change: &'a Change) {
        match change {
            Change::AddStudent(student) => self.new_students.push(student),
            Change::UpdateStudent(student, changed) => {
                self.students.entry(student.id).or_default().extend(values(changed));
            }
            Change::DeleteStudent(id) => {
                self.students.remove(id);
                self.deleted_students.push(*id);
                self.forgotten_students.push(*id);
            }
            Change::ForgetStudent(id) => self.forgotten_students.push(*id),
            Change::AddCourse(course) => self.new_courses.push(course),
            Change::UpdateCourse(course, changed) => {
                self.courses.entry(course.id).or_default().extend(values(changed));
            }
            Change::DeleteCourse(id) => {
                self.courses.remove(id);
                self.deleted_courses.push(*id);
                self.forget_course(*id);
            }
            Change::ForgetCourse(id) => self.forget_course(*id),
            Change::AddEnrollment(enrollment) => {
                self.enrolled.insert(enrollment.id, enrollment);
            }
            Change::DeleteEnrollment(enrollment) => {
                if self.enrolled.remove(&enrollment.id).is_none() {
                    self.dropped.push(enrollment);
                }
            }
            Change::SetLimits { course_id, limits, is_first } => {
                let seats = self.seats.entry(*course_id);
                seats.or_insert(LimitsChange { existed: !is_first, now: None }).now = Some(limits);
            }
            Change::DeleteLimits(course_id) => {
                self.seats.entry(*course_id).or_insert(LimitsChange { existed: true, now: None }).now = None;
            }
            Change::AddWaitlistEntry(waiting) => {
                self.waiting.insert(waiting.joined_seq, waiting);
            }
            Change::DeleteWaitlistEntry(waiting) => self.take_off_waitlist(waiting),
            Change::AddToken(..)
            | Change::RevokeToken(..)
            | Change::AddAccount(_)
            | Change::UpdateAccount(_)
            | Change::AddExternalLink(_)
            | Change::RemoveExternalLink(_)
            | Change::AddLink(_)
            | Change::AddInstructor(..)
            | Change::RemoveInstructor(..)
            | Change::SetPassword(..) => self.access.add(change),
        }
    }

    fn forget_course(&mut self, id: CourseId) {
        self.forgotten_courses.push(id);
        self.access.instructors.retain(|(course, _), _| *course != id);
    }

    fn take_off_waitlist(&mut self, waiting: &'a WaitlistEntry) {
        if self.waiting.remove(&waiting.joined_seq).is_none() {
            self.left.push(waiting);
        }
    }

    pub(super) fn waiting(&self) -> Vec<Vec<Arg>> {
        let row = |w: &&WaitlistEntry| {
            vec![w.student_id.0.into(), w.course_id.0.into(), w.joined_seq.into(), (&w.joined_at).into()]
        };
        self.waiting.values().map(row).collect()
    }

    pub(super) fn left(&self) -> Vec<Vec<Arg>> {
        self.left.iter().map(|w| vec![w.student_id.0.into(), w.course_id.0.into()]).collect()
    }

    pub(super) fn seats_set(&self) -> Vec<Vec<Arg>> {
        let set = self.seats.iter().filter_map(|(id, seats)| Some((id, seats.now?)));
        set.map(|(id, limits)| {
            vec![
                id.0.into(),
                limits.capacity.into(),
                limits.waitlist_capacity.into(),
                limits.opens_at.as_ref().into(),
                limits.closes_at.as_ref().into(),
            ]
        })
        .collect()
    }

    pub(super) fn seats_removed(&self) -> Vec<Vec<Arg>> {
        let removed = self.seats.iter().filter(|(_, seats)| seats.existed && seats.now.is_none());
        removed.map(|(id, _)| vec![id.0.into()]).collect()
    }

    pub(super) fn dropped(&self) -> Vec<Vec<Arg>> {
        self.dropped.iter().map(|e| vec![e.student_id.0.into(), e.id.0.into()]).collect()
    }

    pub(super) fn enrolled(&self) -> Vec<Vec<Arg>> {
        let row = |e: &&Enrollment| {
            vec![e.id.0.into(), e.student_id.0.into(), e.course_id.0.into(), (&e.enrolled_at).into()]
        };
        self.enrolled.values().map(row).collect()
    }
}

fn values(changed: &[NewValue]) -> impl Iterator<Item = (&'static str, &str)> {
    changed.iter().map(|(field, value)| (*field, value.as_str()))
}

/// What the tables assigned: ids of new rows, by their provisional ids, and computed columns.
#[derive(Default)]
pub(super) struct Assigned {
    pub(super) students: HashMap<StudentId, StudentId>,
    pub(super) courses: HashMap<CourseId, CourseId>,
    /// Rows as read back, where the table computes one of their columns.
    pub(super) computed_students: HashMap<StudentId, Student>,
    pub(super) computed_courses: HashMap<CourseId, Course>,
}

impl Assigned {
    /// Whether all rows are exactly as decided.
    pub(super) fn is_empty(&self) -> bool {
        self.students.is_empty()
            && self.courses.is_empty()
            && self.computed_students.is_empty()
            && self.computed_courses.is_empty()
    }

    pub(super) fn replace_provisional_ids(&self, events: &mut [(Event, &Caller)], answers: &mut Replies) {
        for (event, _) in events {
            event.student_id.iter_mut().for_each(|id| self.student_id(id));
            event.course_id.iter_mut().for_each(|id| self.course_id(id));
            event.changes.iter_mut().for_each(|change| self.change(change));
        }
        for answer in answers.iter_mut().filter_map(|reply| reply.answer.as_mut().ok()) {
            self.answer(answer);
        }
    }

    fn change(&self, change: &mut Change) {
        match change {
            Change::AddStudent(student) | Change::UpdateStudent(student, _) => self.student(student),
            Change::AddCourse(course) | Change::UpdateCourse(course, _) => self.course(course),
            Change::DeleteStudent(id) | Change::ForgetStudent(id) => self.student_id(id),
            Change::DeleteCourse(id)
            | Change::ForgetCourse(id)
            | Change::DeleteLimits(id)
            | Change::AddInstructor(id, _)
            | Change::RemoveInstructor(id, _)
            | Change::SetLimits { course_id: id, .. } => self.course_id(id),
            Change::AddEnrollment(row) | Change::DeleteEnrollment(row) => {
                self.student_id(&mut row.student_id);
                self.course_id(&mut row.course_id);
            }
            Change::AddWaitlistEntry(row) | Change::DeleteWaitlistEntry(row) => {
                self.student_id(&mut row.student_id);
                self.course_id(&mut row.course_id);
            }
            Change::AddToken(..)
            | Change::RevokeToken(..)
            | Change::AddAccount(_)
            | Change::UpdateAccount(_)
            | Change::AddExternalLink(_)
            | Change::RemoveExternalLink(_)
            | Change::AddLink(_)
            | Change::SetPassword(..) => {}
        }
    }

    fn answer(&self, answer: &mut Answer) {
        match answer {
            Answer::Student(student) => self.student(student),
            Answer::Course(course) => self.course(course),
            Answer::Enrollment(row) => {
                self.student_id(&mut row.student_id);
                self.course_id(&mut row.course_id);
            }
            Answer::Waitlisted(place) => {
                self.student_id(&mut place.student_id);
                self.course_id(&mut place.course_id);
            }
            Answer::Batch(done) => {
                for done in done {
                    if let OperationOutcome::Done(answer) = done {
                        self.answer(answer);
                    }
                }
            }
            Answer::Seats(_) | Answer::Account(_) | Answer::Token(_) | Answer::Gone => {}
        }
    }

    fn student(&self, student: &mut Student) {
        self.student_id(&mut student.id);
        if let Some(computed) = self.computed_students.get(&student.id) {
            student.clone_from(computed);
        }
    }

    fn course(&self, course: &mut Course) {
        self.course_id(&mut course.id);
        if let Some(computed) = self.computed_courses.get(&course.id) {
            *course = Course { seats: course.seats.take(), ..computed.clone() };
        }
    }

    fn student_id(&self, id: &mut StudentId) {
        *id = self.students.get(id).copied().unwrap_or(*id);
    }

    fn course_id(&self, id: &mut CourseId) {
        *id = self.courses.get(id).copied().unwrap_or(*id);
    }
}
