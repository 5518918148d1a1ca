//! The reading side for a caller: what a store reads depends on who asks.

use crate::db::Db;
use crate::registrar::{CourseId, Grants, Right, StudentId};
use crate::shares::Client;

/// The database as a caller may see it. Only a request that the policy has let pass has one, and only stores read
/// through it, with the restrictions of the caller in their statements. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Viewer {
    db: Db,
    grants: Grants,
}

impl Viewer {
    /// The view of a caller with these grants.
    #[must_use]
    pub fn new(db: &Db, client: Option<Client>, grants: Grants) -> Self {
        Self { db: db.for_client(client), grants }
    }

    /// The view of the program itself.
    #[must_use]
    pub fn of_program(db: &Db) -> Self {
        Self { db: db.clone(), grants: Grants::ALL }
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

    /// Whether the caller may read the roster and the waitlist of this course.
    #[must_use]
    pub fn sees_roster(&self, _: CourseId) -> bool {
        self.grants.has(Right::ReadRosters)
    }

    /// The id of the course for a statement about its students, as in [`Viewer::student`].
    #[must_use]
    pub fn roster(&self, id: CourseId) -> Option<i64> {
        self.sees_roster(id).then_some(id.0)
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
