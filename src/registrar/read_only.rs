//! The fields of records that cannot be written in this school.

use crate::mapping::RecordTable;

/// Fields that cannot be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly {
    /// Fields of students.
    pub students: ReadOnlyFields,
    /// Fields of courses.
    pub courses: ReadOnlyFields,
}

/// Fields of one kind of record that cannot be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOnlyFields {
    /// Fields that the table computes.
    pub generated: Vec<String>,
    /// Fields that are expressions in the school's mapping.
    pub expressions: Vec<String>,
    /// Fields that the school's table does not have.
    pub absent: Vec<String>,
}

impl ReadOnlyFields {
    /// The fields among `fields` that cannot be written to a table with these computed columns. `external_id` is one of
    /// `fields`.
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
            // If the school has no column for the external id, our own table has it.
            absent: names(&|field| field != external_id && !table.has(field)),
        }
    }

    /// Whether a value may differ from the one that was written.
    #[must_use]
    pub fn are_computed(&self) -> bool {
        !self.generated.is_empty() || !self.expressions.is_empty()
    }
}
