//! Cells of tables.

use crate::clock::Stamp;

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A text, also an id that consists of digits; empty for null.
    Text(String),
    /// A time.
    Time(Stamp),
    /// A number to calculate with; empty for null.
    Count(Option<i64>),
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.unwrap_or_default())
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Text(text) => text,
            Cell::Time(time) => time.to_string(),
            Cell::Count(count) => count.map(|count| count.to_string()).unwrap_or_default(),
        }
    }
}
