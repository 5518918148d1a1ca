//! Rows as they are read, before the files of a set are put together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::reasons::{Reason, RefusedRow};
use super::refusals::FileRefusal;
use super::report::{Skipped, Warning};
use super::rows::{Keys, Origin, Reference, Standing, StudentKey, Wanted};

/// Facts of all files of a reading: more than any school has, and few enough to be kept in memory.
pub(super) const MAX_FACTS: usize = 2_000_000;
/// Rows of all files of a reading, also blank ones and those that are not kept: each takes time.
const MAX_ROWS: u32 = 5_000_000;

/// A person.
#[derive(Debug)]
pub(super) struct PersonDraft {
    pub(super) origin: Origin,
    pub(super) student: Reference,
    pub(super) number: Option<Box<str>>,
    /// Empty in a file without names.
    pub(super) name: Box<str>,
    pub(super) email: Option<Box<str>>,
    /// The groups in [`Drafts::groups`]; `None` in a file without them.
    pub(super) groups: Option<Box<[Reference]>>,
    pub(super) standing: Standing,
    pub(super) modified: Option<Timestamp>,
}

/// A course.
#[derive(Clone, Debug)]
pub(super) struct CourseDraft {
    pub(super) origin: Origin,
    pub(super) code: Box<str>,
    pub(super) name: Box<str>,
    pub(super) level: Option<Box<str>>,
    pub(super) standing: Standing,
    pub(super) modified: Option<Timestamp>,
    /// In OneRoster, students enroll in classes of the course.
    pub(super) has_classes: bool,
}

/// A section or class of a course.
#[derive(Debug)]
pub(super) struct SectionDraft {
    pub(super) origin: Origin,
    pub(super) key: Box<str>,
    pub(super) course: Option<Box<str>>,
    pub(super) name: Box<str>,
    pub(super) level: Option<Box<str>>,
    pub(super) standing: Standing,
    pub(super) modified: Option<Timestamp>,
    /// In OneRoster and Clever, a class is what students enroll in.
    pub(super) is_course: bool,
}

/// A section of Canvas that has moved to another course.
#[derive(Debug)]
pub(super) struct CrossListing {
    pub(super) origin: Origin,
    pub(super) section: Box<str>,
    /// The course to which it has moved.
    pub(super) course: Box<str>,
    /// Whether it has moved back since.
    pub(super) is_over: bool,
}

/// A student and a course.
#[derive(Clone, Copy, Debug)]
pub(super) struct EnrollmentDraft<S = Reference> {
    pub(super) origin: Origin,
    pub(super) student: S,
    /// The course in [`Drafts::texts`].
    pub(super) course: Option<Reference>,
    /// The section in [`Drafts::texts`].
    pub(super) section: Option<Reference>,
    /// In OneRoster and Clever, a class is what students enroll in.
    pub(super) section_is_course: bool,
    pub(super) wanted: Wanted,
    pub(super) modified: Option<Timestamp>,
}

impl<S> EnrollmentDraft<S> {
    /// The same enrollment of this student.
    pub(super) fn of(&self, student: Reference) -> EnrollmentDraft {
        let Self { origin, course, section, section_is_course, wanted, modified, .. } = *self;
        EnrollmentDraft { origin, student, course, section, section_is_course, wanted, modified }
    }
}

/// An integration id that Canvas gives to a student.
#[derive(Debug)]
pub(super) struct IntegrationId {
    pub(super) text: Box<str>,
    /// The heading of its column.
    pub(super) column: Option<Arc<str>>,
}

/// The student with an integration id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integrated {
    pub(super) student: Reference,
    /// The row that says so.
    pub(super) origin: Origin,
    pub(super) standing: Standing,
    /// Whether another student has it, too.
    pub(super) is_shared: bool,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) people: Vec<PersonDraft>,
    pub(super) courses: Vec<CourseDraft>,
    pub(super) sections: Vec<SectionDraft>,
    pub(super) cross_listings: Vec<CrossListing>,
    /// Sections of rows that are refused, so it is not clear to which courses they belong.
    pub(super) unclear_sections: HashSet<Box<str>>,
    /// The courses to which these may belong.
    pub(super) unclear_courses: HashSet<Box<str>>,
    pub(super) enrollments: Vec<EnrollmentDraft>,
    /// Enrollments that name their students by integration ids.
    pub(super) by_integration_id: Vec<EnrollmentDraft<IntegrationId>>,
    /// Students by integration id.
    pub(super) integration_ids: HashMap<Box<str>, Integrated>,
    pub(super) students: Keys<StudentKey>,
    /// Ids of courses and sections.
    pub(super) texts: Keys<Box<str>>,
    /// Names of groups.
    pub(super) groups: Keys<Box<str>>,
    /// How many groups the rows name, each as often as it is named.
    pub(super) named_groups: usize,
    /// Who teaches, observes, ... a course.
    pub(super) others: HashSet<Reference>,
    /// Rows of other roles, with the course.
    pub(super) other_rows: Vec<EnrollmentDraft>,
    /// Whether a person has the role of a student, for those whose role a file names.
    pub(super) roles: HashMap<Reference, bool>,
    /// Roles are in a file of their own, so whoever is not there has none.
    pub(super) has_file_of_roles: bool,
    pub(super) refused: Vec<RefusedRow>,
    pub(super) warnings: Vec<Warning>,
    /// Facts of rows that are left out, by file.
    pub(super) skipped: BTreeMap<(u32, Skipped), u32>,
    /// How many rows there were.
    rows: u32,
    /// How often each role other than student occurs, by file.
    pub(super) other_roles: BTreeMap<(u32, String), u32>,
}

impl Drafts {
    /// # Errors
    /// There is too much to be kept in memory.
    pub(super) fn ensure_bounded(&self) -> Result<(), FileRefusal> {
        let facts = self.people.len()
            + self.courses.len()
            + self.sections.len()
            + self.cross_listings.len()
            + self.unclear_sections.len()
            + self.unclear_courses.len()
            + self.enrollments.len()
            + self.by_integration_id.len()
            + self.integration_ids.len()
            + self.refused.len()
            + self.others.len()
            + self.other_rows.len()
            + self.roles.len()
            + self.named_groups;
        if facts > MAX_FACTS {
            return Err(FileRefusal::too_large("The rows of all files together are", MAX_FACTS as u64));
        }
        Ok(())
    }

    /// Counts a row.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn count_row(&mut self) -> Result<(), FileRefusal> {
        self.rows = self.rows.saturating_add(1);
        if self.rows > MAX_ROWS {
            return Err(FileRefusal::too_large("The rows of all files together are", MAX_ROWS.into()));
        }
        Ok(())
    }

    /// Notes that a row about a section is refused which names this course.
    pub(super) fn note_unclear(&mut self, section: Box<str>, course: Option<Box<str>>) {
        self.unclear_sections.insert(section);
        self.unclear_courses.extend(course);
    }

    pub(super) fn refuse(&mut self, origin: Origin, column: Option<Arc<str>>, reason: Reason) {
        self.refused.push(RefusedRow { origin, column, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_roles_are_kept_and_so_are_bounded() {
        let mut drafts = Drafts::default();
        let add = |drafts: &mut Drafts, number: usize| {
            let student = drafts.students.add(StudentKey::Number(number.to_string().into()));
            drafts.roles.insert(student, true);
        };
        (0..MAX_FACTS).for_each(|number| add(&mut drafts, number));
        assert_eq!(drafts.ensure_bounded(), Ok(()));
        add(&mut drafts, MAX_FACTS);
        assert_eq!(drafts.ensure_bounded().unwrap_err().code, "too-large");
    }
}
