//! Why a file, or a whole set of files, is not read.

use std::fmt::Write as _;

use super::record::MAX_ROW_BYTES;

/// Why nothing of a file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRefusal {
    /// A stable word for programs.
    pub code: &'static str,
    /// The physical line, from 1, if it is about one.
    pub line: Option<u32>,
    /// A sentence for people.
    pub detail: String,
}

impl FileRefusal {
    /// Whether the file could be read if somebody said what its columns mean.
    #[must_use]
    pub fn is_about_columns(&self) -> bool {
        ["no-heading", "kind-unclear", "column-missing", "two-columns-of-one-meaning", "nothing-to-read"]
            .contains(&self.code)
    }

    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, line: None, detail: detail.into() }
    }

    pub(super) fn at(self, line: u32) -> Self {
        Self { line: Some(line), ..self }
    }

    pub(super) fn unclosed_quote(line: u32) -> Self {
        let detail = format!("The quote that opens on line {line} is never closed.");
        Self::new("unclosed-quote", detail).at(line)
    }

    pub(super) fn not_in_encoding(name: &str, line: u32) -> Self {
        let detail = format!(
            "Line {line} has bytes that are not {name}. Save the file as UTF-8, or name the encoding that it has."
        );
        Self::new("not-in-encoding", detail).at(line)
    }

    pub(super) fn something_else(what: &str) -> Self {
        Self::new("not-a-table", format!("This is {what}, not a table. Save it as CSV (UTF-8) or XLSX."))
    }

    pub(super) fn damaged_workbook() -> Self {
        Self::new(
            "damaged-workbook",
            "This is an Excel workbook that cannot be read. Save it as CSV (UTF-8).",
        )
    }

    pub(super) fn damaged_archive() -> Self {
        Self::new("damaged-archive", "This is a zip archive that cannot be read.")
    }

    pub(super) fn too_large(what: &str, limit: u64) -> Self {
        Self::new("too-large", format!("{what} at most {limit}. Split the file."))
    }

    pub(super) fn long_row(line: u32) -> Self {
        Self::too_large("The bytes of a row are", MAX_ROW_BYTES as u64).at(line)
    }

    pub(super) fn repeated_heading(heading: &str, columns: &[usize]) -> Self {
        let mut detail = format!("The heading \u{201c}{heading}\u{201d} is there more than once (columns ");
        for (place, column) in columns.iter().enumerate() {
            let before = if place == 0 {
                ""
            } else if place + 1 == columns.len() {
                " and "
            } else {
                ", "
            };
            #[expect(clippy::let_underscore_must_use, reason = "writing to a String does not fail")]
            let _ = write!(detail, "{before}{column}");
        }
        detail.push_str("). Delete all but one.");
        Self::new("repeated-heading", detail)
    }
}
