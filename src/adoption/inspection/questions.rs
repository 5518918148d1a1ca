//! The questions about rows: pure functions over values that were counted before.

use super::choose::is_role;
use super::proposal::{Question, assignment};
use super::store::{self, MAX_VALUES, Value};
use crate::adoption::columns::letters;
use crate::count::{counted, to_i64};
use crate::db::catalog::{Column, ListedTable, plain_or_quoted};
use crate::mapping::{EnrollmentsMapping, Mapping};

/// How a column may say which rows count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// By a status with one of several values.
    Value,
    /// By the time at which the row ended; null as long as it counts.
    Time,
}

/// Names of columns with a status, as [`letters`].
const STATES: [&str; 18] = [
    "status",
    "state",
    "enrollmentstatus",
    "registrationstatus",
    "active",
    "isactive",
    "enabled",
    "archived",
    "isarchived",
    "dropped",
    "isdropped",
    "deleted",
    "isdeleted",
    "withdrawn",
    "iswithdrawn",
    "cancelled",
    "canceled",
    "approved",
];
/// Names of columns with the time at which a row ended, as [`letters`].
const TIMES: [&str; 8] = [
    "droppedat",
    "dropdate",
    "deletedat",
    "withdrawnat",
    "cancelledat",
    "canceledat",
    "archivedat",
    "unenrolledat",
];

/// Returns how a column of enrollments may say which rows count.
pub(super) fn mark_of_enrollment(column: &Column) -> Option<Mark> {
    let name = letters(&column.name);
    if TIMES.contains(&name.as_str()) {
        return Some(Mark::Time);
    }
    STATES.contains(&name.as_str()).then_some(Mark::Value)
}

/// Returns how a column of students or courses may say which rows count: by the role of a user, or by the time of a
/// deletion that left the row in place.
pub(super) fn mark_of_record(column: &Column, is_of_users: bool) -> Option<Mark> {
    if is_of_users && is_role(&column.name) {
        return Some(Mark::Value);
    }
    (letters(&column.name) == "deletedat").then_some(Mark::Time)
}

/// Asks which rows are enrollments, if a status has several values.
pub(super) fn status(rows: &EnrollmentsMapping, column: &str, values: &[Value]) -> Option<Question> {
    if values.len() < 2 {
        return None;
    }
    let text = format!(
        "The column {column} of {} has {}. Which rows are enrollments? If all, leave the mapping as it is.",
        rows.table,
        listed(values)
    );
    let column = plain_or_quoted(column);
    let condition = |(literal, _): &Value| match literal.as_str() {
        "NULL" => format!("{column} is null"),
        literal => format!("{column} = {literal}"),
    };
    let answers = values.iter().map(|value| assignment("where", &condition(value))).collect();
    Some(Question { part: "enrollments", text, answers })
}

/// Asks whether rows with an end time are enrollments.
pub(super) fn ended(rows: &EnrollmentsMapping, column: &str, marked: i64) -> Option<Question> {
    let answer = assignment("where", &format!("{} is null", plain_or_quoted(column)));
    (marked > 0).then(|| Question {
        part: "enrollments",
        text: format!(
            "{} of {} {} a value in {column}. Are these enrollments too? If so, leave the mapping as it is.",
            counted(marked, "row"),
            rows.table,
            if marked == 1 { "has" } else { "have" },
        ),
        answers: vec![answer],
    })
}

/// Points out that users of all roles would appear as students.
pub(super) fn roles(part: &'static str, table: &str, column: &str, values: &[Value]) -> Option<Question> {
    (values.len() > 1).then(|| Question {
        part,
        text: format!(
            "All rows of {table} would appear as {part}, whatever their {column}: it has {}. Is that right?",
            listed(values)
        ),
        answers: Vec::new(),
    })
}

/// Points out that rows marked as deleted would appear.
pub(super) fn deleted(part: &'static str, table: &str, column: &str, marked: i64) -> Option<Question> {
    (marked > 0).then(|| Question {
        part,
        text: format!(
            "{} of {table} {} a value in {column} and would appear in {part} all the same. Is that right?",
            counted(marked, "row"),
            if marked == 1 { "has" } else { "have" },
        ),
        answers: Vec::new(),
    })
}

/// Asks whether to leave out rows whose student or course does not exist.
pub(super) fn dangling(mapping: &Mapping, rows: &EnrollmentsMapping, count: i64) -> Option<Question> {
    (count > 0).then(|| Question {
        part: "enrollments",
        text: format!(
            "{} of {} {} to a student or a course that does not exist. Leave {} out?",
            counted(count, "row"),
            rows.table,
            if count == 1 { "refers" } else { "refer" },
            if count == 1 { "it" } else { "them" },
        ),
        answers: vec![assignment("where", &store::existing_only(mapping, rows))],
    })
}

/// Asks which row to use if a student has several rows for the same course.
pub(super) fn repeated(table: &ListedTable, rows: &EnrollmentsMapping, pairs: i64) -> Option<Question> {
    let mut keys = table.definition.columns.iter().filter(|column| column.key > 0);
    let id = match (keys.next(), keys.next()) {
        (Some(only), None) if only.is_integer => Some(only.name.as_str()),
        _ => None,
    };
    (pairs > 0).then(|| Question {
        part: "enrollments",
        text: format!(
            "{} has {} more than once: several rows with the same student and course. Which row should be used?",
            rows.table,
            counted(pairs, "enrollment"),
        ),
        answers: id.map(|id| assignment("where", &store::first_of_each_pair(rows, id))).into_iter().collect(),
    })
}

/// Lists values with their numbers of rows: `'active' (2 rows), NULL (1 row)`.
fn listed(values: &[Value]) -> String {
    let shown = values.iter().take(usize::try_from(MAX_VALUES).unwrap_or(usize::MAX));
    let mut text: Vec<_> =
        shown.map(|(literal, rows)| format!("{literal} ({})", counted(*rows, "row"))).collect();
    if to_i64(values.len()) > MAX_VALUES {
        text.push("further values".to_owned());
    }
    text.join(", ")
}
