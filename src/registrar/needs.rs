//! Which facts the commands of a batch need.

use std::collections::{BTreeSet, HashSet};

use super::account::ExternalId;
use super::group_name::GroupName;
use super::record::{CourseId, StudentId};

/// Which facts the commands of a batch need. Nothing else is loaded.
#[derive(Debug, Default)]
pub struct Needs {
    pub(super) students: HashSet<StudentId>,
    pub(super) courses: HashSet<CourseId>,
    /// Rows to lock and read; sorted, so that two servers lock them in the same order and cannot deadlock.
    pub(super) locked_students: BTreeSet<StudentId>,
    pub(super) locked_courses: BTreeSet<CourseId>,
    pub(super) pairs: HashSet<(StudentId, CourseId)>,
    pub(super) all_of_student: HashSet<StudentId>,
    pub(super) all_of_course: HashSet<CourseId>,
    /// Courses whose limits to load, if they have any.
    pub(super) limits: HashSet<CourseId>,
    /// Courses whose enrolled students and waitlist to load, even without limits.
    pub(super) seats: HashSet<CourseId>,
    /// Numbers whose students to load.
    pub(super) numbers: BTreeSet<String>,
    /// Codes whose courses to load.
    pub(super) codes: BTreeSet<String>,
    pub(super) tokens: BTreeSet<i64>,
    pub(super) accounts: BTreeSet<i64>,
    /// Accounts whose rights matter and nothing else.
    pub(super) callers: BTreeSet<i64>,
    /// Pairs of a course and an account.
    pub(super) instructors: BTreeSet<(CourseId, i64)>,
    /// Accounts whose hashed passwords to load.
    pub(super) passwords: BTreeSet<i64>,
    /// Addresses in lower case, whose accounts to load.
    pub(super) addresses: BTreeSet<String>,
    /// Students whose accounts to load.
    pub(super) accounts_of_students: BTreeSet<StudentId>,
    /// Identities at providers, whose accounts to load.
    pub(super) externals: HashSet<ExternalId>,
    /// Accounts whose identities at providers to load.
    pub(super) identities: BTreeSet<i64>,
    pub(super) all_admins: bool,
    /// Hashes of sessions in hexadecimal.
    pub(super) sessions: BTreeSet<String>,
    /// Whether a command may change who may do what, so that each caller of the batch has to be looked up.
    pub(super) changes_access: bool,
    /// Hashes of links; their accounts are loaded too.
    pub(super) links: BTreeSet<String>,
    /// Imports whose workers to load.
    pub(super) imports: BTreeSet<i64>,
    /// Changes of the seats of many courses whose workers to load.
    pub(super) seat_changes: BTreeSet<i64>,
    /// Pairs of which the log is asked what the student had last in the course.
    pub(super) ended: BTreeSet<(StudentId, CourseId)>,
    /// What to load of groups and holds.
    pub(super) standing: StandingNeeds,
    /// Whether to look for students and courses that are gone without a log entry about it.
    pub(super) vanished: bool,
}

/// Which groups and holds the commands of a batch need.
#[derive(Debug, Default)]
pub(super) struct StandingNeeds {
    /// Students whose groups, holds and number of courses to load.
    pub(super) students: BTreeSet<StudentId>,
    /// Groups to load.
    pub(super) groups: BTreeSet<GroupName>,
    /// Groups for which courses may open at times of their own: the limits of these courses are loaded.
    pub(super) openings_of: BTreeSet<GroupName>,
    /// Groups whose students are counted.
    pub(super) members_of: BTreeSet<GroupName>,
    /// Whether a command may change what students may do, so that the standing of each has to be loaded.
    pub(super) changes: bool,
}

impl Needs {
    /// Needs to know whether the student exists.
    pub fn student(&mut self, id: StudentId) {
        self.students.insert(id);
    }

    /// Needs to know the worker of the import, which does not change until the commit.
    pub fn import(&mut self, id: i64) {
        self.imports.insert(id);
    }

    /// Needs to know the worker of the change of the seats of many courses, which does not change until the commit.
    pub fn seat_change(&mut self, id: i64) {
        self.seat_changes.insert(id);
    }

    /// Needs the student's row, locked until the commit.
    pub fn lock_student(&mut self, id: StudentId) {
        self.locked_students.insert(id);
    }

    /// Needs all enrollments and waitlist entries of the student, their groups and holds.
    pub fn all_of_student(&mut self, id: StudentId) {
        self.students.insert(id);
        self.all_of_student.insert(id);
        self.standing.students.insert(id);
    }

    /// Needs to know whether the course exists, its limits, and how full it is if it has limits.
    pub fn course(&mut self, id: CourseId) {
        self.courses.insert(id);
        self.limits.insert(id);
    }

    /// Needs the course's row, locked until the commit, and its limits.
    pub fn lock_course(&mut self, id: CourseId) {
        self.limits.insert(id);
        self.locked_courses.insert(id);
    }

    /// Needs all enrollments and the waitlist of the course.
    pub fn all_of_course(&mut self, id: CourseId) {
        self.course(id);
        self.all_of_course.insert(id);
        self.seats.insert(id);
    }

    /// Needs to know how full the course is, even without limits.
    pub fn seats(&mut self, id: CourseId) {
        self.course(id);
        self.seats.insert(id);
    }

    /// Needs to know whether the student takes the course or waits for it, and whether they may enroll.
    pub fn pair(&mut self, student_id: StudentId, course_id: CourseId) {
        self.student(student_id);
        self.course(course_id);
        self.pairs.insert((student_id, course_id));
        self.standing.students.insert(student_id);
    }

    /// Needs the group.
    pub fn group(&mut self, name: GroupName) {
        self.standing.groups.insert(name);
    }

    /// Needs to know whether the student is in the group, which is about to change.
    pub fn membership(&mut self, name: GroupName, student_id: StudentId) {
        self.student(student_id);
        self.group(name);
        self.standing.students.insert(student_id);
        self.standing.changes = true;
    }

    /// Needs the holds of the student, which are about to change, and all that the student waits for.
    pub fn holds(&mut self, student_id: StudentId) {
        self.all_of_student(student_id);
        self.standing.changes = true;
    }

    /// Needs the standing of each student who is asked about, since the command changes what students may do.
    pub fn changes_standing(&mut self) {
        self.standing.changes = true;
    }

    /// Needs the limits of all courses that open for the group at a time of its own.
    pub fn openings_of(&mut self, name: GroupName) {
        self.standing.openings_of.insert(name);
    }

    /// Needs the number of students in the group.
    pub fn members_of(&mut self, name: GroupName) {
        self.standing.members_of.insert(name);
    }

    /// Needs to know what the student had last in the course and has no more.
    pub fn ended(&mut self, student_id: StudentId, course_id: CourseId) {
        self.ended.insert((student_id, course_id));
    }

    /// Needs to know which students have this number.
    pub fn number(&mut self, number: String) {
        self.numbers.insert(number);
    }

    /// Needs to know which courses have this code.
    pub fn code(&mut self, code: String) {
        self.codes.insert(code);
    }

    /// Needs the token.
    pub fn token(&mut self, id: i64) {
        self.tokens.insert(id);
    }

    /// Needs the account.
    pub fn account(&mut self, id: i64) {
        self.accounts.insert(id);
    }

    /// Needs to know whether the account still has the rights of a caller.
    pub(super) fn caller(&mut self, id: i64) {
        self.callers.insert(id);
    }

    /// Needs to know whether the account is assigned to the course as an instructor.
    pub fn instructor(&mut self, course_id: CourseId, account_id: i64) {
        self.instructors.insert((course_id, account_id));
    }

    /// Needs the hashed password of the account.
    pub fn password(&mut self, id: i64) {
        self.passwords.insert(id);
    }

    /// Needs the account with this address, which is in lower case.
    pub fn address(&mut self, address: String) {
        self.addresses.insert(address);
    }

    /// Needs the accounts of the student, and who they belong to at providers.
    pub fn accounts_of_student(&mut self, id: StudentId) {
        self.accounts_of_students.insert(id);
    }

    /// Needs to know whose account this identity at a provider has, and who else at providers has an account that is
    /// loaded.
    pub fn external(&mut self, id: ExternalId) {
        self.externals.insert(id);
    }

    /// Needs the account, and who has it at providers.
    pub fn identities(&mut self, account_id: i64) {
        self.accounts.insert(account_id);
        self.identities.insert(account_id);
    }

    /// Needs to know whether the session with this hash still exists.
    pub fn session(&mut self, hash: String) {
        self.sessions.insert(hash);
    }

    /// Needs the link with this hash, and its account.
    pub fn link(&mut self, hash: String) {
        self.links.insert(hash);
    }

    /// Needs to know of every caller of the batch whether they still may do what they may, since the command changes that,
    /// and whether the school is open.
    pub fn changes_access(&mut self) {
        self.changes_access = true;
    }

    /// Needs the accounts and the tokens of all admins.
    pub fn all_admins(&mut self) {
        self.all_admins = true;
    }

    /// Needs to know which of the students and courses are gone without a log entry about it.
    pub fn vanished(&mut self) {
        self.vanished = true;
    }
}
