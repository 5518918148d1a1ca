//! The sections of Canvas that earlier files have described.
//!
//! A section of Canvas is the course itself if the course has no other section when it is first described, otherwise a
//! course of its own with the code `course/section`. It stays that, however many sections there are later.

use std::collections::HashMap;

/// A section of Canvas, and which course of the school it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanvasSection {
    /// Its id, as written.
    pub id: Box<str>,
    /// The course of Canvas that it belongs to, as written.
    pub course: Box<str>,
    /// The name of that course, if a file had it.
    pub course_name: Option<Box<str>>,
    /// The course from which Canvas has moved it: enrollments may still name it.
    pub moved_from: Option<Box<str>>,
    /// The code of the course that it is.
    pub code: Box<str>,
}

impl CanvasSection {
    /// Whether files may name it as a section of this course.
    pub(super) fn is_in(&self, course: &str) -> bool {
        *self.course == *course || self.moved_from.as_deref() == Some(course)
    }
}

/// The sections that earlier files have described, and whose courses exist.
#[derive(Debug, Default)]
pub struct KnownSections {
    sections: HashMap<Box<str>, CanvasSection>,
    of_courses: HashMap<Box<str>, Vec<Box<str>>>,
    with_codes: HashMap<Box<str>, Box<str>>,
}

impl KnownSections {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// The section with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&CanvasSection> {
        self.sections.get(id)
    }

    /// Whether a section other than this one is the course with this code.
    #[must_use]
    pub fn is_of_another(&self, code: &str, section: &str) -> bool {
        self.with_codes.get(code).is_some_and(|id| **id != *section)
    }

    /// The sections of a course of Canvas.
    pub(super) fn of_course(&self, course: &str) -> impl Iterator<Item = &CanvasSection> {
        let ids = self.of_courses.get(course).into_iter().flatten();
        ids.filter_map(|id| self.sections.get(id))
    }
}

impl FromIterator<CanvasSection> for KnownSections {
    fn from_iter<I: IntoIterator<Item = CanvasSection>>(sections: I) -> Self {
        let mut known = Self::default();
        for section in sections {
            known.of_courses.entry(section.course.clone()).or_default().push(section.id.clone());
            known.with_codes.insert(section.code.clone(), section.id.clone());
            known.sections.insert(section.id.clone(), section);
        }
        known
    }
}
