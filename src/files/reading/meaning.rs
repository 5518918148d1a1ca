//! What a column can mean.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the cells of a column mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The student's id in the outside world.
    Number,
    /// The student's id in Canvas' users that enrollments may name instead of the number.
    IntegrationId,
    /// The student's or course's whole name.
    Name,
    /// A short name, which counts where there is no longer one.
    ShortName,
    /// The student's name as `Last, First`.
    SortableName,
    /// The student's given name.
    FirstName,
    /// The student's family name.
    LastName,
    /// The student's e-mail address.
    Email,
    /// Groups of students that the student is in; several names in one cell are separated.
    Groups,
    /// The course's id in the outside world.
    Code,
    /// The course's level.
    Level,
    /// A section or class of a course.
    Section,
    /// The school of a section whose id is unique only there.
    School,
    /// The name of the course of a section.
    CourseName,
    /// What a person is: student, teacher, ...
    Role,
    /// A word that says whether the row counts.
    Status,
    /// PowerSchool's `Enroll_Status`: 0 is active, other numbers are not.
    EnrollStatus,
    /// Whether the person may sign in.
    Enabled,
    /// Whether the row is deleted.
    Deleted,
    /// Whether the person is suspended.
    Suspended,
    /// When the row was last changed.
    Modified,
    /// A password, whatever its heading says: never read, and not kept with the files.
    Password,
}

impl Meaning {
    /// All of them, in the order in which people are shown them.
    pub const ALL: [Self; 22] = [
        Self::Number,
        Self::IntegrationId,
        Self::Name,
        Self::ShortName,
        Self::SortableName,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Groups,
        Self::Code,
        Self::Level,
        Self::Section,
        Self::School,
        Self::CourseName,
        Self::Role,
        Self::Status,
        Self::EnrollStatus,
        Self::Enabled,
        Self::Deleted,
        Self::Suspended,
        Self::Modified,
        Self::Password,
    ];

    /// A stable word for programs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::IntegrationId => "integration-id",
            Self::Name => "name",
            Self::ShortName => "short-name",
            Self::SortableName => "sortable-name",
            Self::FirstName => "first-name",
            Self::LastName => "last-name",
            Self::Email => "email",
            Self::Groups => "groups",
            Self::Code => "code",
            Self::Level => "level",
            Self::Section => "section",
            Self::School => "school",
            Self::CourseName => "course-name",
            Self::Role => "role",
            Self::Status => "status",
            Self::EnrollStatus => "enroll-status",
            Self::Enabled => "enabled",
            Self::Deleted => "deleted",
            Self::Suspended => "suspended",
            Self::Modified => "modified",
            Self::Password => "password",
        }
    }

    /// The meaning with this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meaning| meaning.slug() == slug)
    }

    /// What people call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Number => "student number",
            Self::IntegrationId => "integration id of Canvas",
            Self::Name => "name",
            Self::ShortName => "short name",
            Self::SortableName => "last name, first name",
            Self::FirstName => "first name",
            Self::LastName => "last name",
            Self::Email => "e-mail",
            Self::Groups => "groups",
            Self::Code => "course code",
            Self::Level => "level",
            Self::Section => "section",
            Self::School => "school",
            Self::CourseName => "name of the course",
            Self::Role => "role",
            Self::Status => "status",
            Self::EnrollStatus => "PowerSchool's enroll status",
            Self::Enabled => "enabled",
            Self::Deleted => "deleted",
            Self::Suspended => "suspended",
            Self::Modified => "last changed",
            Self::Password => "password (never read)",
        }
    }
}
