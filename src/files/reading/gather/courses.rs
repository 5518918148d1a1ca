//! Courses and their sections.
//!
//! A class of OneRoster and a section of Clever is a course of its own: students enroll in it. A section of Canvas is the
//! course itself if the course has no other section, otherwise a course of its own with the code `course/section`.

use std::collections::{HashMap, HashSet};

use super::settle::{refuse_lookalikes, report, settle as settle_rows};
use crate::files::reading::drafts::{CourseDraft, CrossListing, Drafts, EnrollmentDraft, SectionDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Reading, Skipped};
use crate::files::reading::rows::{CourseKey, CourseRow};
use crate::text::{MAX_TEXT, look};

/// Which course a section of these files is.
#[derive(Debug, Default)]
pub(super) struct Sections(HashMap<Box<str>, Section>);

#[derive(Debug)]
struct Section {
    /// The course that it belongs to.
    course: Option<Box<str>>,
    /// The course from which Canvas has moved it: enrollments may still name it.
    moved_from: Option<Box<str>>,
    /// The course that it is.
    code: Box<str>,
    is_course: bool,
}

impl Section {
    fn is_in(&self, course: Option<&str>) -> bool {
        self.is_course || course == self.course.as_deref() || course == self.moved_from.as_deref()
    }
}

/// Says that an enrollment names a section of another course.
#[derive(Debug)]
pub(super) struct WrongCourse;

impl Sections {
    /// The course of an enrollment.
    pub(super) fn course_of(
        &self,
        draft: &EnrollmentDraft,
        drafts: &Drafts,
    ) -> Result<CourseKey, WrongCourse> {
        let text = |reference| drafts.texts.get(reference).clone();
        let course = draft.course.map(text);
        let Some(section) = draft.section.map(text) else {
            return Ok(CourseKey::Code(course.unwrap_or_default()));
        };
        match self.0.get(&section) {
            Some(found) if course.is_some() && !found.is_in(course.as_deref()) => Err(WrongCourse),
            Some(found) => Ok(CourseKey::Code(found.code.clone())),
            None if draft.section_is_course => Ok(CourseKey::Code(section)),
            None => Ok(CourseKey::Section { course, section }),
        }
    }
}

/// Every code of a course or section that a row names.
pub(super) fn named(drafts: &Drafts) -> HashSet<Box<str>> {
    let of_enrollments = drafts.texts.iter().map(|(_, text)| text.clone());
    let of_courses = drafts.courses.iter().map(|course| course.code.clone());
    let of_sections = drafts.sections.iter().flat_map(|section| {
        let within = section.course.as_ref().map(|course| within(course, &section.key));
        [Some(section.key.clone()), section.course.clone(), within].into_iter().flatten()
    });
    let of_cross_listings = drafts.cross_listings.iter().map(|listing| listing.course.clone());
    of_enrollments.chain(of_courses).chain(of_sections).chain(of_cross_listings).collect()
}

/// The code of a section as a course of its own.
fn within(course: &str, section: &str) -> Box<str> {
    format!("{course}/{section}").into()
}

/// Settles the courses of the reading.
pub(super) fn settle(drafts: &mut Drafts, reading: &mut Reading) -> Sections {
    let mut sections = std::mem::take(&mut drafts.sections);
    let settled = settle_rows(
        &mut sections,
        |section| section.key.clone(),
        |section| (section.origin, section.modified),
        |one, two| {
            let said = |section: &SectionDraft| {
                let name = look(&section.name).into_owned();
                (section.course.clone(), name, section.level.clone(), section.standing)
            };
            said(one) == said(two)
        },
    );
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "section"));
    let mut moved_from = move_sections(&mut sections, drafts, reading);
    let mut counts: HashMap<Box<str>, u32> = HashMap::new();
    for section in sections.iter().filter(|section| !section.is_course) {
        *counts.entry(section.course.clone().unwrap_or_default()).or_default() += 1;
    }
    let has_classes = sections.iter().any(|section| section.is_course && section.course.is_some());
    let named: HashMap<_, _> =
        drafts.courses.iter().map(|course| (course.code.clone(), Named::from(course))).collect();
    leave_out_courses_with_sections(&counts, has_classes, drafts, reading);
    let mut found = Sections::default();
    for section in sections {
        let count =
            section.course.as_ref().and_then(|course| counts.get(course)).copied().unwrap_or_default();
        let is_course = section.is_course || count > 1;
        let code = match &section.course {
            Some(course) if !section.is_course && is_course => within(course, &section.key),
            Some(course) if !is_course => course.clone(),
            _ => section.key.clone(),
        };
        if let Some(course) = section.course.as_ref().filter(|_| !section.is_course) {
            let other = if is_course { course.clone() } else { within(course, &section.key) };
            let others = reading.other_codes.entry(code.clone()).or_default();
            others.push(other);
            if let Some(left) = moved_from.get(&section.key) {
                others.extend([left.clone(), within(left, &section.key)]);
            }
        }
        let key = section.key.clone();
        found.0.insert(
            key,
            Section {
                course: section.course.clone(),
                moved_from: moved_from.remove(&section.key),
                code: code.clone(),
                is_course: section.is_course,
            },
        );
        if is_course {
            drafts.courses.push(course_of(section, code, &named));
        } else {
            skip(reading, section.origin.file, Skipped::OnlySection);
        }
    }
    settle_courses(drafts, reading);
    found
}

/// Moves sections to other courses, as the files say; returns the courses that they have left, by section.
fn move_sections(
    sections: &mut [SectionDraft],
    drafts: &mut Drafts,
    reading: &mut Reading,
) -> HashMap<Box<str>, Box<str>> {
    let mut listings = std::mem::take(&mut drafts.cross_listings);
    let settled = settle_rows(
        &mut listings,
        |listing| listing.section.clone(),
        |listing| (listing.origin, None),
        |one, two| one.course == two.course,
    );
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "section"));
    let mut listings: HashMap<_, _> =
        listings.into_iter().map(|listing| (listing.section.clone(), listing)).collect();
    let mut moved_from = HashMap::new();
    for section in sections.iter_mut().filter(|section| !section.is_course) {
        let Some(CrossListing { origin, course, .. }) = listings.remove(&section.key) else { continue };
        skip(reading, origin.file, Skipped::OnlySection);
        if let Some(left) = section.course.replace(course) {
            moved_from.insert(section.key.clone(), left);
        }
    }
    let mut unknown: Vec<_> = listings.into_values().map(|listing| listing.origin).collect();
    unknown.sort_unstable();
    for origin in unknown {
        drafts.refuse(origin, None, Reason::SectionNotInFiles);
    }
    moved_from
}

struct Named {
    name: Box<str>,
    level: Option<Box<str>>,
}

impl From<&CourseDraft> for Named {
    fn from(course: &CourseDraft) -> Self {
        Self { name: course.name.clone(), level: course.level.clone() }
    }
}

/// The course that a section is, with what is known of the course that it belongs to.
fn course_of(section: SectionDraft, code: Box<str>, named: &HashMap<Box<str>, Named>) -> CourseDraft {
    let course = section.course.as_ref().and_then(|course| named.get(course));
    let name = match course {
        Some(course) if !section.is_course && !section.name.contains(&*course.name) => {
            let name = format!("{} ({})", course.name, section.name);
            if name.chars().count() <= MAX_TEXT { name.into() } else { section.name }
        }
        _ => section.name,
    };
    let level = section.level.or_else(|| course.and_then(|course| course.level.clone()));
    let (origin, standing, modified) = (section.origin, section.standing, section.modified);
    CourseDraft { origin, code, name, level, standing, modified, has_classes: false }
}

/// A course whose sections are courses is none itself, unless somebody is enrolled in it without a section.
fn leave_out_courses_with_sections(
    counts: &HashMap<Box<str>, u32>,
    has_classes: bool,
    drafts: &mut Drafts,
    reading: &mut Reading,
) {
    let without =
        drafts.enrollments.iter().filter(|draft| draft.section.is_none()).filter_map(|draft| draft.course);
    let without: HashSet<_> = without.collect();
    let texts = &drafts.texts;
    drafts.courses.retain(|course| {
        let is_divided = counts.get(&course.code).is_some_and(|count| *count > 1);
        let is_named = || texts.find(&course.code).is_some_and(|text| without.contains(&text));
        let is_left_out = course.has_classes && has_classes || is_divided && !is_named();
        if is_left_out {
            skip(reading, course.origin.file, Skipped::HasSections);
        }
        !is_left_out
    });
}

fn skip(reading: &mut Reading, file: u32, skipped: Skipped) {
    *reading.files[file as usize].counts.skipped.entry(skipped).or_default() += 1;
}

fn settle_courses(drafts: &mut Drafts, reading: &mut Reading) {
    let mut courses = std::mem::take(&mut drafts.courses);
    let settled = settle_rows(
        &mut courses,
        |course| course.code.clone(),
        |course| (course.origin, course.modified),
        |one, two| {
            let said = |course: &CourseDraft| {
                (look(&course.name).into_owned(), course.level.clone(), course.standing)
            };
            said(one) == said(two)
        },
    );
    report(settled, drafts, reading, |other| Reason::Contradicts(other, "course"));
    refuse_lookalikes(&mut courses, |course| course.code.clone(), |course| course.origin, drafts);
    courses.sort_by_key(|course| course.origin);
    let keys = &mut reading.course_keys;
    let rows = courses.into_iter().map(|course| CourseRow {
        origin: course.origin,
        reference: keys.add(CourseKey::Code(course.code.clone())),
        code: course.code,
        name: course.name,
        level: course.level,
        standing: course.standing,
    });
    reading.courses = rows.collect();
}
