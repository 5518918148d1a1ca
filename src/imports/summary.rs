//! A summary of a plan, without its rows: how the files are read, and how much would happen.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rows::RowStatus;
use super::steps::{EnrollmentStep, HeldBack, Plan};
use crate::count::to_i64;
use crate::files::reading::{
    Encoding, FileKind, FileReading, FileRefusal, Format, Ignored, IgnoredColumn, Meaning, Reading, Warning,
};

/// A summary of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The files.
    pub files: Vec<FileSummary>,
    /// The numbers of rows with each effect.
    pub counts: Counts,
    /// Records that the files do not mention and that stay.
    pub held_back: Vec<KeptRecords>,
    /// The number to confirm, if many records would vanish.
    pub confirm: Option<i64>,
    /// Facts worth a look.
    pub warnings: Vec<Notice>,
    /// The names of groups that would be made: the first 100.
    #[serde(default)]
    pub new_groups: Vec<String>,
}

/// The most names of new groups in a summary: in a file with so many, a column has been taken for another.
const MAX_NEW_GROUPS: usize = 100;

/// The number of rows of a plan with each effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct Counts {
    /// Students, courses and enrollments that would be new.
    pub new: usize,
    /// Of these, students who would get a place on a waitlist and no seat.
    pub waiting: usize,
    /// Students who would get a seat or be dropped by the override, since the rules do not allow it.
    #[serde(default)]
    pub overridden: usize,
    /// Students and courses that would change.
    pub changed: usize,
    /// Rows that would change nothing.
    pub unchanged: usize,
    /// Rows that are refused.
    pub refused: usize,
    /// Students, courses, enrollments and places on waitlists that would vanish: by a row, with a student or course, or
    /// because the files are the whole truth and do not mention them.
    #[serde(rename = "would_vanish")]
    pub vanishing: usize,
    /// Waiting students who would move up, because others leave.
    pub promoted: usize,
    /// Groups that would be made, since students join them and they do not exist.
    #[serde(default)]
    pub new_groups: usize,
    /// Sections of Canvas that no import has described so before. Which courses they are is remembered for later files.
    #[serde(default)]
    pub new_sections: usize,
}

/// A file of an import, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportFile)]
pub struct FileSummary {
    /// Its name, with the path in an archive.
    pub name: String,
    /// Whose format it is: `list`, `Canvas SIS CSV`, ...
    #[schema(required)]
    pub format: Option<String>,
    /// What its rows are.
    #[schema(required)]
    pub kind: Option<String>,
    /// How it is encoded; null for a workbook.
    #[schema(required)]
    pub encoding: Option<Encoding>,
    /// Whether the encoding is guessed.
    pub encoding_guessed: bool,
    /// What separates its cells; null for a workbook.
    #[schema(required, value_type = Option<String>)]
    pub delimiter: Option<char>,
    /// The columns that are read.
    pub columns: Vec<ReadColumn>,
    /// The columns that are not read.
    pub ignored: Vec<UnreadColumn>,
    /// Rows with data, without the heading.
    pub rows: i64,
    /// Rows with nothing but blanks.
    pub blank: u32,
    /// Rows that the reading has refused.
    pub refused: u32,
    /// Rows that are left out without being wrong, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// Why nothing of it is used.
    #[schema(required)]
    pub refusal: Option<WhyRefused>,
}

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadColumn {
    /// Its heading, as written.
    pub heading: String,
    /// What its cells mean.
    pub meaning: Meaning,
}

/// A column that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadColumn {
    /// Its heading, as written.
    pub heading: String,
    /// Why, in words.
    pub why: String,
    /// Whether it has passwords, which are never read.
    #[serde(default)]
    pub is_password: bool,
}

/// Why a file or a set of files is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyRefused {
    /// A stable word for programs.
    pub code: String,
    /// The physical line, from 1, if it is about one.
    #[schema(required, minimum = 1)]
    pub line: Option<u32>,
    /// A sentence for people.
    pub detail: String,
}

/// Records of a kind that the files do not mention and that stay, although the files are the whole truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptRecords {
    /// `students`, `courses` or `enrollments`.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// Why, as a stable word for programs.
    pub code: String,
    /// The same as a sentence for people.
    pub detail: String,
}

/// Something worth a look, although nothing is refused for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportWarning)]
pub struct Notice {
    /// The file.
    #[schema(required)]
    pub file: Option<String>,
    /// The physical line, from 1, if it is about one.
    #[schema(required, minimum = 1)]
    pub line: Option<u32>,
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

impl Plan {
    /// The summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            files: self.reading.files.iter().map(FileSummary::from).collect(),
            counts: self.counts(),
            held_back: self.held_back.iter().map(KeptRecords::from).collect(),
            confirm: self.to_confirm().map(to_i64),
            warnings: notices(&self.reading),
            new_groups: self.groups.new.iter().take(MAX_NEW_GROUPS).map(ToString::to_string).collect(),
        }
    }

    /// The numbers of what happens.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let waits = |step: &&EnrollmentStep| **step == EnrollmentStep::Wait;
        let is_overridden = |step: &&EnrollmentStep| **step == EnrollmentStep::EnrollAnyway;
        let mut counts = Counts {
            waiting: self.enrollments.iter().filter(waits).count(),
            overridden: self.enrollments.iter().filter(is_overridden).count()
                + self.vanishing.pairs.iter().filter(|pair| pair.is_overridden).count(),
            promoted: self.promoted.len(),
            new_groups: self.groups.new.len(),
            new_sections: self.new_sections,
            ..Counts::default()
        };
        for row in self.rows_in_any_order() {
            *counts.of_mut(self.status(row)) += 1;
        }
        counts
    }
}

/// The warnings of a reading.
pub(super) fn notices(reading: &Reading) -> Vec<Notice> {
    let notice = |warning: &Warning| Notice {
        file: reading.files.get(warning.file as usize).map(|file| file.name.clone()),
        line: warning.line,
        code: warning.code.to_owned(),
        detail: reading.warned(warning),
    };
    reading.warnings.iter().map(notice).collect()
}

impl Counts {
    /// The number of rows with this effect.
    #[must_use]
    pub fn of(mut self, status: RowStatus) -> usize {
        *self.of_mut(status)
    }

    fn of_mut(&mut self, status: RowStatus) -> &mut usize {
        match status {
            RowStatus::Refused => &mut self.refused,
            RowStatus::Changed => &mut self.changed,
            RowStatus::Vanishing => &mut self.vanishing,
            RowStatus::New => &mut self.new,
            RowStatus::Unchanged => &mut self.unchanged,
        }
    }

    /// The numbers of the rows with this effect; of all rows if it is `None`.
    #[must_use]
    pub fn numbers(self, status: Option<RowStatus>) -> Range<usize> {
        let Some(status) = status else {
            return 0..RowStatus::ALL.into_iter().map(|status| self.of(status)).sum();
        };
        let before = RowStatus::ALL.into_iter().take_while(|other| *other != status);
        let begin = before.map(|status| self.of(status)).sum();
        begin..begin + self.of(status)
    }
}

impl From<&FileReading> for FileSummary {
    fn from(file: &FileReading) -> Self {
        let skipped = file.counts.skipped.iter();
        Self {
            name: file.name.clone(),
            format: file.format.map(Format::name).map(str::to_owned),
            kind: file.kind.map(FileKind::slug).map(str::to_owned),
            encoding: file.encoding.map(|(encoding, _)| encoding),
            encoding_guessed: file.encoding.is_some_and(|(_, is_guessed)| is_guessed),
            delimiter: file.delimiter,
            columns: file.recognized.iter().map(read_column).collect(),
            ignored: file.ignored.iter().map(UnreadColumn::from).collect(),
            rows: file.counts.rows.into(),
            blank: file.counts.blank,
            refused: file.counts.refused,
            skipped: skipped.map(|(why, rows)| (why.code().to_owned(), *rows)).collect(),
            refusal: file.refusal.as_ref().map(WhyRefused::from),
        }
    }
}

fn read_column((heading, meaning): &(std::sync::Arc<str>, Meaning)) -> ReadColumn {
    ReadColumn { heading: heading.to_string(), meaning: *meaning }
}

impl From<&IgnoredColumn> for UnreadColumn {
    fn from(column: &IgnoredColumn) -> Self {
        let why = match column.why {
            Ignored::DidYouMean(meaning) => format!("unknown; did you mean {}?", meaning.label()),
            Ignored::Superseded(meaning) => format!("another column is read as {}", meaning.label()),
            Ignored::Password => "passwords are never read".to_owned(),
            Ignored::Unused => "not used".to_owned(),
            Ignored::NotHeld(why) => why.to_owned(),
        };
        Self { heading: column.heading.to_string(), why, is_password: column.why == Ignored::Password }
    }
}

impl From<&FileRefusal> for WhyRefused {
    fn from(refusal: &FileRefusal) -> Self {
        Self { code: refusal.code.to_owned(), line: refusal.line, detail: refusal.detail.clone() }
    }
}

impl From<&HeldBack> for KeptRecords {
    fn from(held_back: &HeldBack) -> Self {
        Self {
            kind: held_back.kind.to_owned(),
            count: to_i64(held_back.count),
            code: held_back.why.code.to_owned(),
            detail: held_back.why.detail.clone(),
        }
    }
}
