//! What a reading says about its files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::canvas::CanvasSection;
use super::encoding::Encoding;
use super::meaning::Meaning;
use super::passwords::PasswordColumns;
use super::reasons::RefusedRow;
use super::refusals::FileRefusal;
use super::rows::{CourseKey, CourseRow, EnrollmentRow, Keys, Origin, PersonRow, Reference, StudentKey};

/// What files say: everything that was read, and everything that was not.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The files in the order in which they were read.
    pub files: Vec<FileReading>,
    /// Students, each once.
    pub people: Vec<PersonRow>,
    /// Courses, each once.
    pub courses: Vec<CourseRow>,
    /// Enrollments, one for each pair.
    pub enrollments: Vec<EnrollmentRow>,
    /// How the rows name students.
    pub students: Keys<StudentKey>,
    /// How the rows name courses.
    pub course_keys: Keys<CourseKey>,
    /// The names of groups in the rows.
    pub groups: Keys<Box<str>>,
    /// Rows that are not used, in the order of files and lines.
    pub refused: Vec<RefusedRow>,
    /// What is worth a look, although nothing is refused for it.
    pub warnings: Vec<Warning>,
    /// Why nothing of the whole set is used, if it is not about one of the files.
    pub refusal: Option<FileRefusal>,
    /// Students and courses of rows that are left out because of another role (teacher, observer, ...).
    pub other_pairs: Vec<(Reference, Reference)>,
    /// Every code of a course or section in the files, including rows that are left out.
    pub named_courses: HashSet<Box<str>>,
    /// By code of a course: the codes that it would have with another number of sections.
    pub other_codes: HashMap<Box<str>, Vec<Box<str>>>,
    /// The sections of Canvas in the files that stay, and which courses they are.
    pub sections: Vec<CanvasSection>,
    /// Of the sections of Canvas that the files describe, and of others that they name and earlier files have described: the codes
    /// of the courses that they were before, by id.
    pub sections_before: BTreeMap<Box<str>, Option<Box<str>>>,
    pub(super) holders: Vec<Holder>,
}

/// Which person of the same reading a key names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Holder {
    #[default]
    Nobody,
    Person(u32),
    Several,
}

/// Which person of the same files a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// None: the student must be there already.
    Nobody,
    /// This one.
    Person(&'a PersonRow),
    /// More than one has the address.
    Several,
}

impl Reading {
    /// Whether nothing is used, because a file is refused: the files of a set refer to each other.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some() || self.files.iter().any(|file| file.refusal.is_some())
    }

    /// The same files, all refused for this reason.
    #[must_use]
    pub fn refused_for(&self, refusal: FileRefusal) -> Self {
        Self { files: self.files.clone(), refusal: Some(refusal), ..Self::default() }
    }

    /// Why nothing is used, in words: a line for the set of files, and one for each file that is refused.
    #[must_use]
    pub fn why_refused(&self) -> String {
        let of_set = self.refusal.iter().map(|refusal| refusal.detail.clone());
        let of_files = self
            .files
            .iter()
            .filter_map(|file| Some(format!("{}: {}", file.name, file.refusal.as_ref()?.detail)));
        of_set.chain(of_files).collect::<Vec<_>>().join("\n")
    }

    /// Why a row is refused, in words.
    #[must_use]
    pub fn why(&self, row: &RefusedRow) -> String {
        self.with_other_file(row.reason.to_string(), row.origin.file, row.reason.other_row())
    }

    /// The text of a warning.
    #[must_use]
    pub fn warned(&self, warning: &Warning) -> String {
        self.with_other_file(warning.detail.clone(), warning.file, warning.other)
    }

    /// Adds the name of the file to a sentence about a line of another file.
    #[must_use]
    pub fn with_other_file(&self, detail: String, file: u32, other: Option<Origin>) -> String {
        match other.filter(|other| other.file != file) {
            Some(other) => format!("{detail} That line is in {}.", self.files[other.file as usize].name),
            None => detail,
        }
    }

    /// The codes under which an import with another number of sections would have added the same course.
    #[must_use]
    pub fn other_codes(&self, key: &CourseKey) -> Vec<String> {
        match key {
            CourseKey::Code(code) => {
                let others = self.other_codes.get(code).into_iter().flatten();
                others.map(ToString::to_string).collect()
            }
            CourseKey::Section { .. } => key.codes().collect(),
        }
    }

    /// Whether any course has such codes.
    #[must_use]
    pub fn has_other_codes(&self) -> bool {
        let is_section = |key: &CourseKey| matches!(key, CourseKey::Section { .. });
        !self.other_codes.is_empty() || self.course_keys.iter().any(|(_, key)| is_section(key))
    }

    /// Whether the files have no row that could count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.courses.is_empty() && self.enrollments.is_empty()
    }

    /// The person of these files whom a key names.
    #[must_use]
    pub fn person(&self, reference: Reference) -> Found<'_> {
        match self.holders.get(reference.index()) {
            None | Some(Holder::Nobody) => Found::Nobody,
            Some(Holder::Person(place)) => Found::Person(&self.people[*place as usize]),
            Some(Holder::Several) => Found::Several,
        }
    }
}

/// What a file is and what was read in it.
#[derive(Clone, Debug, Default)]
pub struct FileReading {
    /// Its name; in an archive with its path, which is only a label.
    pub name: String,
    /// How it is encoded, and whether that is guessed; `None` for a workbook.
    pub encoding: Option<(Encoding, bool)>,
    /// What separates its cells; `None` for a workbook.
    pub delimiter: Option<char>,
    /// Whose format it is.
    pub format: Option<Format>,
    /// What its rows are.
    pub kind: Option<FileKind>,
    /// What the manifest of the set says about the file.
    pub processing: Option<Processing>,
    /// The columns that are read: heading and meaning.
    pub recognized: Vec<(Arc<str>, Meaning)>,
    /// The columns that are not read.
    pub ignored: Vec<IgnoredColumn>,
    /// How many rows there are.
    pub counts: Counts,
    /// Why nothing of it is used.
    pub refusal: Option<FileRefusal>,
    /// Its columns with passwords.
    pub(super) passwords: PasswordColumns,
    /// Where it was found.
    pub(super) place: Place,
}

/// Where a file was found: in which of the given files, in which entry of an archive, and on which sheet of a workbook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) entry: Option<usize>,
    pub(super) sheet: Option<usize>,
}

/// A column that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredColumn {
    /// Its heading, as written.
    pub heading: Arc<str>,
    /// Why.
    pub why: Ignored,
}

/// Why a column is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is of no use here.
    Unused,
    /// It is nearly the heading of a column with this meaning, which is missing.
    DidYouMean(Meaning),
    /// Another column with the same meaning counts.
    Superseded(Meaning),
    /// Passwords are never read.
    Password,
    /// The school's table cannot hold it, for this reason.
    NotHeld(&'static str),
}

/// How many rows of a file became what. A row of Moodle's upload of users can be a person and several enrollments, some of
/// them left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows with data, without the heading.
    pub rows: u32,
    /// Rows with nothing but blanks.
    pub blank: u32,
    /// Rows that are refused.
    pub refused: u32,
    /// Rows that are left out, by reason.
    pub skipped: BTreeMap<Skipped, u32>,
}

/// Why a row is left out without being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skipped {
    /// The row is about a teacher, a guardian, an observer, ...
    NotAStudent,
    /// The row says what another one says.
    Repeat,
    /// Another row about the same was changed later.
    Older,
    /// The sections or classes of the course are courses instead.
    HasSections,
    /// The row only describes a section of a course.
    OnlySection,
    /// The row only says who is what.
    OnlyRole,
    /// A comment.
    Comment,
}

impl Skipped {
    /// A stable word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAStudent => "not-a-student",
            Self::Repeat => "repeat",
            Self::Older => "older",
            Self::HasSections => "has-sections",
            Self::OnlySection => "only-section",
            Self::OnlyRole => "only-role",
            Self::Comment => "comment",
        }
    }
}

/// Something worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file, and the line if it is about one.
    pub file: u32,
    /// The physical line, from 1.
    pub line: Option<u32>,
    /// Another row that it is about.
    pub other: Option<Origin>,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

/// Whose format a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A list that somebody made.
    Plain,
    /// Canvas SIS CSV.
    Canvas,
    /// OneRoster CSV 1.1 or 1.2.
    OneRoster,
    /// Clever's CSV.
    Clever,
    /// Moodle's upload of users.
    MoodleUsers,
    /// Moodle's flat file of enrollments.
    MoodleFlatFile,
    /// An export of PowerSchool.
    PowerSchool,
}

impl Format {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "list",
            Self::Canvas => "Canvas SIS CSV",
            Self::OneRoster => "OneRoster CSV",
            Self::Clever => "Clever CSV",
            Self::MoodleUsers => "Moodle users",
            Self::MoodleFlatFile => "Moodle flat file",
            Self::PowerSchool => "PowerSchool export",
        }
    }
}

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// People; in Moodle's upload of users with their courses.
    People,
    /// Courses.
    Courses,
    /// Sections or classes of courses.
    Sections,
    /// Sections that Canvas has moved to another course.
    CrossListings,
    /// Enrollments.
    Enrollments,
    /// Which person has which role.
    Roles,
    /// What the other files of the set are.
    Manifest,
    /// Nothing that is read here: terms, schools, teachers, grades, ...
    Other,
}

impl FileKind {
    /// A stable word for programs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::People => "students",
            Self::Courses => "courses",
            Self::Sections => "sections",
            Self::CrossListings => "cross-listings",
            Self::Enrollments => "enrollments",
            Self::Roles => "roles",
            Self::Manifest => "manifest",
            Self::Other => "other",
        }
    }
}

/// What a manifest says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Processing {
    /// It has everything.
    Bulk,
    /// It has only what has changed.
    Delta,
    /// It is not part of the set.
    Absent,
}
