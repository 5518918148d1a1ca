//! What the tables make of a batch: the ids of new rows, and computed columns.

use std::collections::HashMap;

use super::reply::Replies;
use crate::registrar::answer::{Answer, OperationOutcome};
use crate::registrar::caller::Caller;
use crate::registrar::event::{Change, Event};
use crate::registrar::record::{Course, CourseId, Student, StudentId};
use crate::registrar::refusal::Refusal;

/// What the tables assigned: ids of new rows, by their provisional ids, and computed columns.
#[derive(Default)]
pub(super) struct Assigned {
    pub(super) students: HashMap<StudentId, StudentId>,
    pub(super) courses: HashMap<CourseId, CourseId>,
    /// Rows as read back, where the table computes one of their columns.
    pub(super) computed_students: HashMap<StudentId, Student>,
    pub(super) computed_courses: HashMap<CourseId, Course>,
    /// Whether numbers are in our table, so that rows as read back are without them.
    pub(super) has_own_numbers: bool,
    /// Whether codes are in our table.
    pub(super) has_own_codes: bool,
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
        for reply in answers.iter_mut() {
            match &mut reply.answer {
                Ok(answer) => self.answer(answer),
                // Held by a record that is added in the same batch.
                Err(Refusal::NumberTaken(id)) => self.student_id(id),
                Err(Refusal::CodeTaken(id)) => self.course_id(id),
                Err(_) => {}
            }
        }
    }

    fn change(&self, change: &mut Change) {
        match change {
            Change::AddStudent(student) | Change::UpdateStudent(student, _) => self.student(student),
            Change::AddCourse(course) | Change::UpdateCourse(course, _) => self.course(course),
            Change::DeleteStudent(id)
            | Change::ForgetStudent(id)
            | Change::JoinGroup(_, id)
            | Change::LeaveGroup(_, id) => self.student_id(id),
            Change::AddHold(hold) | Change::RemoveHold(hold) => self.student_id(&mut hold.student_id),
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
            Change::LogImport { .. }
            | Change::EndImport { .. }
            | Change::LogSeatChange { .. }
            | Change::SetRules(_)
            | Change::SetGroup(_)
            | Change::DeleteGroup(_)
            | Change::AddToken(..)
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
            Answer::Hold(hold) => self.student_id(&mut hold.student_id),
            Answer::Seats(_)
            | Answer::Account(_)
            | Answer::Token(_)
            | Answer::Group(_)
            | Answer::Rules(_)
            | Answer::Gone => {}
        }
    }

    fn student(&self, student: &mut Student) {
        self.student_id(&mut student.id);
        if let Some(computed) = self.computed_students.get(&student.id) {
            let number = student.number.take().filter(|_| self.has_own_numbers);
            *student = Student { number: number.or_else(|| computed.number.clone()), ..computed.clone() };
        }
    }

    fn course(&self, course: &mut Course) {
        self.course_id(&mut course.id);
        if let Some(computed) = self.computed_courses.get(&course.id) {
            let code = course.code.take().filter(|_| self.has_own_codes);
            let code = code.or_else(|| computed.code.clone());
            *course = Course { code, seats: course.seats.take(), ..computed.clone() };
        }
    }

    fn student_id(&self, id: &mut StudentId) {
        *id = self.students.get(id).copied().unwrap_or(*id);
    }

    fn course_id(&self, id: &mut CourseId) {
        *id = self.courses.get(id).copied().unwrap_or(*id);
    }
}
