//! A stored import.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Stamp;
use crate::db::DbError;
use crate::imports::rows::RowStatus;
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
#[schema(example = json!({"id": 7, "status": "planned", "created_at": "2026-09-01T08:00:00.000Z", "actor": "account:3", "applied_at": null, "undone_at": null, "settings": {"kind": null, "mode": null, "encoding": null, "columns": {}}, "files": [{"name": "students.csv"}], "counts": {"new": 2, "waiting": 0, "changed": 0, "unchanged": 0, "refused": 1, "would_vanish": 0}, "rows": {"refused": 1, "changed": 0, "vanishing": 0, "new": 2, "unchanged": 0}, "confirm": null, "held_back": [], "warnings": [], "total": 2, "done": 0, "not_done": 0, "remaining": 0}))]
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
    /// The settings for reading the files.
    pub settings: Settings,
    /// The files: format, kind, encoding, delimiter, columns and numbers of rows.
    #[schema(value_type = Vec<Object>)]
    pub files: Vec<serde_json::Value>,
    /// The numbers of students, courses and enrollments that would be new, changed or gone.
    #[schema(value_type = Object)]
    pub counts: serde_json::Value,
    /// The number of rows of the files with each effect.
    pub rows: RowCounts,
    /// The number to confirm, if many records would vanish.
    #[schema(required, minimum = 1)]
    pub confirm: Option<i64>,
    /// Records that the files do not mention and that stay: the number and the reason, for each kind.
    #[schema(value_type = Vec<Object>)]
    pub held_back: Vec<serde_json::Value>,
    /// Warnings: facts worth a look, although nothing is refused.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Vec<serde_json::Value>,
    /// Steps of the plan.
    #[schema(minimum = 0)]
    pub total: i64,
    /// Steps that were tried; while the import is being undone, steps that were looked at.
    #[schema(minimum = 0)]
    pub done: i64,
    /// Steps that would have had another effect than planned by then, and were not carried out.
    #[schema(minimum = 0)]
    pub not_done: i64,
    /// Rows that could not be undone, because somebody has changed the record since or it cannot be restored.
    #[schema(minimum = 0)]
    pub remaining: i64,
}

/// A worker and its import.
#[derive(Clone, Debug)]
pub struct Shift {
    /// The import.
    pub import_id: i64,
    /// A random text. Commits of a worker whose text is not the current one any more are refused.
    pub worker: Arc<str>,
}

/// The status of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// Its plan is being written down.
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
        matches!(self, Self::Applying | Self::Undoing)
    }

    pub(super) fn from_stored(text: &str) -> Result<Self, DbError> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| DbError::Engine(format!("an import has the unknown status {text}")))
    }
}

/// The number of rows of the files with each effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowCounts {
    /// Rows that are refused.
    pub refused: usize,
    /// Rows that change a record.
    pub changed: usize,
    /// Rows that remove something.
    pub vanishing: usize,
    /// Rows that add something.
    pub new: usize,
    /// Rows that change nothing.
    pub unchanged: usize,
}

impl RowCounts {
    /// The number of rows with this effect.
    #[must_use]
    pub fn of(&self, status: RowStatus) -> usize {
        match status {
            RowStatus::Refused => self.refused,
            RowStatus::Changed => self.changed,
            RowStatus::Vanishing => self.vanishing,
            RowStatus::New => self.new,
            RowStatus::Unchanged => self.unchanged,
        }
    }

    pub(in crate::imports) fn add(&mut self, status: RowStatus) {
        match status {
            RowStatus::Refused => self.refused += 1,
            RowStatus::Changed => self.changed += 1,
            RowStatus::Vanishing => self.vanishing += 1,
            RowStatus::New => self.new += 1,
            RowStatus::Unchanged => self.unchanged += 1,
        }
    }

    /// The numbers of the rows with this effect; of all rows if it is `None`.
    #[must_use]
    pub fn numbers(&self, status: Option<RowStatus>) -> Range<usize> {
        let Some(status) = status else {
            return 0..RowStatus::ALL.into_iter().map(|status| self.of(status)).sum();
        };
        let before = RowStatus::ALL.into_iter().take_while(|other| *other != status);
        let begin = before.map(|status| self.of(status)).sum();
        begin..begin + self.of(status)
    }
}

/// Settings for reading the files of an import, if the files do not show them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// `students`, `courses` or `enrollments`.
    #[schema(required)]
    pub kind: Option<String>,
    /// `full` if records that the files do not mention vanish (those of a kind that the files have rows of); otherwise
    /// these stay.
    #[serde(default)]
    #[schema(required)]
    pub mode: Option<String>,
    /// The encoding of the files.
    #[schema(required)]
    pub encoding: Option<String>,
    /// The meanings of columns by their headings; an empty text for a column that is not to be read.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}
