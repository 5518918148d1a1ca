//! Which cells of a file may have passwords.

use super::record::Record;

/// The columns of a file that have passwords.
#[derive(Clone, Debug, Default)]
pub(super) struct PasswordColumns {
    /// The line of the heading.
    pub(super) heading_line: u32,
    /// The number of columns, up to the last with a heading.
    pub(super) headings: usize,
    pub(super) columns: Vec<usize>,
}

impl PasswordColumns {
    /// Whether a cell of this row may have a password. In a row with too many cells, and in one that cannot be read, the
    /// password may be in any cell from its column on.
    pub(super) fn hides<'r>(&'r self, row: &'r Record) -> impl Fn(usize) -> bool + 'r {
        let has_surplus = (self.headings..row.len()).any(|column| !row.cell(column).is_empty());
        let is_shifted = row.fault.is_some() || has_surplus;
        let first = self.columns.iter().min().copied().unwrap_or(usize::MAX);
        let is_data = row.line > self.heading_line;
        move |column| is_data && (self.columns.contains(&column) || is_shifted && column >= first)
    }
}

/// Stands for a password.
pub(super) const HIDDEN: char = '*';
