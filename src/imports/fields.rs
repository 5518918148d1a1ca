//! The fields of the files that the school's tables can hold.

use super::steps::Obstacle;
use crate::db::{Db, DbError, catalog};
use crate::files::reading::{FileKind, Ignored, IgnoredColumn, Meaning, Reading};
use crate::mapping::{RecordTable, SchoolTables};
use crate::registrar::{Course, ReadOnlyFields, Record, Student};

const COMPUTED: &str = "the school's table computes it";
const ABSENT: &str = "the school has no column for it";
const OTHER_TYPE: &str = "the school's column does not hold texts";
const WHOLE_NUMBERS: &str = "the school's column holds whole numbers, and some cells are something else";

/// The fields of students and of courses.
pub(super) struct Fields {
    pub(super) students: RecordFields,
    pub(super) courses: RecordFields,
}

impl Fields {
    /// Looks up which fields of the files the tables can hold.
    pub(super) async fn load(db: &Db, tables: &SchoolTables, reading: &Reading) -> Result<Self, DbError> {
        let mut students = RecordFields::load::<Student>(db, &tables.students).await?;
        students
            .check("name", reading.people.iter().map(|row| Some(&*row.name).filter(|name| !name.is_empty())));
        students.check("email", reading.people.iter().map(|row| row.email.as_deref()));
        let mut courses = RecordFields::load::<Course>(db, &tables.courses).await?;
        courses.check("name", reading.courses.iter().map(|row| Some(&*row.name)));
        courses.check("level", reading.courses.iter().map(|row| row.level.as_deref()));
        Ok(Self { students, courses })
    }

    /// Moves the columns that the tables cannot hold to the ignored ones.
    pub(super) fn report(&self, reading: &mut Reading) {
        for file in &mut reading.files {
            let why = |meaning: Meaning| match file.kind? {
                FileKind::People => self.students.why_not(student_field(meaning)?),
                FileKind::Courses | FileKind::Sections => self.courses.why_not(course_field(meaning)?),
                _ => None,
            };
            let not_held = file.recognized.iter().filter_map(|(heading, meaning)| {
                Some(IgnoredColumn { heading: heading.clone(), why: Ignored::NotHeld(why(*meaning)?) })
            });
            file.ignored.extend(not_held.collect::<Vec<_>>());
            file.recognized.retain(|(_, meaning)| why(*meaning).is_none());
        }
    }
}

fn student_field(meaning: Meaning) -> Option<&'static str> {
    match meaning {
        Meaning::Name | Meaning::SortableName | Meaning::FirstName | Meaning::LastName => Some("name"),
        Meaning::Email => Some("email"),
        _ => None,
    }
}

fn course_field(meaning: Meaning) -> Option<&'static str> {
    match meaning {
        Meaning::Name | Meaning::ShortName | Meaning::CourseName => Some("name"),
        Meaning::Level => Some("level"),
        _ => None,
    }
}

/// The special fields of one kind of records.
pub(super) struct RecordFields {
    external_id: &'static str,
    /// Fields that are not written, and the reasons.
    not_held: Vec<(&'static str, &'static str)>,
    /// Columns of whole numbers: `007` would become 7.
    numbers: Vec<&'static str>,
}

impl RecordFields {
    async fn load<R: Record>(db: &Db, table: &RecordTable) -> Result<Self, DbError> {
        let columns = catalog::columns(db, &table.key.catalog_name).await?;
        let computed = columns.iter().filter(|column| column.is_computed).map(|column| column.name.clone());
        let names: Vec<_> = R::FIELDS.iter().map(|field| field.name).collect();
        let read_only = ReadOnlyFields::find(table, &names, R::EXTERNAL_ID, &computed.collect::<Vec<_>>());
        let is_in = |fields: &[String], name: &str| fields.iter().any(|field| field == name);
        let mut fields = Self { external_id: R::EXTERNAL_ID, not_held: Vec::new(), numbers: Vec::new() };
        for name in names {
            let column = table.column(name).map(|column| column.trim_matches('"'));
            let column =
                columns.iter().find(|one| column.is_some_and(|it| one.name.eq_ignore_ascii_case(it)));
            if is_in(&read_only.absent, name) {
                fields.not_held.push((name, ABSENT));
            } else if is_in(&read_only.generated, name) || is_in(&read_only.expressions, name) {
                fields.not_held.push((name, COMPUTED));
            } else if column.is_some_and(|column| is_of_numbers(&column.kind)) {
                fields.numbers.push(name);
            } else if column.is_some_and(|column| !may_hold_texts(&column.kind)) {
                fields.not_held.push((name, OTHER_TYPE));
            }
        }
        Ok(fields)
    }

    /// Stops writing a column of numbers if the files have other texts for it.
    fn check<'a>(&mut self, field: &'static str, mut values: impl Iterator<Item = Option<&'a str>>) {
        if self.numbers.contains(&field) && !values.all(|value| value.is_none_or(is_whole_number)) {
            self.not_held.push((field, WHOLE_NUMBERS));
        }
    }

    /// The reason why a field is not written; `None` if it is.
    fn why_not(&self, field: &str) -> Option<&'static str> {
        self.not_held.iter().find(|(name, _)| *name == field).map(|(_, why)| *why)
    }

    /// Whether a field is written.
    pub(super) fn holds(&self, field: &str) -> bool {
        self.why_not(field).is_none()
    }

    /// The value of a field of a new record if the files have none: the tables need a text.
    pub(super) fn default_of(&self, field: &str) -> Option<&'static str> {
        (field != self.external_id && !self.numbers.contains(&field)).then_some("")
    }

    /// Refuses to add a record if the school does not store the field by which the files name it: the next import would
    /// not find the record, and would add it again.
    pub(super) fn ensure_findable(&self, field: &str, named: &str) -> Result<(), Obstacle> {
        match self.why_not(field) {
            Some(why) => Err(Obstacle::new(
                "read-only-field",
                format!("There is no record with this {named}, and none can be added: {why}."),
            )),
            None => Ok(()),
        }
    }
}

/// Whether a column of this type stores whole numbers.
fn is_of_numbers(kind: &str) -> bool {
    let kind = kind.to_lowercase();
    kind.contains("int") && !kind.contains("interval") && !kind.contains("point") || kind.contains("serial")
}

/// Whether a column of this type returns texts as they were written. `true` for unknown types: the database may refuse
/// a row.
fn may_hold_texts(kind: &str) -> bool {
    const OTHERS: [&str; 8] = ["real", "float", "double", "num", "dec", "date", "time", "bool"];
    let kind = kind.to_lowercase();
    kind.contains("char") || kind.contains("text") || !OTHERS.iter().any(|part| kind.contains(part))
}

/// Whether a column of whole numbers returns the text as it was written.
fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').filter(|digits| *digits != "0").unwrap_or(text);
    let is_canonical = digits == "0" || !digits.starts_with('0');
    !digits.is_empty()
        && digits.len() <= 9
        && is_canonical
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_numbers_gives_back_what_it_would_write_itself() {
        for text in ["0", "7", "-7", "100", "123456789"] {
            assert!(is_whole_number(text), "{text}");
        }
        for text in ["", "-", "-0", "007", "7.0", "+7", " 7", "1e5", "one", "1234567890"] {
            assert!(!is_whole_number(text), "{text}");
        }
    }

    #[test]
    fn types_are_known_by_their_names() {
        for kind in ["integer", "INT", "bigint", "smallint", "serial"] {
            assert!(is_of_numbers(kind), "{kind}");
        }
        for kind in
            ["text", "character varying(20)", "", "citext", "uuid", "CLOB", "level_kind", "character(5)"]
        {
            assert!(!is_of_numbers(kind) && may_hold_texts(kind), "{kind}");
        }
        for kind in
            ["numeric(5,2)", "REAL", "double precision", "date", "timestamp with time zone", "boolean"]
        {
            assert!(!is_of_numbers(kind) && !may_hold_texts(kind), "{kind}");
        }
    }
}
