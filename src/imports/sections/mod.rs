//! Which courses the sections of Canvas are, for the files that come later.

mod store;

use std::collections::HashMap;

pub(super) use self::store::forget;
use super::staging::Assignment;
use crate::db::{Db, DbError};
use crate::files::reading::{CanvasSection, KnownSections, Reading};
use crate::registrar::Chore;

/// Sections in one commit.
const SECTIONS_PER_COMMIT: usize = 50;

/// The sections that earlier imports have described, and whose courses exist.
///
/// # Errors
/// When the database cannot be read.
pub async fn known(db: &Db) -> Result<KnownSections, DbError> {
    let said = store::said(db).await?;
    let exist = store::codes_of_courses(db, &said).await?;
    let latest = latest(said);
    // What the latest import says about a course counts for the course, too.
    let with_codes: HashMap<_, _> =
        latest.iter().map(|section| (section.code.clone(), section.id.clone())).collect();
    let is_known =
        |section: &CanvasSection| exist.contains(&*section.code) && with_codes[&section.code] == section.id;
    Ok(latest.into_iter().filter(is_known).collect())
}

/// The last thing that is said about each section, in that order.
fn latest(said: Vec<CanvasSection>) -> Vec<CanvasSection> {
    let last: HashMap<_, _> =
        said.iter().zip(0..).map(|(section, place)| (section.id.clone(), place)).collect();
    let is_last = |(section, place): &(CanvasSection, usize)| last[&section.id] == *place;
    said.into_iter().zip(0..).filter(is_last).map(|(section, _)| section).collect()
}

/// Whether a reading still fits what is known about sections: another import may have said something else since.
pub(super) async fn still_fits(db: &Db, reading: &Reading) -> Result<bool, DbError> {
    if reading.sections.is_empty() {
        return Ok(true);
    }
    let known = known(db).await?;
    Ok(reading.sections.iter().all(|section| known.allows(section)))
}

/// What writes down what is new about these sections, by commit.
pub(super) async fn remember(
    db: &Db,
    assignment: &Assignment,
    sections: &[CanvasSection],
) -> Result<Vec<Vec<Chore>>, DbError> {
    let new = new(db, sections).await?;
    let chores =
        |some: &[&CanvasSection]| some.iter().map(|section| store::add(assignment, section)).collect();
    Ok(new.chunks(SECTIONS_PER_COMMIT).map(chores).collect())
}

/// Whether files say something new about sections.
pub(super) async fn are_new(db: &Db, sections: &[CanvasSection]) -> Result<bool, DbError> {
    Ok(!new(db, sections).await?.is_empty())
}

async fn new<'a>(db: &Db, sections: &'a [CanvasSection]) -> Result<Vec<&'a CanvasSection>, DbError> {
    if sections.is_empty() {
        return Ok(Vec::new());
    }
    let known = known(db).await?;
    let latest = latest(store::said(db).await?);
    let latest: HashMap<_, _> = latest.iter().map(|section| (&section.id, section)).collect();
    let is_new = |section: &&CanvasSection| {
        // Our own exports have a section with the id of its course for each course. That is no section of another system.
        let is_own = section.id == section.code && known.is_of_another(&section.code, &section.id);
        !is_own && latest.get(&section.id) != Some(section)
    };
    Ok(sections.iter().filter(is_new).collect())
}
