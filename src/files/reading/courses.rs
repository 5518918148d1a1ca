//! Rows of courses and of their sections.

use super::drafts::{CourseDraft, CrossListing, Drafts, SectionDraft};
use super::meaning::Meaning;
use super::reasons::Reason;
use super::report::Format;
use super::row::{Fault, Row};
use super::rows::Standing;
use super::words;

/// Reads a course.
pub(super) fn read(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    let Some(code) = row.id(Meaning::Code)? else {
        return Err(row.fault(Meaning::Code, Reason::NumberMissing));
    };
    let name = name(row, &[Meaning::Name, Meaning::ShortName])?;
    let level = level(row)?;
    let standing = standing(row)?;
    let modified = row.modified();
    let has_classes = row.layout.format == Format::OneRoster;
    drafts.courses.push(CourseDraft {
        origin: row.origin,
        code,
        name,
        level,
        standing,
        modified,
        has_classes,
    });
    Ok(())
}

/// Reads a section or class.
pub(super) fn read_section(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    let Some(key) = section_key(row)? else { return Err(row.fault(Meaning::Section, Reason::NumberMissing)) };
    let section = section(row, key.clone()).inspect_err(|_| drafts.note_unclear(key, course_in(row)))?;
    drafts.sections.push(section);
    Ok(())
}

/// The course that a row names, whatever else is wrong with it.
fn course_in(row: &Row<'_>) -> Option<Box<str>> {
    row.id(Meaning::Code).ok().flatten()
}

fn section(row: &Row<'_>, key: Box<str>) -> Result<SectionDraft, Fault> {
    let is_course = [Format::OneRoster, Format::Clever].contains(&row.layout.format);
    let course = row.id(Meaning::Code)?;
    if course.is_none() && !is_course {
        return Err(row.fault(Meaning::Code, Reason::CourseMissing));
    }
    let name = name(row, &[Meaning::Name, Meaning::CourseName])?;
    let level = level(row)?;
    let standing = standing(row)?;
    let modified = row.modified();
    Ok(SectionDraft { origin: row.origin, key, course, name, level, standing, modified, is_course })
}

/// Reads that a section has moved to another course, or was there and has moved back.
pub(super) fn read_cross_listing(row: &Row<'_>, drafts: &mut Drafts) -> Result<(), Fault> {
    let Some(section) = section_key(row)? else {
        return Err(row.fault(Meaning::Section, Reason::NumberMissing));
    };
    let listing =
        cross_listing(row, section.clone()).inspect_err(|_| drafts.note_unclear(section, course_in(row)))?;
    drafts.cross_listings.push(listing);
    Ok(())
}

fn cross_listing(row: &Row<'_>, section: Box<str>) -> Result<CrossListing, Fault> {
    let Some(course) = row.id(Meaning::Code)? else {
        return Err(row.fault(Meaning::Code, Reason::CourseMissing));
    };
    let is_over = standing(row)? != Standing::Active;
    Ok(CrossListing { origin: row.origin, section, course, is_over })
}

/// The id of a section. In Clever it is unique only within a school.
pub(super) fn section_key(row: &Row<'_>) -> Result<Option<Box<str>>, Fault> {
    let Some(section) = row.id(Meaning::Section)? else { return Ok(None) };
    if row.layout.format != Format::Clever {
        return Ok(Some(section));
    }
    match row.id(Meaning::School)? {
        Some(school) => Ok(Some(format!("{school}/{section}").into())),
        None => Err(row.fault(Meaning::School, Reason::NumberMissing)),
    }
}

fn name(row: &Row<'_>, meanings: &[Meaning]) -> Result<Box<str>, Fault> {
    for meaning in meanings {
        if let Some(name) = row.record_text(*meaning, "name-not-valid", "The name")? {
            return Ok(name);
        }
    }
    Err(row.fault(meanings[0], Reason::NameMissing))
}

fn level(row: &Row<'_>) -> Result<Option<Box<str>>, Fault> {
    row.record_text(Meaning::Level, "level-not-valid", "The level")
}

fn standing(row: &Row<'_>) -> Result<Standing, Fault> {
    let standing = row.status(Meaning::Status, words::course, words::COURSE_WORDS)?;
    Ok(standing.unwrap_or(Standing::Active))
}
