//! Which courses the sections of Canvas are, for the files that come later.

mod store;

use std::collections::{HashMap, HashSet};

use self::store::Remembered;
use crate::db::{Db, DbError};
use crate::files::reading::{CanvasSection, KnownSections};
use crate::registrar::Chore;

/// Sections in one commit.
const SECTIONS_PER_COMMIT: usize = 50;

/// The sections that earlier imports have described, and whose courses exist.
///
/// # Errors
/// When the database cannot be read.
pub async fn known(db: &Db) -> Result<KnownSections, DbError> {
    let remembered = store::remembered(db).await?;
    Ok(remembered.into_iter().filter(|one| one.exists).map(|one| one.section).collect())
}

/// What writes these sections down, as far as their courses exist and they are not written down yet, by commit.
pub(super) async fn remember(db: &Db, sections: &[CanvasSection]) -> Result<Vec<Vec<Chore>>, DbError> {
    if sections.is_empty() {
        return Ok(Vec::new());
    }
    let before = store::remembered(db).await?;
    let mut by_id: HashMap<&str, &Remembered> = HashMap::new();
    let mut by_code: HashMap<&str, &Remembered> = HashMap::new();
    for one in &before {
        by_id.insert(&one.section.id, one);
        by_code.insert(&one.section.code, one);
    }
    let exist = store::codes_of_courses(db, sections).await?;
    let mut codes = HashSet::new();
    let is_new = |section: &&CanvasSection| {
        let holder = by_code.get(&*section.code);
        // Our own exports have a section with the id of its course for each course. That is no section of another system.
        let is_own = section.id == section.code
            && holder.is_some_and(|holder| holder.exists && holder.section.id != section.id);
        let is_same = by_id.get(&*section.id).is_some_and(|one| one.section == **section);
        exist.contains(&*section.code) && !is_same && !is_own && codes.insert(section.code.clone())
    };
    let new: Vec<_> = sections.iter().filter(is_new).collect();
    let chores = |some: &[&CanvasSection]| {
        let is_there = |section: &&&CanvasSection| {
            by_id.contains_key(&*section.id) || by_code.contains_key(&*section.code)
        };
        let forget = some.iter().filter(is_there).map(|section| store::forget(section));
        forget.chain(some.iter().map(|section| store::add(section))).collect()
    };
    Ok(new.chunks(SECTIONS_PER_COMMIT).map(chores).collect())
}
