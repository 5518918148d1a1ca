//! Courses and their sections.
//!
//! A class of OneRoster and a section of Clever is a course of its own: students enroll in it. Which course a section of
//! Canvas is says [`KnownSections`](crate::files::reading::KnownSections).

use std::collections::{BTreeMap, HashMap, HashSet};

use super::courses::{self, Named, skip};
use super::division::{Division, Place, within};
use super::settle::{report, settle as settle_rows};
use crate::files::reading::canvas::{CanvasSection, KnownSections};
use crate::files::reading::drafts::{CourseDraft, CrossListing, Drafts, EnrollmentDraft, SectionDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Format, Reading, Skipped};
use crate::files::reading::rows::{CourseKey, Standing, Wanted};
use crate::text::look;

/// Which course a section is.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    described: HashMap<Box<str>, Section>,
    unclear: HashSet<Box<str>>,
    known: &'a KnownSections,
}

/// A section of these files.
#[derive(Debug)]
struct Section {
    /// The course that it belongs to.
    course: Option<Box<str>>,
    /// The course from which Canvas has moved it: enrollments may still name it.
    moved_from: Option<Box<str>>,
    /// The course that it is.
    key: CourseKey,
    is_course: bool,
}

impl Section {
    fn is_in(&self, course: Option<&str>) -> bool {
        self.is_course || course == self.course.as_deref() || course == self.moved_from.as_deref()
    }
}

impl Sections<'_> {
    /// The course of an enrollment from a file of this format, or why it is not clear.
    pub(super) fn course_of(
        &self,
        draft: &EnrollmentDraft,
        format: Option<Format>,
        drafts: &Drafts,
    ) -> Result<CourseKey, Reason> {
        let text = |reference| drafts.texts.get(reference).clone();
        let course = draft.course.map(text);
        let Some(section) = draft.section.map(text) else {
            return Ok(CourseKey::Code(course.unwrap_or_default()));
        };
        match self.described.get(&section) {
            Some(found) if course.is_some() && !found.is_in(course.as_deref()) => {
                return Err(Reason::SectionOfAnotherCourse);
            }
            Some(found) => return Ok(found.key.clone()),
            // A class is itself what students enroll in, whatever becomes of its row.
            None if draft.section_is_course => return Ok(CourseKey::Code(section)),
            None if self.unclear.contains(&section) => return Err(Reason::SectionNotClear),
            None => {}
        }
        match self.known.get(&section) {
            Some(known) if course.as_deref().is_none_or(|course| known.is_in(course)) => {
                Ok(CourseKey::Code(known.code.clone()))
            }
            // Only in Canvas is the id of a section unique.
            Some(_) if format == Some(Format::Canvas) => Err(Reason::SectionOfAnotherCourse),
            _ => match course {
                // The course may be another section.
                Some(course) if self.known.of_course(&course).next().is_some() => match draft.wanted {
                    Wanted::Enrolled => Err(Reason::SectionNotInFiles),
                    Wanted::NotEnrolled => Ok(CourseKey::Code(within(&course, &section))),
                },
                course => Ok(CourseKey::Section { course, section }),
            },
        }
    }
}

/// Every code of a course or section that a row names.
pub(super) fn named(drafts: &Drafts, known: &KnownSections) -> HashSet<Box<str>> {
    let of_enrollments = drafts.texts.iter().map(|(_, text)| text.clone());
    let of_courses = drafts.courses.iter().map(|course| course.code.clone());
    let of_sections = drafts.sections.iter().flat_map(|section| {
        let within = section.course.as_ref().map(|course| within(course, &section.key));
        [Some(section.key.clone()), section.course.clone(), within].into_iter().flatten()
    });
    let of_cross_listings = drafts.cross_listings.iter().map(|listing| listing.course.clone());
    let mut named: HashSet<_> =
        of_enrollments.chain(of_courses).chain(of_sections).chain(of_cross_listings).collect();
    let described: HashSet<_> = drafts.sections.iter().map(|section| &section.key).collect();
    let undescribed = named.iter().filter(|id| !described.contains(id));
    let of_known: Vec<_> = undescribed.filter_map(|id| Some(known.get(id)?.code.clone())).collect();
    named.extend(of_known);
    named
}

/// Which courses the sections of the files were before: those that they describe, and those that they name and that are known.
pub(super) fn before(drafts: &Drafts, known: &KnownSections) -> BTreeMap<Box<str>, Option<Box<str>>> {
    let code = |id: &str| known.get(id).map(|section| section.code.clone());
    let described = drafts.sections.iter().map(|section| (section.key.clone(), code(&section.key)));
    let of_enrollments = drafts.texts.iter().map(|(_, text)| (text.clone(), code(text)));
    described.chain(of_enrollments.filter(|(_, code)| code.is_some())).collect()
}

/// Settles the courses of the reading.
pub(super) fn settle<'a>(
    drafts: &mut Drafts,
    reading: &mut Reading,
    known: &'a KnownSections,
) -> Sections<'a> {
    let mut sections = settle_sections(drafts, reading);
    courses::settle_drafts(drafts, reading);
    let moves = Moves::settle(drafts, reading, &sections);
    leave_out_unclear(&mut sections, drafts);
    let mut left = moves.carry_out(&mut sections, known);
    let unclear_courses = std::mem::take(&mut drafts.unclear_courses);
    let division = Division::of(&sections, unclear_courses, known);
    let has_classes = sections.iter().any(|section| section.is_course && section.course.is_some());
    let named: HashMap<_, _> =
        drafts.courses.iter().map(|course| (course.code.clone(), Named::from(course))).collect();
    delete_with_courses(&division, drafts);
    courses::leave_out_divided(|course| division.is_divided(course), has_classes, drafts, reading);
    courses::leave_out_unclear(|course| division.is_unclear(course), drafts);
    let unclear = std::mem::take(&mut drafts.unclear_sections);
    let mut found = Sections { described: HashMap::new(), unclear, known };
    for section in sections {
        let Place { code, is_certain } = division.place(&section);
        let stays = !section.is_course && section.standing != Standing::Deleted;
        let moved_from = left.remove(&section.key);
        let course = section.course.clone();
        if let Some(course) = course.as_ref().filter(|_| !section.is_course) {
            let before = moves.before.get(&section.key).into_iter().flatten();
            let earlier = moved_from.iter().chain(before).filter(|earlier| *earlier != course);
            let of_earlier = earlier.flat_map(|earlier| [earlier.clone(), within(earlier, &section.key)]);
            let others = reading.other_codes.entry(code.clone()).or_default();
            for other in division.other_codes(&section, course, &code).into_iter().chain(of_earlier) {
                if !others.contains(&other) {
                    others.push(other);
                }
            }
        }
        let key = if is_certain {
            CourseKey::Code(code.clone())
        } else {
            CourseKey::Section { course: course.clone(), section: section.key.clone() }
        };
        let course_name = course.as_deref().and_then(|course| name_of_course(course, &named, known));
        if let Some(course) = course.clone().filter(|_| is_certain && stays) {
            let (id, course_name, code) = (section.key.clone(), course_name.map(Into::into), code.clone());
            reading.sections.push(CanvasSection {
                id,
                course,
                course_name,
                moved_from: moved_from.clone(),
                code,
            });
        }
        let described = Section { course, moved_from, key, is_course: section.is_course };
        found.described.insert(section.key.clone(), described);
        if division.has_row(&section, &code) {
            drafts.courses.push(courses::course_of(section, code, course_name, &named));
        } else {
            skip(reading, section.origin.file, Skipped::OnlySection);
        }
    }
    courses::settle(drafts, reading);
    found
}

/// The name of a course in these files, otherwise in earlier ones.
fn name_of_course<'a>(
    course: &str,
    named: &'a HashMap<Box<str>, Named>,
    known: &'a KnownSections,
) -> Option<&'a str> {
    let earlier = || known.of_course(course).find_map(|section| section.course_name.as_deref());
    named.get(course).map(|course| &*course.name).or_else(earlier)
}

/// Deletes the known sections of courses that are deleted.
fn delete_with_courses(division: &Division<'_>, drafts: &mut Drafts) {
    let mut gone = Vec::new();
    for course in drafts.courses.iter().filter(|course| course.standing == Standing::Deleted) {
        let apart = division.others(&course.code).filter(|section| section.code != course.code);
        gone.extend(apart.map(|section| CourseDraft { code: section.code.clone(), ..course.clone() }));
    }
    drafts.courses.extend(gone);
}

fn settle_sections(drafts: &mut Drafts, reading: &mut Reading) -> Vec<SectionDraft> {
    let mut sections = std::mem::take(&mut drafts.sections);
    let place = |section: &SectionDraft| (section.key.clone(), section.course.clone());
    let places: Vec<_> = sections.iter().filter(|section| !section.is_course).map(place).collect();
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
    note_unclear(places, sections.iter().map(|section| &section.key), drafts);
    sections
}

/// Notes the sections whose rows are all refused, and the courses that these rows name.
fn note_unclear<'a>(
    places: Vec<(Box<str>, Option<Box<str>>)>,
    kept: impl Iterator<Item = &'a Box<str>>,
    drafts: &mut Drafts,
) {
    let kept: HashSet<_> = kept.collect();
    for (section, course) in places.into_iter().filter(|(section, _)| !kept.contains(section)) {
        drafts.note_unclear(section, course);
    }
}

/// Refuses a section if another row about it is refused: it may belong to another course.
fn leave_out_unclear(sections: &mut Vec<SectionDraft>, drafts: &mut Drafts) {
    let is_unclear =
        |section: &mut SectionDraft| !section.is_course && drafts.unclear_sections.contains(&section.key);
    let unclear: Vec<_> = sections.extract_if(.., is_unclear).collect();
    for section in unclear {
        drafts.refuse(section.origin, None, Reason::SectionNotClear);
        drafts.unclear_courses.extend(section.course);
    }
}

/// Where sections of Canvas are and were, by section.
struct Moves {
    now: HashMap<Box<str>, Box<str>>,
    /// Courses from which they have moved back.
    before: HashMap<Box<str>, Vec<Box<str>>>,
}

impl Moves {
    fn settle(drafts: &mut Drafts, reading: &mut Reading, sections: &[SectionDraft]) -> Self {
        let mut listings = std::mem::take(&mut drafts.cross_listings);
        let place = |listing: &CrossListing| (listing.section.clone(), listing.course.clone());
        let mut places: HashSet<_> = listings.iter().map(place).collect();
        let settled = settle_rows(
            &mut listings,
            place,
            |listing| (listing.origin, None),
            |one, two| one.is_over == two.is_over,
        );
        report(settled, drafts, reading, |other| Reason::Contradicts(other, "section"));
        for listing in &listings {
            places.remove(&place(listing));
        }
        for (section, course) in places {
            drafts.note_unclear(section, Some(course));
        }
        let (over, mut now): (Vec<_>, Vec<_>) = listings.into_iter().partition(|listing| listing.is_over);
        let mut before: HashMap<_, Vec<_>> = HashMap::new();
        for CrossListing { origin, section, course, .. } in over {
            skip(reading, origin.file, Skipped::OnlySection);
            before.entry(section).or_default().push(course);
        }
        let places = now.iter().map(|listing| (listing.section.clone(), Some(listing.course.clone())));
        let places: Vec<_> = places.collect();
        let settled = settle_rows(
            &mut now,
            |listing| listing.section.clone(),
            |listing| (listing.origin, None),
            |one, two| one.course == two.course,
        );
        report(settled, drafts, reading, |other| Reason::Contradicts(other, "section"));
        note_unclear(places, now.iter().map(|listing| &listing.section), drafts);
        let described: HashSet<_> = sections.iter().map(|section| &section.key).collect();
        let (known, unknown): (Vec<_>, Vec<_>) =
            now.into_iter().partition(|listing| described.contains(&listing.section));
        for CrossListing { origin, section, course, .. } in unknown {
            drafts.refuse(origin, None, Reason::SectionNotInFiles);
            drafts.note_unclear(section, Some(course));
        }
        for listing in &known {
            skip(reading, listing.origin.file, Skipped::OnlySection);
        }
        let now = known.into_iter().map(|listing| (listing.section, listing.course)).collect();
        Self { now, before }
    }

    /// Puts the sections into the courses to which they have moved; returns the courses that they have left, by section.
    fn carry_out(&self, sections: &mut [SectionDraft], known: &KnownSections) -> HashMap<Box<str>, Box<str>> {
        let mut left = HashMap::new();
        for section in sections.iter_mut().filter(|section| !section.is_course) {
            let is_back =
                |course| self.before.get(&section.key).is_some_and(|courses| courses.contains(course));
            // As in Canvas, the row of a section does not undo that the section has moved.
            let moved_earlier = || {
                let known = known.get(&section.key)?;
                let is_moved = known.moved_from.is_some() && known.moved_from == section.course;
                // A section that is deleted is deleted wherever it was.
                let stays = is_moved && !is_back(&known.course) || section.standing == Standing::Deleted;
                stays.then(|| known.course.clone())
            };
            if let Some(course) = self.now.get(&section.key).cloned().or_else(moved_earlier)
                && let Some(course) = section.course.replace(course)
            {
                left.insert(section.key.clone(), course);
            }
        }
        left
    }
}
