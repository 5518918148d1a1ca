//! Decides which columns and indexes of an existing table can be used and which are carried over: pure functions over
//! the catalog.

use crate::db::catalog::{Column, Index, Table};

/// The columns of `student_courses` that matricula knows.
const KNOWN: [&str; 4] = ["id", "student_id", "course_id", "enrolled_at"];

/// Names of columns with the time of enrollment, in lower case and without separators; the clearest first.
const TIME_COLUMNS: [&str; 15] = [
    "enrolledat",
    "enrolledon",
    "enrollmentdate",
    "enrolmentdate",
    "enrolldate",
    "dateenrolled",
    "enrollmenttime",
    "registeredat",
    "registrationdate",
    "dateregistered",
    "joinedat",
    "createdat",
    "createdon",
    "insertedat",
    "created",
];

/// The column with the time of enrollment, by name and type.
pub(super) fn time_of_enrollment(columns: &[Column]) -> Option<&Column> {
    let with_name =
        |name: &&str| columns.iter().find(|column| has_times(column) && letters(&column.name) == **name);
    TIME_COLUMNS.iter().find_map(with_name)
}

/// Whether the type is one of dates, or of dates with a time.
fn has_times(column: &Column) -> bool {
    let kind = column.kind.to_lowercase();
    kind.starts_with("date") || kind.starts_with("timestamp")
}

/// A name as letters and digits only, in lower case: `firstName` and `first_name` are the same.
pub(super) fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether the type of `column` allows ids, so that its rows can be checked.
pub(super) fn may_hold_ids(table: &Table, column: &str) -> bool {
    let fits = |column: &Column| column.is_integer || !table.strict;
    table.kind == "table" && table.rights.read && table.column(column).is_some_and(fits)
}

/// The columns that another program has added.
pub(super) fn extra_columns<'t>(table: &'t Table, known: &[&str]) -> Vec<&'t Column> {
    table
        .columns
        .iter()
        .filter(|column| !known.iter().any(|known| column.name.eq_ignore_ascii_case(known)))
        .collect()
}

/// The extra columns of an existing `student_courses` that are copied to ours.
pub(super) fn to_carry(table: &Table) -> Vec<&Column> {
    extra_columns(table, &KNOWN)
}

/// The indexes of an existing `student_courses` that are recreated because ours does not have them.
pub(super) fn indexes_to_keep(table: &Table) -> impl Iterator<Item = &Index> {
    const OURS: [&[&str]; 3] = [&["id"], &["student_id", "course_id"], &["course_id"]];
    table.indexes.iter().filter(|index| {
        let served =
            named(index).is_some_and(|columns| OURS.iter().any(|ours| ours.starts_with(&as_strs(&columns))));
        index.definition.is_some() && (index.partial || !served)
    })
}

/// Whether each new row needs a value for it that nothing supplies.
pub(super) fn needs_value(column: &Column) -> bool {
    column.required && column.default.is_none() && !column.generated && !column.numbers_itself
}

pub(super) fn named(index: &Index) -> Option<Vec<String>> {
    index.columns.iter().map(|name| name.as_ref().map(|name| name.to_ascii_lowercase())).collect()
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
