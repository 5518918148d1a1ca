//! Courses and their sections.
//!
//! A class of OneRoster and a section of Clever is a course of its own: students enroll in it. A section of Canvas is the
//! course itself if the course has no other section, otherwise a course of its own with the code `course/section`.

use std::collections::{HashMap, HashSet};

use super::settle::{refuse_lookalikes, report, settle as settle_rows};
use crate::files::reading::drafts::{CourseDraft, CrossListing, Drafts, EnrollmentDraft, SectionDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Reading, Skipped};
use crate::files::reading::rows::{CourseKey, CourseRow, Standing};
use crate::text::{MAX_TEXT, look};

/// Which course a section of these files is.
#[derive(Debug, Default)]
pub(super) struct Sections {
    known: HashMap<Box<str>, Section>,
    unclear: HashSet<Box<str>>,
}

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

impl Sections {
    /// The course of an enrollment, or why it is not clear.
    pub(super) fn course_of(&self, draft: &EnrollmentDraft, drafts: &Drafts) -> Result<CourseKey, Reason> {
        let text = |reference| drafts.texts.get(reference).clone();
        let course = draft.course.map(text);
        let Some(section) = draft.section.map(text) else {
            return Ok(CourseKey::Code(course.unwrap_or_default()));
        };
        match self.known.get(&section) {
            Some(found) if course.is_some() && !found.is_in(course.as_deref()) => {
                Err(Reason::SectionOfAnotherCourse)
            }
            Some(found) => Ok(found.key.clone()),
            // A class is itself what students enroll in, whatever becomes of its row.
            None if draft.section_is_course => Ok(CourseKey::Code(section)),
            None if self.unclear.contains(&section) => Err(Reason::SectionNotClear),
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
    let mut sections = settle_sections(drafts, reading);
    settle_drafts_of_courses(drafts, reading);
    let moves = Moves::settle(drafts, reading, &sections);
    leave_out_unclear(&mut sections, drafts);
    let mut left = HashMap::new();
    for section in sections.iter_mut().filter(|section| !section.is_course) {
        if let Some(course) = moves.now.get(&section.key)
            && let Some(course) = section.course.replace(course.clone())
        {
            left.insert(section.key.clone(), course);
        }
    }
    let mut counts: HashMap<Box<str>, u32> = HashMap::new();
    for section in sections.iter().filter(|section| !section.is_course) {
        *counts.entry(section.course.clone().unwrap_or_default()).or_default() += 1;
    }
    let has_classes = sections.iter().any(|section| section.is_course && section.course.is_some());
    let named: HashMap<_, _> =
        drafts.courses.iter().map(|course| (course.code.clone(), Named::from(course))).collect();
    leave_out_courses_with_sections(&counts, has_classes, drafts, reading);
    let unclear_courses = std::mem::take(&mut drafts.unclear_courses);
    leave_out_unclear_courses(&unclear_courses, &counts, drafts);
    let mut found = Sections { known: HashMap::new(), unclear: std::mem::take(&mut drafts.unclear_sections) };
    for section in sections {
        let count =
            section.course.as_ref().and_then(|course| counts.get(course)).copied().unwrap_or_default();
        let is_divided = section.is_course || count > 1;
        // The course may have had other sections, and this one a code of its own.
        let may_be_divided = section.standing == Standing::Deleted
            || section.course.as_ref().is_some_and(|course| unclear_courses.contains(course));
        let is_course = is_divided || section.standing == Standing::Deleted;
        let code = match &section.course {
            Some(course) if !section.is_course && is_course => within(course, &section.key),
            Some(course) if !is_course => course.clone(),
            _ => section.key.clone(),
        };
        let moved_from = left.remove(&section.key);
        if let Some(course) = section.course.as_ref().filter(|_| !section.is_course) {
            let other = if is_course { course.clone() } else { within(course, &section.key) };
            let others = reading.other_codes.entry(code.clone()).or_default();
            others.push(other);
            let before = moves.before.get(&section.key).into_iter().flatten();
            for earlier in moved_from.iter().chain(before).filter(|earlier| *earlier != course) {
                others.extend([earlier.clone(), within(earlier, &section.key)]);
            }
        }
        let course = section.course.clone();
        let key = if may_be_divided && !is_divided {
            CourseKey::Section { course: course.clone(), section: section.key.clone() }
        } else {
            CourseKey::Code(code.clone())
        };
        let known = Section { course, moved_from, key, is_course: section.is_course };
        found.known.insert(section.key.clone(), known);
        if is_course {
            drafts.courses.push(course_of(section, code, &named));
        } else {
            skip(reading, section.origin.file, Skipped::OnlySection);
        }
    }
    settle_courses(drafts, reading);
    found
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
}

struct Named {
    name: Box<str>,
    level: Option<Box<str>>,
    standing: Standing,
}

impl From<&CourseDraft> for Named {
    fn from(course: &CourseDraft) -> Self {
        Self { name: course.name.clone(), level: course.level.clone(), standing: course.standing }
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
    let (origin, modified) = (section.origin, section.modified);
    // A section of Canvas goes with its course.
    let is_gone = !section.is_course && course.is_some_and(|course| course.standing == Standing::Deleted);
    let standing = if is_gone { Standing::Deleted } else { section.standing };
    CourseDraft { origin, code, name, level, standing, modified, has_classes: false }
}

/// A course whose sections are courses is none itself, unless somebody is enrolled in it without a section, or it is to be
/// deleted: it may have been one when it had fewer sections.
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
        let stays = || course.standing == Standing::Deleted || is_named();
        let is_left_out = course.has_classes && has_classes || is_divided && !stays();
        if is_left_out {
            skip(reading, course.origin.file, Skipped::HasSections);
        }
        !is_left_out
    });
}

/// Refuses the row of a course if it is not clear whether the course has one section or several.
fn leave_out_unclear_courses(
    unclear: &HashSet<Box<str>>,
    counts: &HashMap<Box<str>, u32>,
    drafts: &mut Drafts,
) {
    let is_unclear =
        |course: &mut CourseDraft| unclear.contains(&course.code) && counts.get(&course.code) == Some(&1);
    let left_out: Vec<_> = drafts.courses.extract_if(.., is_unclear).collect();
    for course in left_out {
        drafts.refuse(course.origin, None, Reason::SectionNotClear);
    }
}

fn skip(reading: &mut Reading, file: u32, skipped: Skipped) {
    *reading.files[file as usize].counts.skipped.entry(skipped).or_default() += 1;
}

/// Keeps one draft of each course.
fn settle_drafts_of_courses(drafts: &mut Drafts, reading: &mut Reading) {
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
    drafts.courses = courses;
}

fn settle_courses(drafts: &mut Drafts, reading: &mut Reading) {
    // A section may have the code of a course.
    settle_drafts_of_courses(drafts, reading);
    let mut courses = std::mem::take(&mut drafts.courses);
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
