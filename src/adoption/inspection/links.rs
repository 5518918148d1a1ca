//! Finds the tables that link students and courses: first by foreign keys, then by the names of columns.

use super::names::{self, Kind, NAMED, USERS};
use crate::adoption::columns::letters;
use crate::db::catalog::{Column, ListedTable, Reference};

/// A table in which each row refers to a student and to a course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its position in the list of tables.
    pub(super) table: usize,
    pub(super) student: Side,
    pub(super) course: Side,
    /// How clearly its rows are enrollments: 3 or 2 if its name says so, 1 if it has no other data, 0 if it may be
    /// anything.
    pub(super) clarity: u8,
}

/// The column of a link that refers to the student, or the one that refers to the course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) column: String,
    /// The position of the table that it refers to; `None` if there is no such table.
    pub(super) table: Option<usize>,
    /// The column that its foreign key names; `None` if it names only a table.
    pub(super) target: Option<String>,
    /// Whether it is a foreign key.
    pub(super) by_key: bool,
    /// Whether no other table is possible: it is a foreign key, or its name matches that of exactly one table.
    pub(super) is_certain: bool,
    /// How clearly it refers to a student, or to a course: see [`names::rank`].
    rank: u8,
}

impl Link {
    /// How clearly the table links students and courses.
    fn rank(&self) -> u8 {
        self.student.rank + self.course.rank
    }

    /// Whether both columns are foreign keys.
    pub(super) fn is_by_keys(&self) -> bool {
        self.student.by_key && self.course.by_key
    }
}

/// Returns the tables that link students and courses, the clearest first.
pub(super) fn links(tables: &[ListedTable]) -> Vec<Link> {
    let mut links: Vec<_> = (0..tables.len()).filter_map(|place| link(tables, place)).collect();
    links.sort_by_key(|link| {
        std::cmp::Reverse((link.clarity, link.rank(), link.is_by_keys(), tables[link.table].rows))
    });
    links
}

fn link(tables: &[ListedTable], place: usize) -> Option<Link> {
    let table = &tables[place];
    // Not a link: students may refer to users and to classes, classes to a teacher and to a course.
    if [Kind::Student, Kind::Course].iter().any(|kind| names::rank(*kind, &table.name).is_some()) {
        return None;
    }
    let student = side(tables, place, Kind::Student)?;
    let course = side(tables, place, Kind::Course)?;
    if student.table.is_some() && student.table == course.table {
        return None;
    }
    let clarity = match names::rank_of_enrollments(&table.name) {
        Some(rank) => rank + 1,
        None if names::is_of_something_else(&table.name) => 0,
        None => has_no_other_columns(table, [&student, &course]).into(),
    };
    Some(Link { table: place, student, course, clarity })
}

/// Whether a table has only the two columns, an id, and the times at which a row was added and changed.
fn has_no_other_columns(table: &ListedTable, sides: [&Side; 2]) -> bool {
    table.definition.columns.iter().all(|column| {
        sides.iter().any(|side| side.column == column.name)
            || letters(&column.name) == "id"
            || ["createdat", "updatedat"].contains(&&*letters(&column.name))
    })
}

/// Returns the column that refers most clearly to this kind of rows; among equals, the one with the shortest name.
fn side(tables: &[ListedTable], place: usize, kind: Kind) -> Option<Side> {
    let columns = tables[place].definition.columns.iter();
    let sides = columns.filter_map(|column| side_of(tables, &tables[place], column, kind));
    sides.max_by_key(|side| (side.rank, std::cmp::Reverse(side.column.len())))
}

fn side_of(tables: &[ListedTable], table: &ListedTable, column: &Column, kind: Kind) -> Option<Side> {
    let reference =
        table.definition.references.iter().find(|key| key.column.eq_ignore_ascii_case(&column.name));
    if let Some(reference) = reference.filter(|reference| !reference.composite) {
        let referred = find(tables, &reference.table);
        let rank = rank_of_key(tables, reference, column, kind)?;
        let target = reference.target.clone();
        return Some(Side {
            column: column.name.clone(),
            table: referred,
            target,
            by_key: true,
            is_certain: true,
            rank,
        });
    }
    if !says(table, column, kind) {
        return None;
    }
    let is_of_users = kind == Kind::Student && names::refers_to_users(&column.name);
    let of_that_name = with_noun(tables, kind, &column.name);
    let referred = match named(tables, kind).first() {
        Some(_) if is_of_users => return None,
        Some(first) => Some(*of_that_name.first().unwrap_or(first)),
        None => tables.iter().position(|table| names::rank(kind, &table.name) == Some(USERS)),
    };
    let rank = if referred.is_some() { NAMED } else { USERS };
    let is_certain = of_that_name.len() == 1;
    Some(Side { column: column.name.clone(), table: referred, target: None, by_key: false, is_certain, rank })
}

/// Returns the tables of this kind whose names end with the noun of a column: for `class_id` `classes`, not `courses`.
fn with_noun(tables: &[ListedTable], kind: Kind, column: &str) -> Vec<usize> {
    let stem = names::key_stem(column);
    let has_noun = |table: &ListedTable| {
        let is_of_kind = names::rank(kind, &table.name).is_some_and(|rank| rank >= NAMED);
        is_of_kind && names::words(&table.name).last().is_some_and(|noun| stem.ends_with(noun.as_str()))
    };
    (0..tables.len()).filter(|place| has_noun(&tables[*place])).collect()
}

/// Returns how clearly a foreign key refers to this kind of rows; `None` if it does not.
fn rank_of_key(tables: &[ListedTable], key: &Reference, column: &Column, kind: Kind) -> Option<u8> {
    let other = if kind == Kind::Student { Kind::Course } else { Kind::Student };
    let is_named = names::referred_kind(&column.name) == Some(kind) && !names::refers_to_users(&column.name);
    match names::rank(kind, &key.table) {
        // Students may be among the users, but not if they have a table of their own.
        Some(USERS) if is_named => Some(NAMED),
        Some(USERS) if !named(tables, kind).is_empty() => None,
        None if is_named && names::rank(other, &key.table).is_none() => Some(NAMED),
        rank => rank,
    }
}

/// Whether the name of a column without a foreign key says that it refers to this kind of rows.
fn says(table: &ListedTable, column: &Column, kind: Kind) -> bool {
    if let Some((first, second)) = prisma_models(&table.name) {
        let model = match column.name.as_str() {
            "A" => first,
            "B" => second,
            _ => return false,
        };
        return names::rank(kind, model).is_some();
    }
    let is_key = letters(&column.name).ends_with("id") || column.is_integer;
    is_key && names::referred_kind(&column.name) == Some(kind)
}

/// Splits the name of a join table of Prisma, `_CourseToStudent`, into its two models. Column `A` refers to the first,
/// column `B` to the second.
fn prisma_models(table: &str) -> Option<(&str, &str)> {
    table.strip_prefix('_')?.split_once("To")
}

/// Returns the positions of the tables with the clearest names of this kind; empty if only a foreign key can identify
/// one.
pub(super) fn named(tables: &[ListedTable], kind: Kind) -> Vec<usize> {
    let rank = |table: &ListedTable| names::rank(kind, &table.name).filter(|rank| *rank >= NAMED);
    let Some(best) = tables.iter().filter_map(rank).max() else { return Vec::new() };
    (0..tables.len()).filter(|place| rank(&tables[*place]) == Some(best)).collect()
}

fn find(tables: &[ListedTable], name: &str) -> Option<usize> {
    let exact = tables.iter().position(|table| table.name == name);
    exact.or_else(|| {
        let is_same = |table: &ListedTable| !table.definition.strict && table.name.eq_ignore_ascii_case(name);
        tables.iter().position(is_same)
    })
}
