//! Reading files of students, courses and enrollments: what people and other systems write, with its quirks, becomes rows
//! of a few types. Nothing is guessed: what is not understood is refused with its file, line, column and reason.
//!
//! From the outside to the inside: [`read`] takes the files one by one (`sources`), opens archives and workbooks, decodes
//! text, and gives every row to a `table`, which knows from the heading (`layout`) what the row means. What the rows of all
//! files say together is settled at the end (`gather`).
//!
//! Pure: no database, no network, no clock.

mod archive;
mod content;
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
mod parts;
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

use std::collections::BTreeMap;

pub use self::archive::{MAX_BYTES, MAX_ENTRIES, MAX_INFLATED_BYTES};
pub use self::encoding::Encoding;
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
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the rows are, where the heading does not belong to one of the standards.
    pub kind: Option<Kind>,
    /// How the files are encoded; a byte order mark in a file still counts.
    pub encoding: Option<Encoding>,
    /// What columns mean, by their headings; `None` for a column that is not to be read. A password is not read in any
    /// case.
    pub columns: BTreeMap<String, Option<Meaning>>,
}

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Students.
    Students,
    /// Courses.
    Courses,
    /// Enrollments.
    Enrollments,
}
