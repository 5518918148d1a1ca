//! The reading side for a caller: what a store reads depends on who asks.

use crate::db::{Arg, Db};
use crate::registrar::{Actor, CourseId, Grants, Identity, Right, StudentId};
use crate::shares::Client;

/// The database as a caller may see it. Only a request that the policy has let pass has one, and only stores read
/// through it, with the restrictions of the caller in their statements. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Viewer {
    db: Db,
    grants: Grants,
    /// The account of a person who has signed in.
    account: Option<i64>,
}

impl Viewer {
    /// The view of a caller.
    #[must_use]
    pub fn new(db: &Db, client: Option<Client>, identity: &Identity) -> Self {
        let account = match identity.actor {
            Actor::Account(id) => Some(id),
            _ => None,
        };
        Self { db: db.for_client(client), grants: identity.grants, account }
    }

    /// The view of the program itself.
    #[must_use]
    pub fn of_program(db: &Db) -> Self {
        Self { db: db.clone(), grants: Grants::ALL, account: None }
    }

    /// The database; for stores only.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Whether the caller may read this student's record, courses and history.
    #[must_use]
    pub fn sees_student(&self, id: StudentId) -> bool {
        self.grants.sees_student(id)
    }

    /// Whether the caller may read the records of all students.
    #[must_use]
    pub fn sees_students(&self) -> bool {
        self.grants.has(Right::ReadStudents)
    }

    /// The id of the student for a statement, if the caller may read their record; otherwise null, which no row has.
    #[must_use]
    pub fn student(&self, id: StudentId) -> Option<i64> {
        self.sees_student(id).then_some(id.0)
    }

    /// The student who the caller is, as in [`Viewer::student`].
    #[must_use]
    pub fn own_student(&self) -> Option<i64> {
        self.grants.student.and_then(|id| self.student(id))
    }

    /// The parameters of [`visible_course`](crate::instructors::store) in a statement about the students of a course: the
    /// course for a caller who sees all rosters; the course and the account of an instructor, of whom the statement finds
    /// out whether they teach it. Otherwise null, which no row has.
    #[must_use]
    pub fn roster(&self, id: CourseId) -> [Arg; 3] {
        let visible = self.grants.has(Right::ReadRosters).then_some(id.0);
        let account = self.instructor();
        [visible.into(), account.map(|_| id.0).into(), account.into()]
    }

    /// The account of an instructor for a statement about their courses; null for everybody else.
    #[must_use]
    pub fn instructor(&self) -> Option<i64> {
        self.account.filter(|_| self.grants.has(Right::ReadOwnRosters))
    }

    /// Whether the caller may know the instructors of all courses.
    #[must_use]
    pub fn assigns_instructors(&self) -> bool {
        self.grants.has(Right::WriteCourses) || self.administers()
    }

    /// Whether the caller may read the log.
    #[must_use]
    pub fn sees_events(&self) -> bool {
        self.grants.has(Right::ReadEvents)
    }

    /// Whether the caller grants and revokes rights.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.grants.has(Right::Administer)
    }

    /// Whether the caller has the right.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.grants.has(right)
    }
}
