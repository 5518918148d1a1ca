/// Rows of a finding that are shown.
pub(super) const SHOWN: usize = 20;

/// A promise that is broken, or something worth a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The promise; of a note, what was found.
    pub promise: &'static str,
    /// Where, row by row; the first of them when there are many.
    pub rows: Vec<String>,
    /// How many rows in all.
    pub total: usize,
}

impl Finding {
    /// The finding with these rows; `None` without any.
    pub(super) fn new(promise: &'static str, mut rows: Vec<String>) -> Option<Self> {
        let total = rows.len();
        rows.truncate(SHOWN);
        (total > 0).then_some(Self { promise, rows, total })
    }
}
