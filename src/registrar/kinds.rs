//! All kinds of events, as the log and the API name them.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The value in the column `type` of the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// A student was added.
    StudentCreated = "student.created",
    /// A student was changed.
    StudentUpdated = "student.updated",
    /// A student was removed, by us or by another program.
    StudentDeleted = "student.deleted",
    /// A course was added.
    CourseCreated = "course.created",
    /// A course was changed.
    CourseUpdated = "course.updated",
    /// A course was removed, by us or by another program.
    CourseDeleted = "course.deleted",
    /// A student enrolled in a course.
    EnrollmentCreated = "enrollment.created",
    /// A student left a course.
    EnrollmentDropped = "enrollment.dropped",
    /// A dropped enrollment was restored, with its id and its time.
    EnrollmentRestored = "enrollment.restored",
    /// An enrollment was found when the database was adopted.
    EnrollmentAdopted = "enrollment.adopted",
    /// The limits of a course were set.
    SeatsSet = "seats.set",
    /// The limits of a course were removed.
    SeatsRemoved = "seats.removed",
    /// A student joined a waitlist.
    WaitlistJoined = "waitlist.joined",
    /// A student left a waitlist without getting a seat.
    WaitlistLeft = "waitlist.left",
    /// A student who had left a waitlist got the same place again.
    WaitlistRestored = "waitlist.restored",
    /// A student got a seat from a waitlist.
    WaitlistPromoted = "waitlist.promoted",
    /// An import was carried out.
    ImportApplied = "import.applied",
    /// An import was undone.
    ImportUndone = "import.undone",
    /// The rules of the whole school were set.
    RulesSet = "rules.set",
    /// A group was added, or its limit was changed.
    GroupSet = "group.set",
    /// A group was deleted.
    GroupDeleted = "group.deleted",
    /// A student was added to a group.
    GroupJoined = "group.joined",
    /// A student was taken out of a group.
    GroupLeft = "group.left",
    /// A hold was placed on a student.
    HoldPlaced = "hold.placed",
    /// A hold on a student was released.
    HoldReleased = "hold.released",
    /// An account was created.
    AccountCreated = "account.created",
    /// The role of an account was changed, or it was disabled or enabled.
    AccountChanged = "account.changed",
    /// An instructor was assigned to a course.
    InstructorAssigned = "instructor.assigned",
    /// An instructor was removed from a course.
    InstructorRemoved = "instructor.removed",
    /// A token was created.
    TokenCreated = "token.created",
    /// A token was revoked.
    TokenRevoked = "token.revoked",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind that this version does not know; a newer version wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}
