//! The rows that a batch writes, once all of its commands are decided.

use std::collections::{BTreeMap, HashMap};

use super::reply::Replies;
use crate::clock::Stamp;
use crate::db::Arg;
use crate::registrar::account::ExternalLink;
use crate::registrar::account::{Account, Link, Token};
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

/// Changes of accounts and tokens.
#[derive(Default)]
pub(super) struct AccessEffects<'a> {
    new_tokens: Vec<(&'a Token, &'a str)>,
    revoked_tokens: Vec<(i64, &'a Stamp)>,
    new_accounts: Vec<&'a Account>,
    accounts: BTreeMap<i64, &'a Account>,
    externals: Vec<&'a ExternalLink>,
    links: BTreeMap<i64, &'a Link>,
    passwords: BTreeMap<i64, &'a str>,
    /// Pairs of a course and an account, and whether the account teaches the course from now on.
    pub(super) instructors: BTreeMap<(CourseId, i64), bool>,
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
            Change::AddToken(token, hash) => self.access.new_tokens.push((token, hash)),
            Change::RevokeToken(id, at) => self.access.revoked_tokens.push((*id, at)),
            Change::AddAccount(account) => self.access.new_accounts.push(account),
            Change::UpdateAccount(account) => {
                self.access.accounts.insert(account.id, account);
            }
            Change::AddExternalLink(link) => self.access.externals.push(link),
            Change::AddLink(link) => {
                self.access.links.insert(link.account_id, link);
            }
            Change::AddInstructor(course_id, account_id) => {
                self.access.instructors.insert((*course_id, *account_id), true);
            }
            Change::RemoveInstructor(course_id, account_id) => {
                self.access.instructors.insert((*course_id, *account_id), false);
            }
            Change::SetPassword(account_id, password) => {
                self.access.passwords.insert(*account_id, password);
                self.access.links.remove(account_id);
            }
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

impl AccessEffects<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.new_tokens.is_empty()
            && self.revoked_tokens.is_empty()
            && self.new_accounts.is_empty()
            && self.accounts.is_empty()
            && self.externals.is_empty()
            && self.links.is_empty()
            && self.passwords.is_empty()
            && self.instructors.is_empty()
    }

    /// Whether there is a token or an account from now on.
    pub(super) fn closes(&self) -> bool {
        !self.new_tokens.is_empty() || !self.new_accounts.is_empty()
    }

    /// Bindings to students: each has the id of its token or account.
    pub(super) fn people(&self) -> Vec<Vec<Arg>> {
        let tokens = self.new_tokens.iter().map(|(token, _)| (token.id, token.student_id));
        let accounts = self.new_accounts.iter().map(|account| (account.id, account.student_id));
        let bound = tokens.chain(accounts).filter_map(|(id, student)| Some((id, student?)));
        bound.map(|(id, student)| vec![id.into(), student.0.into()]).collect()
    }

    pub(super) fn new_tokens(&self) -> Vec<Vec<Arg>> {
        let row = |(token, hash): &(&Token, &str)| {
            vec![
                token.id.into(),
                token.name.as_str().into(),
                token.role.as_str().into(),
                token.scopes.to_string().into(),
                token.student_id.map(|_| token.id).into(),
                (*hash).into(),
                (&token.created_at).into(),
                token.expires_at.as_ref().into(),
            ]
        };
        self.new_tokens.iter().map(row).collect()
    }

    pub(super) fn revoked_tokens(&self) -> Vec<Vec<Arg>> {
        self.revoked_tokens.iter().map(|(id, at)| vec![(*at).into(), (*id).into()]).collect()
    }

    pub(super) fn new_accounts(&self) -> Vec<Vec<Arg>> {
        let row = |account: &&Account| {
            vec![
                account.id.into(),
                account.name.as_str().into(),
                account.address.as_str().into(),
                account.role.as_str().into(),
                account.student_id.map(|_| account.id).into(),
                (&account.created_at).into(),
            ]
        };
        self.new_accounts.iter().map(row).collect()
    }

    /// Accounts whose earlier links end.
    pub(super) fn relinked(&self) -> Vec<Vec<Arg>> {
        let disabled =
            self.accounts.values().filter(|account| account.disabled_at.is_some()).map(|one| &one.id);
        self.links.keys().chain(self.passwords.keys()).chain(disabled).map(|id| vec![(*id).into()]).collect()
    }

    pub(super) fn links(&self) -> Vec<Vec<Arg>> {
        let row =
            |link: &&Link| vec![link.hash.as_str().into(), link.account_id.into(), (&link.expires_at).into()];
        self.links.values().map(row).collect()
    }

    pub(super) fn externals(&self) -> Vec<Vec<Arg>> {
        let row = |link: &&ExternalLink| {
            let (provider, subject) = (link.external.provider.as_str(), link.external.subject.as_str());
            vec![provider.into(), subject.into(), link.account_id.into(), i64::from(link.has_opened).into()]
        };
        self.externals.iter().map(row).collect()
    }

    pub(super) fn passwords(&self) -> Vec<Vec<Arg>> {
        self.passwords.iter().map(|(id, password)| vec![(*password).into(), (*id).into()]).collect()
    }

    /// Accounts whose sessions end: they have been disabled, or have a new password.
    pub(super) fn signed_out(&self) -> Vec<Vec<Arg>> {
        let disabled =
            self.accounts.values().filter(|account| account.disabled_at.is_some()).map(|one| one.id);
        disabled.chain(self.passwords.keys().copied()).map(|id| vec![id.into()]).collect()
    }

    pub(super) fn accounts(&self) -> Vec<Vec<Arg>> {
        let row = |account: &&Account| {
            vec![account.role.as_str().into(), account.disabled_at.as_ref().into(), account.id.into()]
        };
        self.accounts.values().map(row).collect()
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
