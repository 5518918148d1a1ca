//! Which fields of records cannot be written in this school.

use crate::mapping::RecordTable;

/// Fields that cannot be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly {
    /// Those of students.
    pub students: ReadOnlyFields,
    /// Those of courses.
    pub courses: ReadOnlyFields,
}

/// Fields of one kind of record that cannot be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnlyFields {
    /// The table computes them.
    pub generated: Vec<String>,
    /// Expressions of the school's mapping.
    pub expressions: Vec<String>,
    /// The school's table does not have them.
    pub absent: Vec<String>,
}

impl ReadOnlyFields {
    /// Those of `fields`, of which `external_id` is one, in a table with these computed columns.
    #[must_use]
    pub fn find(table: &RecordTable, fields: &[&str], external_id: &str, computed: &[String]) -> Self {
        let is_generated = |field: &str| {
            let column = table.column(field).map(|column| column.trim_matches('"'));
            column.is_some_and(|column| computed.iter().any(|computed| computed.eq_ignore_ascii_case(column)))
        };
        let names = |matches: &dyn Fn(&str) -> bool| -> Vec<String> {
            fields.iter().filter(|field| matches(field)).map(|field| (*field).to_owned()).collect()
        };
        Self {
            generated: names(&is_generated),
            expressions: names(&|field| table.is_expression(field)),
            // An external id without a column of the school is in a table of ours.
            absent: names(&|field| field != external_id && !table.has(field)),
        }
    }

    /// Whether a value depends on more than what was written.
    #[must_use]
    pub fn are_computed(&self) -> bool {
        !self.generated.is_empty() || !self.expressions.is_empty()
    }
}
