//! Reading files of students, courses and enrollments: what people and other systems write, with its quirks, becomes rows
//! of a few types. Nothing is guessed: what is not understood is refused with its file, line, column and reason.
//!
//! From the outside to the inside: [`read`] takes the files one by one (`sources`), opens archives and workbooks, decodes
//! text, and gives every row to a `table`, which knows from the heading (`layout`) what the row means. What the rows of all
//! files say together is settled at the end (`gather`).
//!
//! Pure: no database, no network, no clock.

mod archive;
mod canvas;
mod content;
mod copies;
mod courses;
mod delimited;
mod drafts;
mod encoding;
mod enrollments;
mod gather;
mod headings;
mod ids;
mod layout;
mod layouts;
mod manifest;
mod markup;
mod meaning;
mod number_format;
mod parts;
mod passwords;
mod people;
mod reasons;
mod recognize;
mod record;
mod refusals;
mod report;
mod row;
mod rows;
mod sources;
mod table;
mod text_file;
mod times;
mod words;
mod workbook;
mod workbook_copy;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::archive::{MAX_BYTES, MAX_ENTRIES, MAX_INFLATED_BYTES};
pub use self::canvas::{CanvasSection, KnownSections};
pub use self::copies::without_passwords;
pub use self::encoding::Encoding;
pub(in crate::files) use self::ids::looks_damaged;
pub use self::meaning::Meaning;
pub use self::reasons::{Damage, Quoted, Reason, RefusedRow};
pub use self::refusals::FileRefusal;
pub use self::report::{
    Counts, FileKind, FileReading, Format, Found, Ignored, IgnoredColumn, Processing, Reading, Skipped,
    Warning,
};
pub use self::rows::{
    CourseKey, CourseRow, EnrollmentRow, Keys, Origin, PersonRow, Reference, Standing, StudentKey, Wanted,
};
pub use self::sources::{Source, read};

/// How files are read where they do not say it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Options {
    /// What the rows are, where the heading does not belong to one of the standards.
    #[schema(required)]
    pub kind: Option<Kind>,
    /// How the files are encoded; a byte order mark in a file still counts.
    #[schema(required)]
    pub encoding: Option<Encoding>,
    /// Columns that are read in another way than their headings say.
    #[serde(default)]
    pub corrections: Vec<Correction>,
}

/// What a column of a file means. A password is not read in any case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Correction {
    /// The name of the file; null for every file with such a column.
    #[serde(default)]
    #[schema(required)]
    pub file: Option<String>,
    /// The heading of the column.
    pub heading: String,
    /// What the column means; null for a column that is not to be read.
    #[schema(required)]
    pub meaning: Option<Meaning>,
}

impl Correction {
    /// Reads a correction for all files from the heading, a separator, and the meaning or [`IGNORE`]: `Rufname:name`.
    ///
    /// # Errors
    /// There is no separator, or the meaning is not known.
    pub fn parse(text: &str, separator: char) -> Result<Self, String> {
        let parts = text.rsplit_once(separator).filter(|(heading, _)| !heading.trim().is_empty());
        let (heading, field) = parts.ok_or_else(|| {
            format!("must be a heading, `{separator}` and a field, such as `Rufname{separator}name`")
        })?;
        let meaning = match field.trim() {
            IGNORE => None,
            field => Some(Meaning::from_slug(field).ok_or_else(|| {
                let known: Vec<_> = Meaning::ALL.iter().map(|meaning| meaning.slug()).collect();
                format!("has a field that is not known; known are {}, {IGNORE}", known.join(", "))
            })?),
        };
        Ok(Self { file: None, heading: heading.trim().to_owned(), meaning })
    }
}

/// The word for a column that is not to be read.
pub const IGNORE: &str = "ignore";

impl Options {
    /// Whether a person has said that a column has passwords.
    #[must_use]
    pub fn names_passwords(&self) -> bool {
        self.corrections.iter().any(|correction| correction.meaning == Some(Meaning::Password))
    }

    /// The options for the file with this name: without the corrections of others.
    fn of_file(&self, name: &str) -> Self {
        // What was said about this file counts more than what was said about all.
        let of_all = self.corrections.iter().filter(|correction| correction.file.is_none());
        let of_it = self.corrections.iter().filter(|correction| correction.file.as_deref() == Some(name));
        Self { corrections: of_all.chain(of_it).cloned().collect(), ..*self }
    }
}

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Students.
    Students,
    /// Courses.
    Courses,
    /// Enrollments.
    Enrollments,
}
