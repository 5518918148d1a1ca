//! Which courses the sections of Canvas are, for the files that come later.

mod store;

use std::collections::HashMap;

use self::store::Statement;
pub(super) use self::store::forget;
use super::staging::Assignment;
use crate::db::{Db, DbError};
use crate::files::reading::{CanvasSection, KnownSections, Reading};
use crate::registrar::Chore;

/// Sections in one commit.
const SECTIONS_PER_COMMIT: usize = 256;

/// The sections that earlier imports have described, and whose courses exist.
///
/// # Errors
/// When the database cannot be read.
pub async fn known(db: &Db) -> Result<KnownSections, DbError> {
    Statements::load(db).await?.known(db).await
}

/// Whether the sections of an import still are the courses that its reading has taken them for: another import may have
/// said something else since it was planned.
pub(super) async fn still_fit(db: &Db, import_id: i64, reading: &Reading) -> Result<bool, DbError> {
    if reading.sections.is_empty() && reading.named_sections.is_empty() {
        return Ok(true);
    }
    let statements = Statements::load(db).await?;
    let known = statements.known(db).await?;
    let has_moved = |named: &CanvasSection| known.get(&named.id).is_none_or(|now| now.code != named.code);
    if reading.named_sections.iter().any(has_moved) {
        return Ok(false);
    }
    let said_since: Vec<_> =
        statements.latest().filter(|statement| statement.import_id > import_id).collect();
    let by_id: HashMap<_, _> = said_since.iter().map(|said| (&said.section.id, &said.section)).collect();
    let by_code: HashMap<_, _> = said_since.iter().map(|said| (&said.section.code, &said.section)).collect();
    let is_outdated = |section: &CanvasSection| {
        let others = [by_id.get(&section.id), by_code.get(&section.code)];
        others.into_iter().flatten().any(|other| *other != section)
    };
    Ok(reading.sections.iter().all(|section| known.allows(section) && !is_outdated(section)))
}

/// What writes down what an import says about sections, by commit: also what others have said before, since these may be
/// undone.
pub(super) async fn remember(
    db: &Db,
    assignment: &Assignment,
    sections: &[CanvasSection],
) -> Result<Vec<Vec<Chore>>, DbError> {
    if sections.is_empty() {
        return Ok(Vec::new());
    }
    let statements = Statements::load(db).await?;
    let known = statements.known(db).await?;
    let foreign: Vec<_> = sections.iter().filter(|section| !is_own(section, &known)).collect();
    let chore = |section: &&CanvasSection| match statements.about(section) {
        // The first and the last import that say the same are enough.
        [.., before, last]
            if before.section == **section
                && last.section == **section
                && last.import_id < assignment.import_id =>
        {
            store::say_instead_of(assignment, last)
        }
        _ => store::say(assignment, section),
    };
    Ok(foreign.chunks(SECTIONS_PER_COMMIT).map(|some| some.iter().map(chore).collect()).collect())
}

/// About how many of these sections no import has said the same.
pub(super) async fn new(db: &Db, sections: &[CanvasSection]) -> Result<usize, DbError> {
    if sections.is_empty() {
        return Ok(0);
    }
    let statements = Statements::load(db).await?;
    let known = statements.known(db).await?;
    let is_said = |section: &CanvasSection| {
        statements.about(section).last().is_some_and(|latest| latest.section == *section)
    };
    Ok(sections.iter().filter(|section| !is_said(section) && !is_own(section, &known)).count())
}

/// Our own exports have a section with the id of its course for each course. That is no section of another system.
fn is_own(section: &CanvasSection, known: &KnownSections) -> bool {
    section.id == section.code && known.is_of_another(&section.code, &section.id)
}

/// What imports have said, by section.
struct Statements(HashMap<Box<str>, Vec<Statement>>);

impl Statements {
    async fn load(db: &Db) -> Result<Self, DbError> {
        let mut by_section: HashMap<_, Vec<_>> = HashMap::new();
        for statement in store::statements(db).await? {
            by_section.entry(statement.section.id.clone()).or_default().push(statement);
        }
        Ok(Self(by_section))
    }

    /// About this section, the latest import last.
    fn about(&self, section: &CanvasSection) -> &[Statement] {
        self.0.get(&section.id).map_or(&[], Vec::as_slice)
    }

    /// The latest about each section, in any order.
    fn latest(&self) -> impl Iterator<Item = &Statement> {
        self.0.values().filter_map(|statements| statements.last())
    }

    async fn known(&self, db: &Db) -> Result<KnownSections, DbError> {
        let mut latest: Vec<_> = self.latest().collect();
        latest.sort_by_key(|statement| (statement.import_id, &statement.section.id));
        let exist = store::codes_of_courses(db, latest.iter().map(|statement| &statement.section)).await?;
        // What the latest import says about a course counts for the course, too.
        let with_codes: HashMap<_, _> =
            latest.iter().map(|statement| (&statement.section.code, &statement.section.id)).collect();
        let is_known = |section: &&CanvasSection| {
            exist.contains(&*section.code) && with_codes[&section.code] == &section.id
        };
        Ok(latest.iter().map(|statement| &statement.section).filter(is_known).cloned().collect())
    }
}
