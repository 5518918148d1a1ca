//! Words for rows and columns on the pages of imports.

use crate::files::reading::Meaning;
use crate::imports::staging::{Import, ImportStatus};
use crate::imports::{ImportRow, RowStatus};

/// A column of a file.
pub(super) struct Column {
    pub(super) heading: String,
    /// The slug of its meaning; empty if it is not read.
    pub(super) meaning: String,
    /// Why it is not read.
    pub(super) why: String,
}

/// The columns of a file, with their meanings.
pub(super) fn columns(file: &serde_json::Value) -> Vec<Column> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let of = |list: &str, meaning: &str, why: &str| -> Vec<Column> {
        let columns = file[list].as_array().into_iter().flatten();
        let column = |column: &serde_json::Value| Column {
            heading: text(&column["heading"]),
            meaning: text(&column[meaning]),
            why: text(&column[why]),
        };
        columns.map(column).collect()
    };
    let mut columns = of("columns", "meaning", "");
    columns.extend(of("ignored", "", "why"));
    columns
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
            let new = field.new.as_deref().unwrap_or("\u{2013}");
            match (&field.old, row.status) {
                (_, RowStatus::New) => format!("{} {new}", field.field),
                (None, _) => format!("{}: \u{2013} \u{2192} {new}", field.field),
                (Some(old), _) => format!("{}: {old} \u{2192} {new}", field.field),
            }
        })
        .collect();
    match row.status {
        RowStatus::New if row.waitlisted => "gets a place on the waitlist".to_owned(),
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
pub(super) fn status_label(status: ImportStatus) -> &'static str {
    match status {
        ImportStatus::Staging | ImportStatus::Planned => "not imported yet",
        ImportStatus::Applying => "being imported",
        ImportStatus::Stopped => "stopped",
        ImportStatus::Applied => "imported",
        ImportStatus::Undoing => "being undone",
        ImportStatus::Undone => "undone",
    }
}

/// The label of the meaning with this slug.
pub(super) fn meaning_label(slug: &str) -> &'static str {
    Meaning::from_slug(slug).map_or("not read", Meaning::label)
}

/// The names of the files of an import.
pub(super) fn file_names(import: &Import) -> String {
    let names: Vec<_> = import.files.iter().filter_map(|file| file["name"].as_str()).collect();
    match names.as_slice() {
        [first, second, third, _, ..] => format!("{first}, {second}, {third} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}
