//! A stored import.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::db::DbError;
use crate::imports::settings::Settings;
use crate::imports::summary::{Counts, FileSummary, KeptRecords, Notice};
use crate::registrar::Right;

/// The rights that imports require: they read and write students, courses and enrollments.
pub const RIGHTS: [Right; 5] = [
    Right::ReadCatalogue,
    Right::ReadStudents,
    Right::WriteStudents,
    Right::WriteCourses,
    Right::WriteEnrollments,
];

/// An import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "status": "planned", "created_at": "2026-09-01T08:00:00.000Z", "actor": "account:3", "applied_at": null, "undone_at": null, "last_active_at": "2026-09-01T08:00:00.000Z", "settings": {"kind": null, "encoding": null, "corrections": [], "mode": "add", "override": null}, "files": [{"name": "students.csv", "format": "list", "kind": "students", "encoding": "UTF-8", "encoding_guessed": false, "delimiter": ",", "columns": [{"heading": "Number", "meaning": "number"}], "ignored": [{"heading": "Room", "why": "not used", "is_password": false}], "rows": 3, "blank": 0, "refused": 1, "skipped": {}, "refusal": null}], "counts": {"new": 2, "waiting": 0, "overridden": 0, "changed": 0, "unchanged": 0, "refused": 1, "would_vanish": 0, "promoted": 0, "new_groups": 1, "new_sections": 0}, "confirm": null, "held_back": [], "warnings": [], "new_groups": ["Seniors"], "total": 2, "done": 0, "not_done": 0, "remaining": 0}))]
pub struct Import {
    /// The id.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub id: i64,
    /// The status.
    pub status: ImportStatus,
    /// When the files were uploaded.
    pub created_at: Stamp,
    /// Who uploaded them, as in the log.
    pub actor: String,
    /// When it was carried out completely.
    #[schema(required)]
    pub applied_at: Option<Stamp>,
    /// When it was undone.
    #[schema(required)]
    pub undone_at: Option<Stamp>,
    /// When a server last worked on it. While it is being carried out or undone, servers say so every second; if they have not
    /// for some seconds, the work is interrupted, and a server goes on with it 30 seconds after this time.
    pub last_active_at: Stamp,
    /// The settings: how the files are read, and what happens to records that they do not mention.
    pub settings: Settings,
    /// The files, and how they are read.
    pub files: Vec<FileSummary>,
    /// The numbers of rows with each effect.
    pub counts: Counts,
    /// The names of groups that are made, since students join them and they do not exist: the first 100; `counts` has their
    /// number.
    pub new_groups: Vec<String>,
    /// The number to confirm, if many records would vanish.
    #[schema(required, minimum = 1)]
    pub confirm: Option<i64>,
    /// Records that the files do not mention and that stay: the number and the reason, for each kind.
    pub held_back: Vec<KeptRecords>,
    /// Warnings: facts worth a look, although nothing is refused.
    pub warnings: Vec<Notice>,
    /// Steps of the plan.
    #[schema(minimum = 0)]
    pub total: i64,
    /// Steps that were tried; while the import is being undone, steps that were looked at.
    #[schema(minimum = 0)]
    pub done: i64,
    /// Steps that would have had another effect than planned by then, and were not carried out.
    #[schema(minimum = 0)]
    pub not_done: i64,
    /// Rows that could not be undone, because somebody has changed the record since or it cannot be restored, and students
    /// who moved up from a waitlist when the import freed a seat, and keep it.
    #[schema(minimum = 0)]
    pub remaining: i64,
}

/// A worker and its import.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The import.
    pub import_id: i64,
    /// A random text. Commits of a worker whose text is not the current one any more are refused.
    pub worker: Arc<str>,
}

/// The status of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// Its files are being read again, and the plan is written down.
    Staging,
    /// There is a plan, and nothing has changed yet.
    Planned,
    /// It is being carried out.
    Applying,
    /// It was stopped before its end, because the person who started it lost the right to import.
    Stopped,
    /// It is carried out.
    Applied,
    /// It is being undone.
    Undoing,
    /// It is undone, as far as that is possible.
    Undone,
}

/// How long a server that works on an import may be silent before the work counts as interrupted.
const MAX_SILENCE: SignedDuration = SignedDuration::from_secs(5);

impl Import {
    /// Whether carrying it out would change nothing at all.
    #[must_use]
    pub fn has_no_effect(&self) -> bool {
        self.total == 0 && self.counts.new_sections == 0
    }

    /// Whether the server that worked on it has stopped: another one goes on in a moment.
    #[must_use]
    pub fn is_interrupted(&self, now: &Stamp) -> bool {
        self.status.is_running()
            && now.checked_sub(MAX_SILENCE).is_some_and(|latest| self.last_active_at < latest)
    }
}

impl ImportStatus {
    const ALL: [Self; 7] = [
        Self::Staging,
        Self::Planned,
        Self::Applying,
        Self::Stopped,
        Self::Applied,
        Self::Undoing,
        Self::Undone,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Planned => "planned",
            Self::Applying => "applying",
            Self::Stopped => "stopped",
            Self::Applied => "applied",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    /// Whether a server works on it.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Staging | Self::Applying | Self::Undoing)
    }

    pub(super) fn from_stored(text: &str) -> Result<Self, DbError> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| DbError::Engine(format!("an import has the unknown status {text}")))
    }
}
