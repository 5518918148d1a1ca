//! A change, and what it means for a course.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::choice::CourseChoice;
use crate::clock::Stamp;
use crate::db::DbError;
use crate::registrar::{CourseId, Limits, LimitsChange};

/// A change of the seats of many courses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "status": "planned", "created_at": "2026-09-01T08:00:00.000Z", "actor": "account:3", "applied_at": null, "undone_at": null, "last_active_at": "2026-09-01T08:00:00.000Z", "courses": {"q": "bio"}, "seats": {"capacity": 40}, "counts": {"changed": 31, "unchanged": 2, "refused": 1}, "moves_up": 12, "done": 0, "not_done": 0, "undone": 0, "remaining": 0, "moved_up": 0}))]
pub struct SeatChange {
    /// The id.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The status.
    pub status: ChangeStatus,
    /// When it was planned.
    pub created_at: Stamp,
    /// Who planned it, as in the log.
    pub actor: String,
    /// When it was carried out completely.
    #[schema(required)]
    pub applied_at: Option<Stamp>,
    /// When it was undone.
    #[schema(required)]
    pub undone_at: Option<Stamp>,
    /// When a server last worked on it. If that is long ago while it is being carried out or undone, the work is interrupted,
    /// and a server goes on with it 30 seconds after this time.
    pub last_active_at: Stamp,
    /// Which courses it is about.
    pub courses: CourseChoice,
    /// What changes, as it was sent.
    pub seats: LimitsChange,
    /// How many courses it is about, by what was planned for them.
    pub counts: CourseCounts,
    /// Students who would have moved up from waitlists when it was planned.
    #[schema(minimum = 0)]
    pub moves_up: i64,
    /// Courses that have changed, and are not as before again.
    #[schema(minimum = 0)]
    pub done: i64,
    /// Courses that have not changed, because their seats were not as planned any more.
    #[schema(minimum = 0)]
    pub not_done: i64,
    /// Courses that are as before again.
    #[schema(minimum = 0)]
    pub undone: i64,
    /// Courses that could not be put back, because somebody has changed their seats since.
    #[schema(minimum = 0)]
    pub remaining: i64,
    /// Students who have moved up from waitlists. They keep their seats, also when the change is undone.
    #[schema(minimum = 0)]
    pub moved_up: i64,
}

/// Numbers of courses, by what was planned for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CourseCounts {
    /// Courses that change.
    #[schema(minimum = 0)]
    pub changed: i64,
    /// Courses that are so already.
    #[schema(minimum = 0)]
    pub unchanged: i64,
    /// Courses that cannot be so.
    #[schema(minimum = 0)]
    pub refused: i64,
}

impl CourseCounts {
    /// All courses.
    #[must_use]
    pub fn all(&self) -> i64 {
        self.changed + self.unchanged + self.refused
    }
}

macro_rules! statuses {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $type {
            $($(#[$variant_doc])* $name,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            pub(super) fn from_stored(text: &str) -> Result<Self, DbError> {
                let known = Self::ALL.iter().copied().find(|status| status.as_str() == text);
                known.ok_or_else(|| DbError::Engine(format!("a change of seats has the unknown status {text}")))
            }
        }
    };
}

statuses! {
    /// The status of a change.
    ChangeStatus {
        /// There is a plan, and nothing has changed yet.
        Planned = "planned",
        /// It is being carried out.
        Applying = "applying",
        /// It was stopped before its end, because the person who started it lost the right to change courses.
        Stopped = "stopped",
        /// It is carried out.
        Applied = "applied",
        /// It is being undone.
        Undoing = "undoing",
        /// It is undone, as far as that is possible.
        Undone = "undone",
    }
}

statuses! {
    /// What becomes of a course.
    CourseStatus {
        /// It cannot have such limits; it stays as it is.
        Refused = "refused",
        /// It will change.
        Planned = "planned",
        /// It has such limits already.
        Unchanged = "unchanged",
        /// It has changed.
        Done = "done",
        /// Its seats were not as planned any more; it stays as it is.
        NotDone = "not-done",
        /// It is as before again.
        Undone = "undone",
        /// Somebody has changed its seats since; it is not put back.
        Remaining = "remaining",
    }
}

/// How long a server that works on a change may be silent before the work counts as interrupted.
const MAX_SILENCE: SignedDuration = SignedDuration::from_secs(5);

impl ChangeStatus {
    /// Whether a server works on it.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Applying | Self::Undoing)
    }
}

impl SeatChange {
    /// Whether the server that worked on it has stopped: another one goes on in a moment.
    #[must_use]
    pub fn is_interrupted(&self, now: &Stamp) -> bool {
        self.status.is_running()
            && now.checked_sub(MAX_SILENCE).is_some_and(|latest| self.last_active_at < latest)
    }

    /// How many courses it has changed, and how many it is about.
    #[must_use]
    pub fn extent(&self) -> (i64, i64) {
        (self.done + self.undone + self.remaining, self.counts.all())
    }

    /// How many courses have this status.
    #[must_use]
    pub fn count(&self, status: CourseStatus) -> i64 {
        match status {
            CourseStatus::Refused => self.counts.refused,
            CourseStatus::Unchanged => self.counts.unchanged,
            CourseStatus::Planned => {
                self.counts.changed - self.done - self.not_done - self.undone - self.remaining
            }
            CourseStatus::Done => self.done,
            CourseStatus::NotDone => self.not_done,
            CourseStatus::Undone => self.undone,
            CourseStatus::Remaining => self.remaining,
        }
    }
}

/// A course of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"course_id": 7, "name": "Biology", "code": "BIO-101", "status": "planned", "before": {"capacity": 30, "waitlist_capacity": 10, "opens_at": null, "closes_at": null, "waitlist_closes_at": null, "drop_until": null, "group_opens_at": {}}, "after": {"capacity": 40, "waitlist_capacity": 10, "opens_at": null, "closes_at": null, "waitlist_closes_at": null, "drop_until": null, "group_opens_at": {}}, "enrolled": 30, "moves_up": 4, "moved_up": 0, "why": null}))]
pub struct ChangedCourse {
    /// The course.
    pub course_id: CourseId,
    /// Its name; null if it has been deleted, or if another program wrote null.
    #[schema(required)]
    pub name: Option<String>,
    /// Whether it has been deleted.
    #[serde(skip)]
    pub is_deleted: bool,
    /// Its code; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// What becomes of it.
    pub status: CourseStatus,
    /// The limits before the change.
    pub before: Limits,
    /// The limits after it; for a refused course, those that it cannot have.
    pub after: Limits,
    /// Students who had a seat when the change was planned.
    #[schema(minimum = 0)]
    pub enrolled: i64,
    /// Students who would have moved up from its waitlist when the change was planned.
    #[schema(minimum = 0)]
    pub moves_up: i64,
    /// Students who have moved up from its waitlist.
    #[schema(minimum = 0)]
    pub moved_up: i64,
    /// Why it is refused, has not changed, or is not put back.
    #[schema(required)]
    pub why: Option<Reason>,
}

/// Why a course is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    /// The kind of reason, mostly that of a problem.
    pub code: String,
    /// The reason in words.
    pub detail: String,
}

impl Reason {
    pub(super) fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into() }
    }
}
