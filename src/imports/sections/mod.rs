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

/// Whether the sections that a reading names and describes still are the courses that they were then.
pub(super) async fn still_fit(db: &Db, reading: &Reading) -> Result<bool, DbError> {
    if reading.sections_before.is_empty() {
        return Ok(true);
    }
    let known = known(db).await?;
    let mut as_before = reading.sections_before.iter();
    let is_free = |section: &CanvasSection| !known.is_of_another(&section.code, &section.id);
    Ok(as_before.all(|(id, code)| known.get(id).map(|section| &section.code) == code.as_ref())
        && reading.sections.iter().all(|section| section.id == section.code || is_free(section)))
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
    let said = statements.last_said() + 1;
    let foreign: Vec<_> = sections.iter().filter(|section| !is_own(section, &known)).collect();
    let chores = |section: &&CanvasSection| {
        let replaced = match statements.about(section) {
            // The first and the last import that say the same are enough.
            [.., before, last]
                if before.section == **section
                    && last.section == **section
                    && last.import_id != assignment.import_id =>
            {
                Some(store::replace(assignment, last))
            }
            _ => None,
        };
        replaced.into_iter().chain([store::say(assignment, said, section)])
    };
    Ok(foreign.chunks(SECTIONS_PER_COMMIT).map(|some| some.iter().flat_map(chores).collect()).collect())
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

    /// About this section, the latest last.
    fn about(&self, section: &CanvasSection) -> &[Statement] {
        self.0.get(&section.id).map_or(&[], Vec::as_slice)
    }

    fn last_said(&self) -> i64 {
        self.0.values().flatten().map(|statement| statement.said).max().unwrap_or(0)
    }

    async fn known(&self, db: &Db) -> Result<KnownSections, DbError> {
        let mut latest: Vec<_> = self.0.values().filter_map(|statements| statements.last()).collect();
        latest.sort_by_key(|statement| (statement.said, statement.import_id, &statement.section.id));
        let exist = store::codes_of_courses(db, latest.iter().map(|statement| &statement.section)).await?;
        // What was said last about a course counts for the course, too.
        let with_codes: HashMap<_, _> =
            latest.iter().map(|statement| (&statement.section.code, &statement.section.id)).collect();
        let is_known = |section: &&CanvasSection| {
            exist.contains(&*section.code) && with_codes[&section.code] == &section.id
        };
        Ok(latest.iter().map(|statement| &statement.section).filter(is_known).cloned().collect())
    }
}
