//! Why a row is not used.

use std::fmt;
use std::sync::Arc;

use super::rows::Origin;

/// A row of which nothing is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Where it is.
    pub origin: Origin,
    /// The heading of the column, as written, if it is about one.
    pub column: Option<Arc<str>>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a row. [`Reason::code`] is for programs; as text it is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The row has a NUL character.
    Nul,
    /// There is text after the closing quote of a cell.
    TextAfterQuote,
    /// The row has more cells than the heading.
    TooManyCells {
        /// Cells of the row.
        cells: u32,
        /// Cells of the heading.
        headings: u32,
    },
    /// The row has data, but its id is empty.
    NumberMissing,
    /// Neither an id nor an e-mail address says who it is.
    StudentMissing,
    /// The row names no course.
    CourseMissing,
    /// The row has no name.
    NameMissing,
    /// The role is empty.
    RoleMissing,
    /// The status is empty where it is required.
    StatusMissing,
    /// The cell shows what a spreadsheet has made of an id.
    Damaged(Damage, Quoted),
    /// The rules of the record do not accept the text.
    NotAccepted {
        /// `number-not-valid`, `name-not-valid`, ...
        code: &'static str,
        /// What is wrong with it, after "The ... ".
        fault: Box<str>,
    },
    /// Nobody knows the word.
    UnknownStatus(Quoted, &'static str),
    /// The word is not one that says what to do.
    UnknownOperation(Quoted),
    /// Another row says something else, and nothing says which is right.
    Contradicts(Origin, &'static str),
    /// Another row of this file without ids has the same address.
    EmailNotUnique(Origin),
    /// The id of another row looks the same but has other characters.
    Lookalike(Origin),
    /// The section belongs to another course.
    SectionOfAnotherCourse,
    /// No row describes the section.
    SectionNotInFiles,
    /// A row that says to which course the section belongs is refused.
    SectionNotClear,
    /// No student of the files has the integration id.
    IntegrationIdUnknown,
    /// Several students of the files have the integration id.
    IntegrationIdShared,
}

/// The text of a cell, shortened; `None` in a file that has passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(pub(super) Option<Box<str>>);

impl fmt::Display for Quoted {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(text) => write!(to, "\u{201c}{text}\u{201d}"),
            None => write!(to, "The cell"),
        }
    }
}

/// How a spreadsheet damages an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// `="0042"`.
    Formula,
    /// `1.23E+11`.
    Scientific,
    /// `12345.0`.
    Decimal,
    /// `5-Mar`.
    Date,
    /// `#N/A`.
    Error,
    /// `N/A`, `null`.
    Placeholder,
    /// `'0042`.
    Apostrophe,
    /// A number that the spreadsheet may show in another way.
    Unsure,
}

impl Damage {
    fn code(self) -> &'static str {
        match self {
            Self::Formula => "id-is-formula",
            Self::Scientific => "id-is-scientific",
            Self::Decimal => "id-is-decimal",
            Self::Date => "id-is-date",
            Self::Error => "id-is-error",
            Self::Placeholder => "id-is-placeholder",
            Self::Apostrophe => "id-has-apostrophe",
            Self::Unsure => "id-is-formatted-number",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Formula => "is a formula. Write the id as text.",
            Self::Scientific => {
                "is a number in scientific notation: the spreadsheet has lost digits of the id. Export it as text."
            }
            Self::Decimal => {
                "is a number with a decimal place: a program took the id for a number. Export it as text."
            }
            Self::Date => "is a date: the spreadsheet took the text for one. Export it as text.",
            Self::Error => "is an error of the spreadsheet.",
            Self::Placeholder => "stands for an id that is missing.",
            Self::Apostrophe => "begins with the apostrophe that spreadsheets put before text. Remove it.",
            Self::Unsure => {
                "is a number that the spreadsheet may show in another way. Format the column as text."
            }
        }
    }
}

impl Reason {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nul => "nul-character",
            Self::TextAfterQuote => "text-after-quote",
            Self::TooManyCells { .. } => "too-many-cells",
            Self::NumberMissing => "number-missing",
            Self::StudentMissing => "student-missing",
            Self::CourseMissing => "course-missing",
            Self::NameMissing => "name-missing",
            Self::RoleMissing => "role-missing",
            Self::StatusMissing => "status-missing",
            Self::Damaged(damage, _) => damage.code(),
            Self::NotAccepted { code, .. } => code,
            Self::UnknownStatus(..) => "status-unknown",
            Self::UnknownOperation(_) => "operation-unknown",
            Self::Contradicts(..) => "contradicts-another-row",
            Self::EmailNotUnique(_) => "email-not-unique",
            Self::Lookalike(_) => "id-looks-the-same",
            Self::SectionOfAnotherCourse => "section-of-another-course",
            Self::SectionNotInFiles => "section-not-in-files",
            Self::SectionNotClear => "section-not-clear",
            Self::IntegrationIdUnknown => "integration-id-unknown",
            Self::IntegrationIdShared => "integration-id-not-unique",
        }
    }

    /// The row that this one contradicts.
    #[must_use]
    pub fn other_row(&self) -> Option<Origin> {
        match self {
            Self::Contradicts(other, _) | Self::EmailNotUnique(other) | Self::Lookalike(other) => {
                Some(*other)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nul => write!(to, "The row has a NUL character."),
            Self::TextAfterQuote => {
                write!(to, "There is text after a closing quote. A quote within a cell is written twice.")
            }
            Self::TooManyCells { cells, headings } => write!(
                to,
                "The row has {cells} cells and the heading {headings}. Perhaps a cell has the delimiter in it and no quotes around it."
            ),
            Self::NumberMissing => write!(to, "The id is empty."),
            Self::StudentMissing => {
                write!(to, "Neither an id nor an e-mail address says which student it is.")
            }
            Self::CourseMissing => write!(to, "The course is empty."),
            Self::NameMissing => write!(to, "The name is empty."),
            Self::RoleMissing => write!(to, "The role is empty."),
            Self::StatusMissing => {
                write!(to, "The status is empty. A file of changes must have one in every row.")
            }
            Self::Damaged(damage, text) => write!(to, "{text} {}", damage.sentence()),
            Self::NotAccepted { fault, .. } => write!(to, "{fault}."),
            Self::UnknownStatus(text, known) => {
                write!(to, "{text} is not a known status. Known are: {known}.")
            }
            Self::UnknownOperation(text) => write!(to, "{text} is not an operation. Known are: add, del."),
            Self::Contradicts(other, what) => {
                write!(to, "Line {} says something else about the same {what}.", other.line)
            }
            Self::EmailNotUnique(other) => write!(
                to,
                "Line {} has the same address. Without a column of ids it is not known who is who.",
                other.line
            ),
            Self::Lookalike(other) => write!(
                to,
                "The id on line {} looks the same, but has other characters: another kind of blank, or an accent apart from \
                 its letter.",
                other.line
            ),
            Self::SectionOfAnotherCourse => write!(to, "The section belongs to another course."),
            Self::SectionNotInFiles => {
                write!(to, "No row of these files describes the section: add the file with the sections.")
            }
            Self::SectionNotClear => write!(
                to,
                "A row that says to which course the section belongs is refused, so it is not clear which course is meant."
            ),
            Self::IntegrationIdShared => {
                write!(to, "Several students of these files have this integration id.")
            }
            Self::IntegrationIdUnknown => write!(
                to,
                "No student of these files has this integration id. Import the file of users together with this one."
            ),
        }
    }
}
