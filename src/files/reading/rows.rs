//! The rows of a reading: people, courses and enrollments, in the order of the files.

use std::hash::Hash;

use indexmap::IndexSet;

/// Where a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The position of the file in [`Reading::files`](super::Reading::files).
    pub file: u32,
    /// The physical line of the file, or the row of the sheet, from 1. The heading is usually line 1.
    pub line: u32,
}

/// What a file says about a person or a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Takes part.
    Active,
    /// Is on record and does not take part: suspended, transferred, graduated, concluded.
    Inactive,
    /// Is to be removed.
    Deleted,
}

/// What a file wants for a student and a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// The student takes the course.
    Enrolled,
    /// The student does not take the course (any more).
    NotEnrolled,
}

/// A student, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Where it is.
    pub origin: Origin,
    /// The student in [`Reading::students`](super::Reading::students): by number, or by address in a file without numbers.
    pub reference: Reference,
    /// The id in the outside world, as written; `None` in a file without ids.
    pub number: Option<Box<str>>,
    /// A name that the rules of the record accept; empty in a file without names, where the student must be there already.
    pub name: Box<str>,
    /// The student's groups in [`Reading::groups`](super::Reading::groups); `None` in a file without a column of groups.
    pub groups: Option<Box<[Reference]>>,
    /// An address that the rules of the record accept; `None` where the cell is empty or the file has no such column.
    pub email: Option<Box<str>>,
    /// Whether the person is active.
    pub standing: Standing,
}

/// A course, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourseRow {
    /// Where it is.
    pub origin: Origin,
    /// The course in [`Reading::course_keys`](super::Reading::course_keys), always a [`CourseKey::Code`].
    pub reference: Reference,
    /// The id in the outside world, as written.
    pub code: Box<str>,
    /// A name that the rules of the record accept.
    pub name: Box<str>,
    /// A level that the rules of the record accept; `None` where the file has none.
    pub level: Option<Box<str>>,
    /// Whether the course is active.
    pub standing: Standing,
}

/// A student and a course. There is one row for each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrollmentRow {
    /// Where it is.
    pub origin: Origin,
    /// The student in [`Reading::students`](super::Reading::students).
    pub student: Reference,
    /// The course in [`Reading::course_keys`](super::Reading::course_keys).
    pub course: Reference,
    /// Whether the student is to take the course.
    pub wanted: Wanted,
}

/// How files name a student.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StudentKey {
    /// By an id, as written.
    Number(Box<str>),
    /// By an e-mail address, in lower case. Two students may share one.
    Email(Box<str>),
}

/// How files name a course.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CourseKey {
    /// By an id, as written.
    Code(Box<str>),
    /// By a section that the files do not describe. It is the course `course/section` if there is one, otherwise the course
    /// of the section, otherwise the course whose code is that of the section.
    Section {
        /// The course of the section, if the file names it.
        course: Option<Box<str>>,
        /// The section, as written.
        section: Box<str>,
    },
}

impl CourseKey {
    /// The codes that the course may have, the likeliest first.
    pub fn codes(&self) -> impl Iterator<Item = String> {
        let codes = match self {
            Self::Code(code) => vec![code.to_string()],
            Self::Section { course: Some(course), section } => {
                vec![format!("{course}/{section}"), course.to_string()]
            }
            Self::Section { course: None, section } => vec![section.to_string()],
        };
        codes.into_iter()
    }
}

/// One of the keys of a [`Keys`]: its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(u32);

impl Reference {
    /// There are fewer keys than rows, so fewer than 2^32.
    fn new(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The position of the key, from 0 and below [`Keys::len`]: what is found for a key can be in a vector.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Keys, each once, numbered in the order of their first appearance.
#[derive(Clone, Debug)]
pub struct Keys<K>(IndexSet<K>);

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self(IndexSet::new())
    }
}

impl<K: Eq + Hash> Keys<K> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of a reference that came from here.
    #[must_use]
    pub fn get(&self, reference: Reference) -> &K {
        &self.0[reference.index()]
    }

    /// The reference to a key, if it is there.
    #[must_use]
    pub fn find(&self, key: &K) -> Option<Reference> {
        self.0.get_index_of(key).map(Reference::new)
    }

    /// All keys in order.
    pub fn iter(&self) -> impl Iterator<Item = (Reference, &K)> {
        (0..).map(Reference).zip(&self.0)
    }

    /// The reference to a key, which is added if it is new.
    pub(super) fn add(&mut self, key: K) -> Reference {
        Reference::new(self.0.insert_full(key).0)
    }
}
