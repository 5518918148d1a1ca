//! The tables that hold students and courses, and the SQL that reads their fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{COURSE_CODE, COURSE_FIELDS, Mapping, RecordMapping, STUDENT_FIELDS, STUDENT_NUMBER};
use crate::db::NumberedTable;
use crate::db::catalog::{Column, Table, TableName, quoted};

/// The tables of a school's students and courses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolTables {
    /// The table of the students.
    pub students: RecordTable,
    /// The table of the courses.
    pub courses: RecordTable,
}

/// A table that holds records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTable {
    /// The table and its key.
    #[serde(flatten)]
    pub key: NumberedTable,
    /// Its name in a foreign key.
    pub reference: String,
    /// The source of each field; a field that the school does not have is left out.
    pub fields: BTreeMap<String, Source>,
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A column, as a statement writes it.
    Column(String),
    /// An expression over the table's columns, which cannot be written to.
    Expression(String),
}

/// The tables of a school without a mapping.
impl Default for SchoolTables {
    fn default() -> Self {
        Self {
            students: RecordTable::plain("students", &STUDENT_FIELDS),
            courses: RecordTable::plain("courses", &COURSE_FIELDS),
        }
    }
}

impl RecordTable {
    pub(super) fn plain(name: &str, fields: &[&str]) -> Self {
        let column = |field: &&str| ((*field).to_owned(), Source::Column((*field).to_owned()));
        Self {
            key: NumberedTable {
                catalog_name: name.to_owned(),
                qualified: name.to_owned(),
                id: "id".to_owned(),
            },
            reference: name.to_owned(),
            fields: fields.iter().map(column).collect(),
        }
    }

    /// Whether the columns of these fields, and the id, have the names that are used without a mapping.
    pub(super) fn is_plain(&self, name: &str, fields: &[&str]) -> bool {
        let Self { key, reference, fields: plain } = Self::plain(name, fields);
        let is_same = |field: &&str| self.fields.get(*field) == plain.get(*field);
        (&self.key, &self.reference) == (&key, &reference) && fields.iter().all(is_same)
    }

    /// The table that a mapping names. A value that is exactly the name of a column is that column, anything else an
    /// expression.
    #[must_use]
    pub fn from_mapping(mapping: &RecordMapping, table: &Table, name: TableName) -> Self {
        let source = |field: &str, text: &String| match table.column(text) {
            // Written as a number, `0042` would become 42: such a column is only read.
            Some(column) if EXTERNAL_IDS.contains(&field) && !keeps_texts(column) => {
                Source::Expression(format!("cast({} as text)", quoted(&column.name)))
            }
            Some(column) => Source::Column(quoted(&column.name)),
            None if EXTERNAL_IDS.contains(&field) => Source::Expression(format!("cast({text} as text)")),
            None => Source::Expression(text.clone()),
        };
        let fields = mapping.fields.iter().map(|(field, text)| (field.clone(), source(field, text)));
        Self {
            key: NumberedTable {
                catalog_name: name.catalog,
                qualified: name.qualified,
                id: table.column(&mapping.id).map_or(&mapping.id, |column| &column.name).clone(),
            },
            reference: name.reference,
            fields: fields.collect(),
        }
    }

    /// The column of a field, as a statement writes it; `None` for an expression, or if the school has no such field.
    #[must_use]
    pub fn column(&self, field: &str) -> Option<&str> {
        match self.fields.get(field) {
            Some(Source::Column(column)) => Some(column),
            Some(Source::Expression(_)) | None => None,
        }
    }

    /// Whether the field can be written, as far as the mapping says: to a column of the school, or to a table of ours.
    #[must_use]
    pub fn can_write(&self, field: &str) -> bool {
        self.column(field).is_some() || (EXTERNAL_IDS.contains(&field) && !self.has(field))
    }

    /// Whether the field is an expression.
    #[must_use]
    pub fn is_expression(&self, field: &str) -> bool {
        matches!(self.fields.get(field), Some(Source::Expression(_)))
    }

    /// Whether the school has the field.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Returns an SQL expression over the table's columns for a field; null if the school has no such field.
    #[must_use]
    pub fn read_expr(&self, field: &str) -> String {
        match self.fields.get(field) {
            Some(Source::Column(column)) => column.clone(),
            Some(Source::Expression(expression)) => format!("({expression})"),
            None => "cast(null as text)".to_owned(),
        }
    }
}

/// The fields with ids of the outside world, which are texts.
const EXTERNAL_IDS: [&str; 2] = [STUDENT_NUMBER, COURSE_CODE];

/// Whether a column keeps every text as it is written. `character(n)`, as a server calls `char(n)`, pads it.
#[must_use]
pub fn keeps_texts(column: &Column) -> bool {
    let kind = column.kind.to_lowercase();
    // SQLite takes a type with `int` for a number, whatever else is in its name.
    let is_text = ["char", "text", "clob"].iter().any(|part| kind.contains(part)) && !kind.contains("int");
    is_text && !kind.starts_with("character(")
}

/// Lists the differences between two mappings, one line each: the key, the stored value and the given one.
#[must_use]
pub(super) fn differences(stored: &Mapping, given: &Mapping) -> Vec<String> {
    let (stored, given) = (values(stored), values(given));
    let keys: std::collections::BTreeSet<_> = stored.keys().chain(given.keys()).collect();
    let shown =
        |value: Option<&String>| value.map_or_else(|| "left out".to_owned(), |value| format!("{value:?}"));
    let differing = keys.into_iter().filter(|key| stored.get(*key) != given.get(*key));
    differing
        .map(|key| {
            format!(
                "{key} is {} in the database and {} in the file",
                shown(stored.get(key)),
                shown(given.get(key))
            )
        })
        .collect()
}

/// Returns the values of a mapping by their keys, like `[students] id`.
fn values(mapping: &Mapping) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (part, record) in [("students", &mapping.students), ("courses", &mapping.courses)] {
        let Some(record) = record else { continue };
        let own = [("table", &record.table), ("id", &record.id)];
        let fields = record.fields.iter().map(|(field, source)| (field.as_str(), source));
        values.extend(
            own.into_iter().chain(fields).map(|(key, value)| (format!("[{part}] {key}"), value.clone())),
        );
    }
    if let Some(rows) = &mapping.enrollments {
        let optional = [("enrolled_at", &rows.enrolled_at), ("where", &rows.r#where)];
        let required =
            [("table", &rows.table), ("student_id", &rows.student_id), ("course_id", &rows.course_id)];
        let optional = optional.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let all = required.into_iter().chain(optional);
        values.extend(all.map(|(key, value)| (format!("[enrollments] {key}"), value.clone())));
    }
    values
}
