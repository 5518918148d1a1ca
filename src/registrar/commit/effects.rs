//! What a batch does to the tables, once it is decided what happens.

use std::collections::{BTreeMap, HashMap};

use super::Outcome;
use crate::db::Arg;
use crate::registrar::command::{Answer, Origin};
use crate::registrar::event::{Change, Event};
use crate::registrar::record::{Course, CourseId, Enrollment, EnrollmentId, Student, StudentId};
use crate::registrar::seats::{Limits, Waiting};

/// What a batch leaves behind, whatever went on inside it: a fixed number of steps.
#[derive(Default)]
pub(super) struct Effects<'a> {
    pub(super) new_students: Vec<&'a Student>,
    pub(super) new_courses: Vec<&'a Course>,
    pub(super) students: BTreeMap<StudentId, Changes<'a>>,
    pub(super) courses: BTreeMap<CourseId, Changes<'a>>,
    pub(super) deleted_students: Vec<StudentId>,
    pub(super) deleted_courses: Vec<CourseId>,
    /// Students and courses of which nothing but the log may remain.
    pub(super) forgotten_students: Vec<StudentId>,
    pub(super) forgotten_courses: Vec<CourseId>,
    pub(super) enrolled: BTreeMap<EnrollmentId, &'a Enrollment>,
    pub(super) dropped: Vec<&'a Enrollment>,
    waiting: BTreeMap<i64, &'a Waiting>,
    left: Vec<&'a Waiting>,
    seats: BTreeMap<CourseId, Seats<'a>>,
}

/// The columns that the batch writes of a row, with their new values. Other columns keep their bytes.
pub(super) type Changes<'a> = BTreeMap<&'static str, &'a str>;

struct Seats<'a> {
    /// Whether the course had limits before the batch.
    were: bool,
    now: Option<&'a Limits>,
}

impl<'a> Effects<'a> {
    pub(super) fn of(happened: &'a [(Event, &Origin)]) -> Self {
        let mut effects = Self::default();
        for (event, _) in happened {
            match event {
                Event::StudentCreated(student) => effects.new_students.push(student),
                Event::StudentUpdated { student, changed } => {
                    effects.students.entry(student.id).or_default().extend(values(changed));
                }
                Event::StudentDeleted(id) => {
                    effects.students.remove(id);
                    effects.deleted_students.push(*id);
                    effects.forgotten_students.push(*id);
                }
                Event::StudentVanished(id) => effects.forgotten_students.push(*id),
                Event::CourseCreated(course) => effects.new_courses.push(course),
                Event::CourseUpdated { course, changed } => {
                    effects.courses.entry(course.id).or_default().extend(values(changed));
                }
                Event::CourseDeleted(id) => {
                    effects.courses.remove(id);
                    effects.deleted_courses.push(*id);
                    effects.forgotten_courses.push(*id);
                }
                Event::CourseVanished(id) => effects.forgotten_courses.push(*id),
                Event::EnrollmentCreated(enrollment) => {
                    effects.enrolled.insert(enrollment.id, enrollment);
                }
                Event::EnrollmentDropped(enrollment) => {
                    if effects.enrolled.remove(&enrollment.id).is_none() {
                        effects.dropped.push(enrollment);
                    }
                }
                Event::SeatsSet { course_id, limits, is_first } => {
                    let seats = effects.seats.entry(*course_id);
                    seats.or_insert(Seats { were: !is_first, now: None }).now = Some(limits);
                }
                Event::SeatsRemoved(course_id) => {
                    effects.seats.entry(*course_id).or_insert(Seats { were: true, now: None }).now = None;
                }
                Event::WaitlistJoined(waiting) => {
                    effects.waiting.insert(waiting.joined_seq, waiting);
                }
                Event::WaitlistLeft(waiting) => effects.take_off_waitlist(waiting),
                Event::WaitlistPromoted { waiting, enrollment } => {
                    effects.take_off_waitlist(waiting);
                    effects.enrolled.insert(enrollment.id, enrollment);
                }
            }
        }
        effects
    }

    fn take_off_waitlist(&mut self, waiting: &'a Waiting) {
        if self.waiting.remove(&waiting.joined_seq).is_none() {
            self.left.push(waiting);
        }
    }

    pub(super) fn waiting(&self) -> Vec<Vec<Arg>> {
        let row = |w: &&Waiting| {
            vec![
                w.student_id.0.into(),
                w.course_id.0.into(),
                w.joined_seq.into(),
                w.joined_at.as_str().into(),
            ]
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
                limits.opens_at.clone().into(),
                limits.closes_at.clone().into(),
            ]
        })
        .collect()
    }

    pub(super) fn seats_removed(&self) -> Vec<Vec<Arg>> {
        let removed = self.seats.iter().filter(|(_, seats)| seats.were && seats.now.is_none());
        removed.map(|(id, _)| vec![id.0.into()]).collect()
    }

    pub(super) fn dropped(&self) -> Vec<Vec<Arg>> {
        self.dropped.iter().map(|e| vec![e.student_id.0.into(), e.id.0.into()]).collect()
    }

    pub(super) fn enrolled(&self) -> Vec<Vec<Arg>> {
        let row = |e: &&Enrollment| {
            vec![e.id.0.into(), e.student_id.0.into(), e.course_id.0.into(), e.enrolled_at.as_str().into()]
        };
        self.enrolled.values().map(row).collect()
    }
}

fn values(changed: &[Change]) -> impl Iterator<Item = (&'static str, &str)> {
    changed.iter().map(|(field, value)| (*field, value.as_str()))
}

/// The ids that the tables gave to the batch's new rows, by their stand-ins.
#[derive(Default)]
pub(super) struct Numbered {
    pub(super) students: HashMap<StudentId, StudentId>,
    pub(super) courses: HashMap<CourseId, CourseId>,
    /// Rows as they are now, where the table computes a column of them.
    pub(super) computed_students: HashMap<StudentId, Student>,
    pub(super) computed_courses: HashMap<CourseId, Course>,
}

impl Numbered {
    pub(super) fn replace_provisional_ids(&self, happened: &mut [(Event, &Origin)], outcome: &mut Outcome) {
        let is_computed = !self.computed_students.is_empty() || !self.computed_courses.is_empty();
        if self.students.is_empty() && self.courses.is_empty() && !is_computed {
            return;
        }
        let student = |student: &mut Student| {
            if let Some(id) = self.students.get(&student.id) {
                student.id = *id;
            }
            if let Some(computed) = self.computed_students.get(&student.id) {
                student.clone_from(computed);
            }
        };
        let course = |course: &mut Course| {
            if let Some(id) = self.courses.get(&course.id) {
                course.id = *id;
            }
            if let Some(computed) = self.computed_courses.get(&course.id) {
                *course = Course { seats: course.seats.take(), ..computed.clone() };
            }
        };
        for (event, _) in happened {
            match event {
                Event::StudentCreated(created) => student(created),
                Event::CourseCreated(created) => course(created),
                _ => {}
            }
        }
        for answer in outcome.iter_mut().flatten() {
            match answer {
                Answer::Student(told) => student(told),
                Answer::Course(told) => course(told),
                Answer::Enrollment(_)
                | Answer::Waitlisted(_)
                | Answer::Seats(_)
                | Answer::Batch(_)
                | Answer::Gone => {}
            }
        }
    }
}
