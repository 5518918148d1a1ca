//! What stands around every page: navigation, and who is signed in.

use crate::access::Reader;
use crate::imports::staging::RIGHTS;
use crate::registrar::{Actor, Identity, Right};
use crate::state::App;

/// The frame of a page for its reader.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The section of the site, for the navigation: `my`, `courses`, `students`, `registration`, `imports`, `accounts`, `tokens`,
    /// `account`.
    pub section: &'static str,
    /// Whether the server only reads, so that nothing on the page can be changed.
    pub is_read_only: bool,
    identity: Identity,
}

impl Frame {
    /// The frame for the caller.
    #[must_use]
    pub fn new(app: &App, section: &'static str) -> Self {
        let is_read_only = app.registrar.is_read_only();
        Self { section, is_read_only, identity: app.identity.clone() }
    }

    /// The frame of a page about a problem, whose reader is not always known.
    #[must_use]
    pub fn of_problem(reader: Option<&Reader>) -> Self {
        let section = "";
        Self {
            section,
            is_read_only: false,
            identity: reader.map_or(Identity::NOBODY, |reader| reader.0.clone()),
        }
    }

    /// Whether the reader is a person who has signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        matches!(self.identity.actor, Actor::Account(_))
    }

    /// Whether everybody may do everything, because there is no account and no token.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.identity.is_everybody()
    }

    /// Whether the reader is a student.
    #[must_use]
    pub fn is_student(&self) -> bool {
        self.identity.grants.student.is_some()
    }

    /// Whether the reader sees all students.
    #[must_use]
    pub fn reads_students(&self) -> bool {
        self.identity.grants.has(Right::ReadStudents)
    }

    /// Whether the reader gets the dialog that finds students and courses: everybody but students, who have few courses.
    #[must_use]
    pub fn finds(&self) -> bool {
        self.reads_students() || self.identity.grants.has(Right::ReadOwnRosters)
    }

    /// What the dialog finds, as its label.
    #[must_use]
    pub fn find_label(&self) -> &'static str {
        if self.reads_students() { "Find a student or a course" } else { "Find a course" }
    }

    /// Whether the reader changes students.
    #[must_use]
    pub fn writes_students(&self) -> bool {
        self.identity.grants.has(Right::WriteStudents)
    }

    /// Whether the reader changes courses.
    #[must_use]
    pub fn writes_courses(&self) -> bool {
        self.identity.grants.has(Right::WriteCourses)
    }

    /// Whether the reader enrolls any student.
    #[must_use]
    pub fn writes_enrollments(&self) -> bool {
        self.identity.grants.has(Right::WriteEnrollments)
    }

    /// Whether the reader may import files.
    #[must_use]
    pub fn imports(&self) -> bool {
        RIGHTS.iter().all(|right| self.identity.grants.has(*right))
    }

    /// Whether the reader creates accounts.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.identity.grants.has(Right::Administer)
    }
}
