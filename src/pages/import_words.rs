//! Words for rows and columns on the pages of imports.

use crate::files::reading::Meaning;
use crate::imports::staging::{Import, ImportStatus};
use crate::imports::{FileSummary, ImportRow, RowStatus};

/// A column of a file.
pub(super) struct Column<'f> {
    pub(super) heading: &'f str,
    /// What its cells mean; `None` if it is not read.
    pub(super) meaning: Option<Meaning>,
    /// Why it is not read.
    pub(super) why: &'f str,
    /// Whether somebody can say that it means something else.
    pub(super) is_correctable: bool,
}

impl Column<'_> {
    /// What the field of the column has as its value.
    pub(super) fn value(&self) -> &'static str {
        self.meaning.map_or("", Meaning::slug)
    }
}

/// The columns of a file.
pub(super) fn columns(file: &FileSummary) -> Vec<Column<'_>> {
    let read = file.columns.iter().map(|column| Column {
        heading: &column.heading,
        meaning: Some(column.meaning),
        why: "",
        is_correctable: true,
    });
    let unread = file.ignored.iter().map(|column| Column {
        heading: &column.heading,
        meaning: None,
        why: &column.why,
        is_correctable: !column.is_password,
    });
    read.chain(unread).collect()
}

/// What people call a kind of record.
pub(super) fn record_word(record: &str) -> &str {
    if record == "place-on-waitlist" { "place on the waitlist" } else { record }
}

/// What people call the kind of the rows of a file.
pub(super) fn kind_word(kind: &str) -> &str {
    match kind {
        "roles" => "roles of people",
        "manifest" => "list of the files",
        "other" => "not read",
        known => known,
    }
}

/// What people call a field of a record.
fn field_word(field: &str) -> &str {
    if field == "email" { "e-mail" } else { field }
}

/// The effect of a row, in words.
pub(super) fn effect(row: &ImportRow) -> String {
    if let Some(detail) = &row.detail {
        return detail.clone();
    }
    let fields: Vec<_> = row
        .fields
        .iter()
        .map(|field| {
            let word = field_word(&field.field);
            let new = field.new.as_deref().unwrap_or("\u{2013}");
            match (&field.old, row.status) {
                (_, RowStatus::New) => format!("{word} {new}"),
                (None, _) => format!("{word}: \u{2013} \u{2192} {new}"),
                (Some(old), _) => format!("{word}: {old} \u{2192} {new}"),
            }
        })
        .collect();
    match row.status {
        RowStatus::New if row.waitlisted => "gets a place on the waitlist".to_owned(),
        RowStatus::New if row.overridden => "is enrolled, beyond the limits of the course".to_owned(),
        RowStatus::New if row.record.as_deref() == Some("enrollment") => "is enrolled".to_owned(),
        RowStatus::Vanishing => vanishes(row).to_owned(),
        RowStatus::Unchanged => "stays as it is".to_owned(),
        _ => fields.join("; "),
    }
}

/// The effect on a record that vanishes.
fn vanishes(row: &ImportRow) -> &'static str {
    match (row.record.as_deref(), row.cause.as_deref()) {
        (_, Some("with-student")) => "ends with the student",
        (_, Some("with-course")) => "ends with the course",
        (Some("student" | "course"), Some("not-in-files")) => "is deleted: the files do not mention it",
        (Some("student" | "course"), _) => "is deleted",
        (_, Some("not-in-files")) => "is dropped: the files do not mention it",
        _ => "is dropped",
    }
}

/// The label of the status of an import.
pub(super) fn status_label(import: &Import) -> &'static str {
    match import.status {
        ImportStatus::Planned if import.has_no_effect() => "nothing to import",
        ImportStatus::Staging => "being read",
        ImportStatus::Planned => "not imported yet",
        ImportStatus::Applying => "being imported",
        ImportStatus::Stopped => "stopped",
        ImportStatus::Applied => "imported",
        ImportStatus::Undoing => "being undone",
        ImportStatus::Undone => "undone",
    }
}

/// The names of the files of an import.
pub(super) fn file_names(import: &Import) -> String {
    let names: Vec<_> = import.files.iter().map(|file| file.name.as_str()).collect();
    match names.as_slice() {
        [first, second, third, _, ..] => format!("{first}, {second}, {third} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}
