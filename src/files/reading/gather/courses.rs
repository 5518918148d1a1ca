//! Courses, each once.

use std::collections::{HashMap, HashSet};

use super::settle::{refuse_lookalikes, report, settle as settle_rows};
use crate::files::reading::drafts::{CourseDraft, Drafts, SectionDraft};
use crate::files::reading::reasons::Reason;
use crate::files::reading::report::{Reading, Skipped};
use crate::files::reading::rows::{CourseKey, CourseRow, Standing};
use crate::text::{MAX_TEXT, look};

/// Keeps one draft of each course.
pub(super) fn settle_drafts(drafts: &mut Drafts, reading: &mut Reading) {
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

/// Settles the courses of the reading.
pub(super) fn settle(drafts: &mut Drafts, reading: &mut Reading) {
    // A section may have the code of a course.
    settle_drafts(drafts, reading);
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

/// What files say of a course.
pub(super) struct Named {
    pub(super) name: Box<str>,
    level: Option<Box<str>>,
    standing: Standing,
}

impl From<&CourseDraft> for Named {
    fn from(course: &CourseDraft) -> Self {
        Self { name: course.name.clone(), level: course.level.clone(), standing: course.standing }
    }
}

/// The course that a section is, with what is known of the course that it belongs to.
pub(super) fn course_of(
    section: SectionDraft,
    code: Box<str>,
    course_name: Option<&str>,
    named: &HashMap<Box<str>, Named>,
) -> CourseDraft {
    let course = section.course.as_ref().and_then(|course| named.get(course));
    let name = match course_name {
        Some(course) if !section.is_course && !section.name.contains(course) => {
            let name = format!("{course} ({})", section.name);
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
pub(super) fn leave_out_divided(
    is_divided: impl Fn(&str) -> bool,
    has_classes: bool,
    drafts: &mut Drafts,
    reading: &mut Reading,
) {
    let without =
        drafts.enrollments.iter().filter(|draft| draft.section.is_none()).filter_map(|draft| draft.course);
    let without: HashSet<_> = without.collect();
    let texts = &drafts.texts;
    drafts.courses.retain(|course| {
        let is_named = || texts.find(&course.code).is_some_and(|text| without.contains(&text));
        let stays = || course.standing == Standing::Deleted || is_named();
        let is_left_out = course.has_classes && has_classes || is_divided(&course.code) && !stays();
        if is_left_out {
            skip(reading, course.origin.file, Skipped::HasSections);
        }
        !is_left_out
    });
}

/// Refuses the row of a course if it is not clear whether the course has one section or several.
pub(super) fn leave_out_unclear(is_unclear: impl Fn(&str) -> bool, drafts: &mut Drafts) {
    let left_out: Vec<_> = drafts.courses.extract_if(.., |course| is_unclear(&course.code)).collect();
    for course in left_out {
        drafts.refuse(course.origin, None, Reason::SectionNotClear);
    }
}

/// Counts a row that is left out.
pub(super) fn skip(reading: &mut Reading, file: u32, skipped: Skipped) {
    *reading.files[file as usize].counts.skipped.entry(skipped).or_default() += 1;
}
