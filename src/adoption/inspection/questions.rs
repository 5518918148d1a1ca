//! The questions that the rows raise: pure functions over what was counted.

use super::choose::is_role;
use super::proposal::{Question, assignment};
use super::store::{self, MAX_VALUES, Value};
use crate::adoption::columns::letters;
use crate::count::{counted, to_i64};
use crate::db::catalog::{Column, ListedTable, plain_or_quoted};
use crate::mapping::{EnrollmentsMapping, Mapping};

/// A column that may say which rows count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A status with one of several values.
    Value,
    /// A time, or nothing as long as the row counts.
    Time,
}

/// What such a column is called.
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

/// What a column of enrollments says about which rows count.
pub(super) fn mark_of_enrollment(column: &Column) -> Option<Mark> {
    let name = letters(&column.name);
    if TIMES.contains(&name.as_str()) {
        return Some(Mark::Time);
    }
    STATES.contains(&name.as_str()).then_some(Mark::Value)
}

/// What a column of students or courses says about which rows count: users have roles, and deleted rows may be kept.
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

/// Points out that rows that are marked as deleted would appear.
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

/// Asks what to do with rows whose student or course does not exist.
pub(super) fn dangling(mapping: &Mapping, rows: &EnrollmentsMapping, count: i64) -> Option<Question> {
    (count > 0).then(|| Question {
        part: "enrollments",
        text: format!(
            "{} of {} {} no student, or no course, that exists. Leave them out?",
            counted(count, "row"),
            rows.table,
            if count == 1 { "names" } else { "name" },
        ),
        answers: vec![assignment("where", &store::existing_only(mapping, rows))],
    })
}

/// Asks which row counts where a student is in a course more than once.
pub(super) fn repeated(table: &ListedTable, rows: &EnrollmentsMapping, pairs: i64) -> Option<Question> {
    let mut keys = table.definition.columns.iter().filter(|column| column.key > 0);
    let id = match (keys.next(), keys.next()) {
        (Some(only), None) if only.is_integer => Some(only.name.as_str()),
        _ => None,
    };
    (pairs > 0).then(|| Question {
        part: "enrollments",
        text: format!(
            "In {}, {} of a student and a course {} more than once, but an enrollment exists only once. Which row counts?",
            rows.table,
            counted(pairs, "pair"),
            if pairs == 1 { "is there" } else { "are there" },
        ),
        answers: id.map(|id| assignment("where", &store::first_of_each_pair(rows, id))).into_iter().collect(),
    })
}

fn listed(values: &[Value]) -> String {
    let shown = values.iter().take(usize::try_from(MAX_VALUES).unwrap_or(usize::MAX));
    let mut text: Vec<_> =
        shown.map(|(literal, rows)| format!("{literal} ({})", counted(*rows, "row"))).collect();
    if to_i64(values.len()) > MAX_VALUES {
        text.push("further values".to_owned());
    }
    text.join(", ")
}
