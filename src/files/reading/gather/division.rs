//! Which course a section of Canvas is.

use std::collections::{HashMap, HashSet};

use crate::files::reading::canvas::{CanvasSection, KnownSections};
use crate::files::reading::drafts::SectionDraft;
use crate::files::reading::rows::Standing;

/// The sections of courses of Canvas: those of the files, and those that earlier files have described.
pub(super) struct Division<'a> {
    /// How many sections the files have, by course.
    counts: HashMap<Box<str>, u32>,
    /// The sections in the files.
    described: HashSet<Box<str>>,
    /// The codes of those that stay, by course.
    staying: HashMap<Box<str>, HashSet<Box<str>>>,
    /// Courses that may have sections whose rows are refused.
    unclear: HashSet<Box<str>>,
    /// Courses with a section that may be the course or a course of its own.
    uncertain: HashSet<Box<str>>,
    known: &'a KnownSections,
}

/// Which course a section is.
pub(super) struct Place {
    pub(super) code: Box<str>,
    /// Whether it is that course, whatever sections the files do not describe.
    pub(super) is_certain: bool,
}

impl<'a> Division<'a> {
    pub(super) fn of(
        sections: &[SectionDraft],
        unclear: HashSet<Box<str>>,
        known: &'a KnownSections,
    ) -> Self {
        let mut division = Self {
            counts: HashMap::new(),
            described: HashSet::new(),
            staying: HashMap::new(),
            unclear,
            uncertain: HashSet::new(),
            known,
        };
        let of_canvas = || sections.iter().filter(|section| !section.is_course);
        // Each has a course: a row without one is refused.
        let with_courses = || of_canvas().filter_map(|section| Some((section, section.course.clone()?)));
        for (section, course) in with_courses() {
            *division.counts.entry(course).or_default() += 1;
            division.described.insert(section.key.clone());
        }
        for (section, course) in with_courses() {
            let Place { code, is_certain } = division.place(section);
            if !is_certain {
                division.uncertain.insert(course.clone());
            }
            if section.standing != Standing::Deleted {
                division.staying.entry(course).or_default().insert(code);
            }
        }
        division
    }

    pub(super) fn place(&self, section: &SectionDraft) -> Place {
        let Some(course) = section.course.as_deref().filter(|_| !section.is_course) else {
            return Place { code: section.key.clone(), is_certain: true };
        };
        if let Some(known) = self.known.get(&section.key).filter(|known| *known.course == *course) {
            return Place { code: known.code.clone(), is_certain: true };
        }
        let has_others =
            || self.others(course).next().is_some() || self.known.is_of_another(course, &section.key);
        // In our own exports, the section of a course has the id of the course.
        let is_alone = self.count(course) == 1 && (*section.key == *course || !has_others());
        if !is_alone {
            return Place { code: within(course, &section.key), is_certain: true };
        }
        match section.standing {
            // The course may have had other sections, and this one a code of its own.
            Standing::Deleted => Place { code: within(course, &section.key), is_certain: false },
            Standing::Active | Standing::Inactive => {
                Place { code: course.into(), is_certain: !self.unclear.contains(course) }
            }
        }
    }

    fn count(&self, course: &str) -> u32 {
        self.counts.get(course).copied().unwrap_or_default()
    }

    /// The known sections of a course that are not in the files.
    pub(super) fn others(&self, course: &str) -> impl Iterator<Item = &'a CanvasSection> {
        self.known.of_course(course).filter(|section| !self.described.contains(&section.id))
    }

    /// The codes of the sections that the course has afterwards: those of the files, otherwise the known ones.
    fn codes(&self, course: &str) -> HashSet<Box<str>> {
        let known = || self.others(course).map(|section| section.code.clone()).collect();
        self.staying.get(course).cloned().unwrap_or_else(known)
    }

    /// Whether students enroll in sections of the course only, and not in the course.
    pub(super) fn is_divided(&self, course: &str) -> bool {
        let codes = self.codes(course);
        !codes.is_empty() && !codes.contains(course)
    }

    /// Whether it is not clear whether the course has one section or several.
    pub(super) fn is_unclear(&self, course: &str) -> bool {
        self.unclear.contains(course) && self.uncertain.contains(course)
    }

    /// Whether its row is about a course. Otherwise, the row of the course is.
    pub(super) fn has_row(&self, section: &SectionDraft, code: &str) -> bool {
        let is_course_of = |course: &str| *course == *code && !section.is_course;
        match section.course.as_deref().filter(|course| is_course_of(course)) {
            // If other sections stay, what was the course is no more than this section.
            Some(course) => section.standing == Standing::Deleted && !self.codes(course).is_empty(),
            None => true,
        }
    }

    /// The codes of courses in which the students of a section may be from earlier files, although the section is another
    /// course.
    pub(super) fn other_codes(&self, section: &SectionDraft, course: &str, code: &str) -> Vec<Box<str>> {
        let other = if *code == *course { within(course, &section.key) } else { course.into() };
        let is_of_another = self.staying.get(course).is_some_and(|codes| codes.contains(&other))
            || self.known.of_course(course).any(|known| known.code == other && known.id != section.key);
        let earlier = self.known.get(&section.key).filter(|known| *known.course != *course);
        let other = (!is_of_another).then_some(other);
        other.into_iter().chain(earlier.map(|known| known.code.clone())).collect()
    }
}

/// The code of a section as a course of its own.
pub(super) fn within(course: &str, section: &str) -> Box<str> {
    format!("{course}/{section}").into()
}
