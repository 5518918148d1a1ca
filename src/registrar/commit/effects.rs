//! The rows that a batch writes, once all of its commands are decided.

use std::collections::BTreeMap;

use super::access_effects::AccessEffects;
use super::rows::stored_openings;
use super::standing::StandingEffects;
use crate::db::Arg;
use crate::registrar::caller::Caller;
use crate::registrar::event::{Change, Event, NewValue};
use crate::registrar::limits::Limits;
use crate::registrar::record::{
    Course, CourseId, Enrollment, EnrollmentId, Student, StudentId, WaitlistEntry,
};
use crate::registrar::records::Record;

/// The net effect of a batch on the tables, so that writing it takes a fixed number of statements.
#[derive(Default)]
pub(super) struct Effects<'a> {
    pub(super) new_students: Vec<&'a Student>,
    pub(super) new_courses: Vec<&'a Course>,
    pub(super) students: BTreeMap<StudentId, ColumnChanges<'a>>,
    pub(super) courses: BTreeMap<CourseId, ColumnChanges<'a>>,
    /// The new numbers of students who may have had another one; `None` if they have none any more.
    pub(super) numbers: BTreeMap<StudentId, Option<&'a str>>,
    /// The same for the codes of courses.
    pub(super) codes: BTreeMap<CourseId, Option<&'a str>>,
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
    /// Imports, each with the first and last of its entries in the log.
    imported: Vec<(i64, i64, i64)>,
    /// Courses with limits from a change of many courses: what became of them, how many students moved up, the change.
    seat_changes: Vec<(&'static str, i64, i64, CourseId)>,
    pub(super) applied_imports: Vec<Vec<Arg>>,
    pub(super) undone_imports: Vec<Vec<Arg>>,
    pub(super) access: AccessEffects<'a>,
    pub(super) standing: StandingEffects<'a>,
}

/// The columns of a row that the batch writes, with their new values. Other columns stay as they are.
pub(super) type ColumnChanges<'a> = BTreeMap<&'static str, Option<&'a str>>;

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
                self.numbers.extend(external_ids::<Student>(changed).map(|number| (student.id, number)));
            }
            Change::DeleteStudent(id) => {
                self.students.remove(id);
                self.deleted_students.push(*id);
                self.forget_student(*id);
            }
            Change::ForgetStudent(id) => self.forget_student(*id),
            Change::AddCourse(course) => self.new_courses.push(course),
            Change::UpdateCourse(course, changed) => {
                self.courses.entry(course.id).or_default().extend(values(changed));
                self.codes.extend(external_ids::<Course>(changed).map(|code| (course.id, code)));
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
            Change::LogImport { import_id, first_seq, last_seq } => {
                self.imported.push((*import_id, *first_seq, *last_seq));
            }
            Change::EndImport { import_id, at, is_undone, done, left } => {
                let ended = vec![(*done).into(), at.into(), (*left).into(), (*import_id).into()];
                if *is_undone { &mut self.undone_imports } else { &mut self.applied_imports }.push(ended);
            }
            Change::LogSeatChange { change_id, course_id, is_undone, moved_up } => {
                let status = if *is_undone { "undone" } else { "done" };
                self.seat_changes.push((status, *moved_up, *change_id, *course_id));
            }
            Change::SetRules(_)
            | Change::SetGroup(_)
            | Change::DeleteGroup(_)
            | Change::JoinGroup(..)
            | Change::LeaveGroup(..)
            | Change::AddHold(_)
            | Change::RemoveHold(_) => self.standing.add(change),
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

    fn forget_student(&mut self, id: StudentId) {
        self.forgotten_students.push(id);
        self.standing.forget(id);
        self.numbers.insert(id, None);
    }

    fn forget_course(&mut self, id: CourseId) {
        self.forgotten_courses.push(id);
        self.codes.insert(id, None);
        self.access.instructors.retain(|(course, _), _| *course != id);
    }

    fn take_off_waitlist(&mut self, waiting: &'a WaitlistEntry) {
        if self.waiting.remove(&waiting.joined_seq).is_none() {
            self.left.push(waiting);
        }
    }

    /// Has the new places on waitlists marked, where their students are on hold.
    pub(super) fn mark_waiting(&mut self) {
        self.standing.to_mark.extend(self.waiting.values().map(|waiting| waiting.student_id));
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
                limits.waitlist_closes_at.as_ref().into(),
                limits.drop_until.as_ref().into(),
                stored_openings(&limits.group_opens_at),
            ]
        })
        .collect()
    }

    pub(super) fn seats_removed(&self) -> Vec<Vec<Arg>> {
        let removed = self.seats.iter().filter(|(_, seats)| seats.existed && seats.now.is_none());
        removed.map(|(id, _)| vec![id.0.into()]).collect()
    }

    pub(super) fn imported(&self) -> Vec<Vec<Arg>> {
        let row = |&(import, first, last): &(i64, i64, i64)| vec![import.into(), first.into(), last.into()];
        self.imported.iter().map(row).collect()
    }

    pub(super) fn seat_changes(&self) -> Vec<Vec<Arg>> {
        let row = |&(status, moved_up, change_id, course_id): &(&str, i64, i64, CourseId)| {
            vec![status.into(), moved_up.into(), change_id.into(), course_id.0.into()]
        };
        self.seat_changes.iter().map(row).collect()
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

fn values(changed: &[NewValue]) -> impl Iterator<Item = (&'static str, Option<&str>)> {
    changed.iter().map(|(field, value)| (*field, value.as_deref()))
}

/// The new external id, if it is among the changes.
fn external_ids<R: Record>(changed: &[NewValue]) -> impl Iterator<Item = Option<&str>> {
    values(changed).filter(|(field, _)| *field == R::EXTERNAL_ID).map(|(_, value)| value)
}
