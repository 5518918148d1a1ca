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

    /// The only student whose record the caller may read, for a caller who may not read all: 0 stands for nobody.
    #[must_use]
    pub fn only_student(&self) -> Option<StudentId> {
        if self.sees_students() {
            return None;
        }
        let own = self.grants.student.filter(|_| self.grants.has(Right::ReadOwnRecord));
        Some(own.unwrap_or(StudentId(0)))
    }

    /// The student, if the caller may read their record; otherwise 0, which is nobody's id.
    #[must_use]
    pub fn student_or_nobody(&self, id: StudentId) -> StudentId {
        if self.sees_student(id) { id } else { StudentId(0) }
    }

    /// Whether the caller may read the roster and the waitlist of this course.
    #[must_use]
    pub fn sees_roster(&self, _: CourseId) -> bool {
        self.grants.has(Right::ReadRosters)
    }

    /// The course, if the caller may read its roster; otherwise 0, which is no course's id.
    #[must_use]
    pub fn roster_or_none(&self, id: CourseId) -> CourseId {
        if self.sees_roster(id) { id } else { CourseId(0) }
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
